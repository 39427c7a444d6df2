"""Noise with a scale: the raw material of belts, grooves, blotches and sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

_STEPS_OF_ONE = 2048
_RESPONSE = np.asarray(
    255 * (1 - np.exp(-1.35 * np.arange(6 * _STEPS_OF_ONE) / _STEPS_OF_ONE)) ** (1 / 1.9) + 0.5, np.uint8
)
"""What the camera writes for each step of light."""


def smooth_noise(rng: np.random.Generator, size: Size, cell_px: tuple[float, float]) -> NDArray[np.float32]:
    """Smooth random bumps, float32 (height, width), mean 0 and standard deviation 1.

    Args:
        rng: What they are thrown from.
        size: Size of the answer.
        cell_px: Height and width of a bump in pixels.
    """
    rows = int(np.ceil(size.height / cell_px[0])) + 3
    columns = int(np.ceil(size.width / cell_px[1])) + 3
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    shape = (max(round(columns * cell_px[1]), size.width), max(round(rows * cell_px[0]), size.height))
    fine = np.asarray(cv2.resize(coarse, shape, interpolation=cv2.INTER_CUBIC), np.float32)
    fine = fine[: size.height, : size.width]
    spread = float(fine.std()) or 1.0
    return (fine - np.float32(fine.mean())) / np.float32(spread)


def fractal_noise(rng: np.random.Generator, size: Size, cell_px: float, octaves: int) -> NDArray[np.float32]:
    """Bumps of several scales, each half as large and as strong as the one before; float32 (height, width)."""
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        cell = max(cell_px / 2**octave, 1.0)
        total += smooth_noise(rng, size, (cell, cell)) * np.float32(0.5**octave)
    return total / np.float32(total.std() or 1.0)


def ring_noise(rng: np.random.Generator, count: int, cell: float) -> NDArray[np.float32]:
    """Smooth random values along a line, float32 (count,), mean 0 and standard deviation 1."""
    knots = rng.standard_normal(int(count / cell) + 4, dtype=np.float32)
    at = np.arange(count, dtype=np.float32) / np.float32(cell)
    values = np.interp(at, np.arange(len(knots)), knots).astype(np.float32)
    return np.asarray((values - values.mean()) / (values.std() or np.float32(1)), np.float32)


def grain(rng: np.random.Generator, size: Size, sigma: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A sensor's noise as two tiles: what is added and what is then taken away, uint8 (height, width, 3).

    Most of it is common to the three channels, as after a colour filter's interpolation.
    """
    common = rng.standard_normal((*size, 1), dtype=np.float32) * np.float32(0.8)
    own = rng.standard_normal((*size, 3), dtype=np.float32)
    own = np.asarray(cv2.GaussianBlur(own, (3, 3), 0.6), np.float32) * np.float32(1.0)
    noise = (common + own) * np.float32(sigma)
    dither = rng.random((*size, 3), dtype=np.float32)
    levels = np.floor(noise + dither).astype(np.int16)
    return np.maximum(levels, 0).astype(np.uint8), np.maximum(-levels, 0).astype(np.uint8)


def to_bytes(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Light, float32 from 0 on, as a camera with a soft shoulder and a gamma writes it: uint8."""
    steps = np.asarray(np.clip(linear * np.float32(_STEPS_OF_ONE), 0, len(_RESPONSE) - 1), np.uint16)
    return np.asarray(_RESPONSE[steps], np.uint8)
