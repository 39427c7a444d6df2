"""Prepared models on disk, so that the second start of a model is quick.

An entry is a folder named by a key that holds everything its content depends on. Entries are written beside
and renamed into place, so a reader sees all of one or none; a damaged entry is thrown away and made again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import platform
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

_LIMIT_BYTES = 2 << 30
_FORM = "7"  # raise it with any change to what an entry holds
_CARD = "card.json"
_MODEL = "model.onnx"


def default_folder() -> Path:
    """`LINESIDE_CACHE`, else the user's cache folder.

    Raises:
        SettingsError: The user has no home folder, as in some containers, and nothing names another.
    """
    if chosen := os.environ.get("LINESIDE_CACHE"):
        return Path(chosen)
    windows = os.name == "nt"
    # Set but empty means not set, and a relative folder would be another one after each change of folder.
    users = Path(os.environ.get("LOCALAPPDATA" if windows else "XDG_CACHE_HOME", ""))
    if not users.is_absolute():
        try:
            home = Path.home()
        except RuntimeError as fault:
            raise SettingsError(
                "there is no home folder to keep prepared models in; name a folder with LINESIDE_CACHE"
            ) from fault
        users = home / "AppData" / "Local" if windows else home / ".cache"
    return users / "lineside" / "cache" if windows else users / "lineside"


def key(*parts: str) -> str:
    """A key for all that an entry depends on.

    The CPU is added, as an optimised graph fits only its own, and the form of an entry, so that another version's
    entries are not taken for damaged ones.
    """
    # A file's name may hold bytes that are no text.
    every = "\0".join((*parts, processor(), _FORM))
    return hashlib.sha256(every.encode(errors="surrogateescape")).hexdigest()[:40]


@cache
def processor() -> str:
    """What distinguishes one CPU's optimised graphs from another's."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return f"{platform.machine()} {platform.processor()}"
    lines = info.read_text(errors="replace").splitlines()
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {flags}"


class PreparedModels:
    """A bounded folder of prepared models.

    Args:
        folder: Where; made on the first write.
        limit_bytes: The oldest entries go when all together are larger.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = _LIMIT_BYTES) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes

    def get(self, name: str) -> tuple[dict[str, Any], Path] | None:
        """An entry's card and the path of its model, or `None`. A damaged entry counts as none."""
        entry = self.folder / name
        try:
            card = _sealed_card(entry)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as fault:
            _log.warning("prepared model %s is damaged (%s); it is made again", name, fault)
            self.drop(name)
            return None
        with suppress(OSError):  # the cache of another user can be read, and keeps its own order
            os.utime(entry)
        return card, entry / _MODEL

    def put(
        self, name: str, card: dict[str, Any], model: bytes, files: Mapping[str, bytes] | None = None
    ) -> Path | None:
        """Write an entry; the path of its model, or `None` where the folder cannot be written.

        A start without a cache is slower, not wrong, so a full or read-only disk is logged and no error.

        Args:
            name: The entry's key.
            card: What is known of the model.
            model: The prepared model.
            files: Further files that stand beside it, by name.
        """
        entry = self.folder / name
        staging = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            staging = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
            digests = {}
            for file, content in {_MODEL: model, **(files or {})}.items():
                (staging / file).write_bytes(content)
                digests[file] = hashlib.sha256(content).hexdigest()
            text = json.dumps({"sha256": _seal(digests, card), "files": digests, "card": card})
            (staging / _CARD).write_text(text, encoding="utf-8")
            _move(staging, entry)
        except OSError as fault:
            _log.warning(
                "the prepared model cannot be kept in %s (%s); the next start is slower", entry, fault
            )
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
            return None
        self.trim(keep=entry)
        return entry / _MODEL

    def drop(self, name: str) -> None:
        """Remove an entry, if it is there."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def trim(self, keep: Path) -> None:
        """Remove the entries that were not used for the longest time, until all are within the limit.

        Args:
            keep: The folder of an entry that stays, however large it is.
        """
        entries = [facts for facts in map(_age_and_size, self.folder.glob("*")) if facts is not None]
        total_bytes = sum(size_bytes for _, size_bytes, _ in entries)
        for _, size_bytes, entry in sorted(entries):
            if total_bytes <= self._limit_bytes:
                break
            if entry != keep:
                total_bytes -= size_bytes
                shutil.rmtree(entry, ignore_errors=True)


def _sealed_card(entry: Path) -> dict[str, Any]:
    """The card of an entry whose files and card are, bit by bit, what was written."""
    written = json.loads((entry / _CARD).read_text(encoding="utf-8"))
    card = dict(written["card"])
    digests = {file: file_digest(entry / file) for file in {_MODEL, *written["files"]}}
    if written["sha256"] != _seal(digests, card):
        raise ValueError("its content is not what was written")
    return card


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(digests: Mapping[str, str], card: dict[str, Any]) -> str:
    """The digest of an entry: of its files and of its card."""
    return hashlib.sha256(json.dumps([digests, card], sort_keys=True).encode()).hexdigest()


def _move(staging: Path, entry: Path) -> None:
    """Put a written entry into its place, by renames alone, so that what is there is whole at any time."""
    old = staging.with_name(staging.name + ".old")
    with suppress(FileNotFoundError):
        entry.rename(old)
    try:
        staging.rename(entry)
    except OSError as fault:
        if fault.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        shutil.rmtree(staging, ignore_errors=True)  # another process came first, with the same content
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _age_and_size(entry: Path) -> tuple[float, int, Path] | None:
    """When an entry was last used and how large it is; `None` for what is none, or was just removed by another process."""
    try:
        (entry / _MODEL).stat()
        sizes = [path.stat().st_size for path in entry.rglob("*") if path.is_file()]
        return entry.stat().st_mtime, sum(sizes), entry
    except OSError:
        return None
