"""Those above a feed, who are told: a fault of theirs must not end the thread that watches or reads the camera."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.capture.reader import guarded
from lineside.core.errors import LinesideError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.capture.camera import StreamEvent
    from lineside.core.frame import Frame

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who takes what a camera gives.

    Attributes:
        stream: The camera's id.
        on_frame: Takes a picture.
        on_event: Takes what happens to the camera; the log, if there is none.
        on_missed: Takes a picture that is missed; nobody, if there is none.
    """

    stream: str
    on_frame: Callable[[Frame], object]
    on_event: Callable[[StreamEvent], object] | None
    on_missed: Callable[[int | None, LinesideError], object] | None

    def frame(self, frame: Frame) -> LinesideError | None:
        """What went wrong while the picture was taken; it is missed then."""
        return self._told("what takes its pictures failed", lambda: self.on_frame(frame))

    def event(self, event: StreamEvent) -> None:
        """Something happened to the camera."""
        on_event = self.on_event or _write_down
        self._told("what is told of events failed", lambda: on_event(event))

    def missed(self, part: int | None, error: LinesideError) -> None:
        """A picture that was due cannot be had."""
        if (on_missed := self.on_missed) is not None:
            self._told("what is told of missed pictures failed", lambda: on_missed(part, error))

    def _told(self, what: str, listener: Callable[[], object]) -> LinesideError | None:
        try:
            guarded(f"camera {self.stream}: {what}", listener)
        except LinesideError as fault:
            _log.exception("%s", fault)
            return fault
        return None


def _write_down(event: StreamEvent) -> None:
    _log.warning("%s: camera %s: %s", event.code, event.stream, event.sentence)
