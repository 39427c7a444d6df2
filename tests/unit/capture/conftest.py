"""Small pictures and videos, made on the spot."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

# FFmpeg, inside OpenCV, reads it when the first video is opened: broken videos would fill the terminal.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """A colour picture with detail everywhere, 57 x 41 pixels."""
    noise = np.random.default_rng(7).integers(0, 256, (41, 57, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (3, 3), 0)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write an array as a picture file; the suffix chooses the format."""

    def save_as(name: str, image: NDArray[np.generic], *options: int) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_encoded, data = cv2.imencode(path.suffix, image, list(options))
        assert is_encoded
        path.write_bytes(data.tobytes())
        return path

    return save_as


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Write a video of a disc that moves one step a frame; the suffix chooses the container."""

    def film_as(name: str, *, frames: int = 60, codec: str = "mp4v", fps: float = 20.0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, (160, 120))
        assert writer.isOpened()
        for index in range(frames):
            image = np.zeros((120, 160, 3), np.uint8)
            cv2.circle(image, (10 + 2 * index, 60), 10, (0, 255, 255), cv2.FILLED)
            writer.write(image)
        writer.release()
        return path

    return film_as
