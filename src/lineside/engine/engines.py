"""The folder of a cache entry that a provider fills itself: engines, compiled kernels, timing tables.

What a provider writes there, and when, is its own affair, so nothing in it is believed that was not there when a session with it
was proven: a list with digests is written then. Whatever is not as it was listed, after a crash half-way or a bad
disk, is thrown away and built again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lineside.engine.cache import file_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)


class Engines:
    """A provider's own files of one prepared model.

    Args:
        entry: The folder of the cache entry.
        proven: Is called when they were proven, with the entry's folder: the cache counts them then.

    Attributes:
        folder: Where the provider keeps them.
    """

    def __init__(self, entry: Path, *, proven: Callable[[Path], None] | None = None) -> None:
        self.folder = entry / "engine"
        self._entry = entry
        self._list = entry / "engine.json"
        self._proven = proven
        self._lock: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there that a session could start from."""
        try:
            return not any(self.folder.iterdir())
        except OSError:
            return True

    def begin(self) -> Path | None:
        """The folder, with proven files or none; `None` where it cannot be used now, and the session does without.

        Another process that builds at this moment, and a folder that cannot be written, are told in the log.
        """
        try:
            listed = self._listed()
            if not self.is_empty and listed is not None and listed == self._found():
                return self.folder
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self._is_ours():
                _log.warning("another process builds in %s; this one builds for itself", self.folder)
                return None
            if not self.is_empty:
                _log.warning("what is in %s is not what was proven; it is built again", self.folder)
                self._clear()
            self.folder.mkdir(exist_ok=True)
        except OSError as fault:
            _log.warning("engines cannot be kept in %s (%s); each start builds them", self.folder, fault)
            return None
        return self.folder

    def prove(self) -> None:
        """Say that a session with these files was proven, so that the next start may use them."""
        try:
            found = self._found()
            if found and found != self._listed():
                staging = self._list.with_suffix(f".{os.getpid()}")
                staging.write_text(json.dumps(found, sort_keys=True), encoding="utf-8")
                staging.replace(self._list)
        except OSError as fault:
            _log.warning("engines cannot be kept in %s (%s); each start builds them", self.folder, fault)
        self.release()
        if self._proven is not None:
            self._proven(self._entry)

    def discard(self) -> None:
        """Throw away what is there: a session with it could not be made, or gave other answers."""
        with suppress(OSError):
            self._clear()
        self.release()

    def release(self) -> None:
        """Let other processes build here."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _clear(self) -> None:
        self._list.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listed(self) -> dict[str, str] | None:
        try:
            return dict(json.loads(self._list.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _found(self) -> dict[str, str]:
        """The files that are there, with their digests."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): file_digest(path) for path in paths}

    def _is_ours(self) -> bool:
        """Whether no other process builds here; the system ends its claim when it ends, however that is."""
        try:
            import fcntl
        except ImportError:  # Windows: there two that build at once only make each other's list worthless
            return True
        if self._lock is None:
            lock = (self._entry / "engine.lock").open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                return False
            self._lock = lock
        return True
