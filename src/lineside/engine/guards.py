"""Who may run at the same time: a session whose provider allows fewer callers than there are gets a lock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from lineside.engine.provider import Callers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lineside.engine.provider import Provider
    from lineside.engine.session import Binding, PlacedNode, Session

creating = threading.Lock()
"""Held while a session is made: two made at once on one device have crashed, and each would measure the other."""

_registering = threading.Lock()
_locks: dict[str, threading.Lock] = {}


def guarded(session: Session, provider: Provider, physical: str) -> Session:
    """The session, whose runs wait for each other as its provider needs it.

    Args:
        session: The session.
        provider: Its provider.
        physical: The physical device; sessions of different providers on it share a lock.
    """
    match provider.callers:
        case Callers.FREE | Callers.ONE_A_LIBRARY:
            # The lock of a library's image is the session's own: it knows the image, and needs it while it is made, too.
            return session
        case Callers.ONE_A_SESSION:
            return _Guarded(session, threading.Lock())
        case Callers.ONE_A_DEVICE:
            key = f"device {physical}"
    with _registering:
        return _Guarded(session, _locks.setdefault(key, threading.Lock()))


class _Guarded:
    """A session whose bindings share a lock."""

    def __init__(self, session: Session, lock: threading.Lock) -> None:
        self._session = session
        self._lock = lock
        self.outputs = session.outputs
        self.threads = session.threads
        self.precision = session.precision

    def placed_nodes(self) -> tuple[PlacedNode, ...]:
        return self._session.placed_nodes()

    def bind(self, feeds: Mapping[str, NDArray[Any]], *, fixed_shapes: bool) -> Binding:
        return _GuardedBinding(self._session.bind(feeds, fixed_shapes=fixed_shapes), self._lock)

    def close(self) -> None:
        with self._lock:
            self._session.close()


class _GuardedBinding:
    """A binding that runs while no other of its lock does."""

    def __init__(self, binding: Binding, lock: threading.Lock) -> None:
        self._binding = binding
        self._lock = lock

    def run(self) -> list[NDArray[Any]]:
        with self._lock:
            return self._binding.run()

    def cancel(self) -> None:
        self._binding.cancel()
