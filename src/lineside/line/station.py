"""A thread that works off what is put before it, over a link that it keeps open."""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.line.border import Fault
    from lineside.line.link import Link

R = TypeVar("R")
T = TypeVar("T")


class Station(ABC, Generic[R, T]):
    """One thread, one link, one queue. What a request means is the subclass's business.

    Args:
        link: What the thread works with.
        clock: Monotonic seconds.
    """

    def __init__(self, link: Link[T], clock: Callable[[], float]) -> None:
        self.tried = threading.Event()
        self._link = link
        self._clock = clock
        self._queue: queue.SimpleQueue[R | None] = queue.SimpleQueue()
        self._is_stopping = threading.Event()
        # A daemon, because a driver that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=link.what, daemon=True)

    @property
    def is_tried(self) -> bool:
        """Whether the link was opened, or could not be, for the first time."""
        return self.tried.is_set()

    def start(self) -> None:
        """Open the link and begin."""
        self._thread.start()

    def put(self, request: R) -> None:
        """Hand over a request. The ledger bounds how many there are."""
        self._queue.put(request)

    def stop(self) -> None:
        """Let the thread end after the request that it is at; what waits is left."""
        self._is_stopping.set()
        self._queue.put(None)

    def join(self, timeout_s: float) -> bool:
        """Whether the thread has ended within the time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._is_stopping.is_set():
            if self._link.resource is None:
                self._reopen()
            self.tried.set()
            try:
                request = self._queue.get(timeout=self._link.wait_s(self._clock()))
            except queue.Empty:
                continue
            if request is None:
                continue
            if self._link.resource is None:
                self._refuse(request)
            else:
                self._serve(self._link.resource, request)
        if self._link.resource is not None:
            self._close(self._link.resource)

    def _reopen(self) -> None:
        before = self._link.fault
        if self._link.open_if_due(self._clock()):
            self._opened()
        elif self._link.fault is not before and self._link.fault is not None:
            self._not_opened(self._link.fault)

    def _drain(self) -> None:
        """Forget the requests that wait."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                return

    @abstractmethod
    def _opened(self) -> None:
        """The link is open."""

    @abstractmethod
    def _not_opened(self, fault: Fault) -> None:
        """An attempt failed."""

    @abstractmethod
    def _serve(self, resource: T, request: R) -> None:
        """Answer a request."""

    @abstractmethod
    def _refuse(self, request: R) -> None:
        """Answer a request while the link is closed."""

    @abstractmethod
    def _close(self, resource: T) -> None:
        """Let go of the resource."""
