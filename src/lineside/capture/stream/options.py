"""The options that OpenCV hands to FFmpeg: one variable of the environment for the whole process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

from lineside.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
"""What OpenCV reads when a stream is opened, and only then."""


class OptionsGate:
    """Lets cameras that agree on their options be opened at once, and those that do not one after the other.

    Args:
        environment: Where OpenCV looks.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._environment = environment
        self._changed = Condition()
        self._options: str | None = None
        self._before: str | None = None
        self._holders = 0
        self._waiting = 0

    @contextmanager
    def held(self, options: str, timeout_s: float) -> Iterator[None]:
        """The options stand in the environment while the context is open; what stood there before comes back.

        Args:
            options: `key;value|key;value`.
            timeout_s: How long to wait for cameras with other options at most.

        Raises:
            SourceError: A camera with other options was being opened for all that time.
        """
        self._enter(options, timeout_s)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, options: str, timeout_s: float) -> None:
        with self._changed:
            if self._holders and self._options != options:
                self._waiting += 1
                try:
                    is_free = self._changed.wait_for(lambda: not self._holders, timeout_s)
                finally:
                    self._waiting -= 1
                if not is_free:
                    raise SourceError(
                        "another camera with other options is being opened, and OpenCV knows one set of options at a time. "
                        'Give the cameras the same transport, or this one engine = "pyav".'
                    )
            elif self._waiting:
                # Who wants others shall have a turn, though cameras that are away are tried again and again.
                self._changed.wait_for(lambda: not self._waiting or not self._holders, timeout_s)
            if not self._holders:
                self._options, self._before = options, self._environment.get(VARIABLE)
                self._environment[VARIABLE] = options
            elif self._options != options:
                raise SourceError(
                    "another camera with other options is being opened; this one is tried again"
                )
            self._holders += 1

    def _leave(self) -> None:
        with self._changed:
            self._holders -= 1
            if not self._holders:
                if self._before is None:
                    self._environment.pop(VARIABLE, None)
                else:
                    self._environment[VARIABLE] = self._before
                self._changed.notify_all()


GATE = OptionsGate(os.environ)
"""The one of this process."""
