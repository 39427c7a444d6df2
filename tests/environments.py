"""Environments that differ from the tests' own in what is installed, made without a download."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import lineside

SOURCE = Path(lineside.__file__).parents[1]


def without_onnxruntime(folder: Path, *first: Path) -> dict[str, str]:
    """Variables for `python -S`: all that is installed here but the wheels of onnxruntime, after the folders `first`."""
    packages = Path(np.__file__).parents[1]
    links = folder / "packages"
    links.mkdir()
    for entry in packages.iterdir():
        if not entry.name.startswith("onnxruntime"):
            (links / entry.name).symlink_to(entry)
    path = os.pathsep.join(map(str, (*first, SOURCE, links)))
    return os.environ | {"PYTHONPATH": path, "COLUMNS": "200"}


def made_wheel(place: Path, name: str, version: str) -> None:
    """What pip leaves of a wheel of onnxruntime, with nothing in it."""
    (place / "onnxruntime").mkdir(parents=True, exist_ok=True)
    (place / "onnxruntime" / "__init__.py").touch()
    metadata = place / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "RECORD").write_text("onnxruntime/__init__.py,sha256=x,1\n")
