"""The buffers of runs: one set for each call that runs at the same time, made once and used again."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from lineside.preprocess.letterbox import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.engine.session import Binding, Session
    from lineside.models.card import ModelCard


class Cancellable(Protocol):
    """What may be under way."""

    def cancel(self) -> None:
        """End the run under way; without one nothing happens."""


@dataclass(slots=True, eq=False)
class Workspace:
    """The buffers of one run."""

    slot: Slot
    binding: Binding

    def cancel(self) -> None:
        """End the run under way."""
        self.binding.cancel()


class Workspaces:
    """The buffers of a detector's runs. Safe from several threads.

    Args:
        card: The model's card.
        session: Its session.
    """

    def __init__(self, card: ModelCard, session: Session) -> None:
        self._card = card
        self._session = session
        self._free: deque[Workspace] = deque()
        self._in_use: set[Cancellable] = set()
        self._lock = Lock()

    @contextmanager
    def taken(self) -> Iterator[Workspace]:
        """Buffers that nobody else uses, for the time of the block."""
        try:
            space = self._free.pop()
        except IndexError:
            space = self.new()
        try:
            with self.used(space):
                yield space
        finally:
            self._free.append(space)

    @contextmanager
    def used(self, one: Cancellable) -> Iterator[None]:
        """Let `cancel` find something, for the time of the block."""
        with self._lock:
            self._in_use.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._in_use.discard(one)

    def cancel(self) -> None:
        """End all runs that are under way."""
        with self._lock:
            for one in self._in_use:
                one.cancel()

    def new(self) -> Workspace:
        """New buffers; there are as many as ever ran side by side."""
        spec = self._card.input
        slot = Slot(spec.size, self._card.conventions)
        fixed = not self._card.nms_inside
        return Workspace(slot, self._session.bind(spec.feeds(slot.planes), fixed_shapes=fixed))
