"""Prepared models on disk, so that the second start of a model is quick.

An entry is a folder named by a key that holds everything its content depends on. Entries are written beside
and renamed into place, so a reader sees all of one or none; a damaged entry is thrown away and made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

_LIMIT_BYTES = 2 << 30
_CARD = "card.json"
_MODEL = "model.onnx"


def default_folder() -> Path:
    """`LINESIDE_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("LINESIDE_CACHE"):
        return Path(chosen)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "lineside" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lineside"


def key(*parts: str) -> str:
    """A key for all that an entry depends on; the CPU is added, as an optimised graph fits only its own."""
    return hashlib.sha256("\0".join((*parts, _cpu())).encode()).hexdigest()[:40]


@cache
def _cpu() -> str:
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
            card = json.loads((entry / _CARD).read_text(encoding="utf-8"))
            model = entry / _MODEL
            if not isinstance(card, dict) or model.stat().st_size != card.pop("model_bytes"):
                raise ValueError("the model has another size than was written")
            os.utime(entry)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError) as fault:
            _log.warning("prepared model %s is damaged (%s); it is made again", name, fault)
            self.drop(name)
            return None
        return card, model

    def put(self, name: str, card: dict[str, Any], model: bytes) -> Path | None:
        """Write an entry; the path of its model, or `None` where the folder cannot be written.

        A start without a cache is slower, not wrong, so a full or read-only disk is logged and no error.
        """
        entry = self.folder / name
        staging = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            staging = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
            (staging / _MODEL).write_bytes(model)
            text = json.dumps(card | {"model_bytes": len(model)})
            (staging / _CARD).write_text(text, encoding="utf-8")
            shutil.rmtree(entry, ignore_errors=True)
            staging.rename(entry)
        except OSError as fault:
            _log.warning("the prepared model cannot be kept in %s (%s); the next start is slower", entry, fault)
            if staging is not None:
                shutil.rmtree(staging, ignore_errors=True)
            return None
        self._trim(keep=entry)
        return entry / _MODEL

    def drop(self, name: str) -> None:
        """Remove an entry, if it is there."""
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def _trim(self, keep: Path) -> None:
        sizes = {e: (e / _MODEL).stat() for e in self.folder.iterdir() if (e / _MODEL).is_file()}
        total = sum(s.st_size for s in sizes.values())
        for entry in sorted(sizes, key=lambda e: e.stat().st_mtime):
            if total <= self._limit_bytes:
                break
            if entry != keep:
                total -= sizes[entry].st_size
                shutil.rmtree(entry, ignore_errors=True)
