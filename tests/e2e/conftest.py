"""The command line as its user runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 # a fixture returns one

import cv2
import numpy as np
import pytest

from lineside import Size
from lineside.testing.graphs import colour_spots, draw_spots

Cli = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Plant:
    """A model and pictures whose truth is known."""

    folder: Path
    model: Path
    pictures: tuple[Path, ...]
    spots: tuple[int, ...]


@pytest.fixture(scope="session")
def plant(tmp_path_factory) -> Plant:
    folder = tmp_path_factory.mktemp("plant")
    model = folder / "spots.onnx"
    model.write_bytes(colour_spots().SerializeToString())
    (folder / "parts").mkdir()
    rng = np.random.default_rng(5)
    spots = (3, 0, 5)
    paths = []
    for number, count in enumerate(spots):
        path = folder / "parts" / f"part-{number}.png"
        cv2.imwrite(str(path), draw_spots(rng, Size(height=320, width=320), count).image)
        paths.append(path)
    return Plant(folder, model, tuple(paths), spots)


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cli(tmp_path, cache) -> Cli:
    def run(
        *arguments: object, code: int = 0, own_cache: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "lineside.cli.app", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"LINESIDE_CACHE": str(own_cache or cache), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr + done.stdout
        return done

    return run
