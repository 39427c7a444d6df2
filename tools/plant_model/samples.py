"""Crops of the plant's frames, and what is true in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.truth import FrameTruth

ROWS = 12  # defects and regions to ignore that one sample can hold
_LEAST_SHARE = 0.4  # of a defect's pixels that a crop must keep
_LEAST_SIZE = 0.75  # of the size from which a defect counts; below it, nothing is learned of it
_SMALL_WEIGHT = 0.3  # of a defect between the two: it must not teach that every speck of dust is a defect
_TURNS = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)  # by 1 to 3 quarters


@dataclass(frozen=True, slots=True)
class Sample:
    """One training picture.

    Attributes:
        image: uint8 (side, side, 3), BGR, owned.
        rows: float32 (ROWS, 6): left, top, right, bottom in pixels, class, weight; weight 0 is padding, a negative
            one marks a region to ignore.
    """

    image: NDArray[np.uint8]
    rows: NDArray[np.float32]


def cut(image: NDArray[np.uint8], truth: FrameTruth, corner: tuple[int, int], side: int) -> Sample:
    """A square crop at native resolution; the boxes of cut defects are tight around what is left of them.

    Args:
        image: The frame, uint8 BGR (H, W, 3).
        truth: What is in it.
        corner: x and y of the crop's left upper pixel.
        side: Pixels.
    """
    x, y = corner
    rows = np.zeros((ROWS, 6), np.float32)
    found = [r for i in range(len(truth.xyxy)) if (r := _row(truth, i, corner, side)) is not None]
    if found:
        rows[: len(found)] = found[:ROWS]
    return Sample(image[y : y + side, x : x + side].copy(), rows)


def _row(truth: FrameTruth, index: int, corner: tuple[int, int], side: int) -> NDArray[np.float32] | None:
    """A defect's row, or `None` where the crop shows nothing of it."""
    box = truth.xyxy[index] - np.array([*corner, *corner], np.float32)
    weight = 1.0
    if box.min() < 0 or box.max() > side:
        mask = truth.masks[index]
        left, top = (int(v) for v in np.floor(truth.xyxy[index, :2]) - corner)
        inside = mask[max(-top, 0) : max(side - top, 0), max(-left, 0) : max(side - left, 0)]
        if not inside.any():
            return None
        if inside.sum() < _LEAST_SHARE * mask.sum():
            weight = -1.0
        ys, xs = np.nonzero(inside)
        x, y = max(left, 0), max(top, 0)
        box = np.array([x + xs.min(), y + ys.min(), x + xs.max() + 1, y + ys.max() + 1], np.float32)
    longest = max(box[2] - box[0], box[3] - box[1])
    if longest < _LEAST_SIZE * truth.limit_px:
        weight = -1.0
    elif longest < truth.limit_px and weight > 0:
        weight = _SMALL_WEIGHT
    return np.array([*box, truth.class_id[index], weight], np.float32)


def turn(sample: Sample, quarters: int, *, mirrored: bool) -> Sample:
    """The sample turned by quarters against the clock, and then mirrored left to right.

    Args:
        sample: A square one.
        quarters: 0 to 3.
        mirrored: Whether to mirror.
    """
    image, rows, side = sample.image, sample.rows.copy(), float(sample.image.shape[0])
    used = rows[:, 5] != 0
    boxes = rows[used, :4]
    for _ in range(quarters):
        left, top, right, bottom = boxes.T
        boxes = np.stack([top, side - right, bottom, side - left], axis=1)
    if mirrored:
        left, top, right, bottom = boxes.T
        boxes = np.stack([side - right, top, side - left, bottom], axis=1)
    rows[used, :4] = boxes
    if quarters:
        image = cv2.rotate(image, _TURNS[quarters - 1])
    return Sample(cv2.flip(image, 1) if mirrored else image, rows)


class Photographer:
    """Light and lens at random: gain, gamma, colour temperature, a slope of light, blur and noise.

    Args:
        rng: Where the dice come from.
        strength: How far the light goes from what it was, 1 for the most.
    """

    def __init__(self, rng: np.random.Generator, strength: float = 1.0) -> None:
        self._rng = rng
        self._strength = strength
        self._noise = np.clip(rng.normal(0, 24, 1 << 22), -127, 127).astype(np.int8)

    def change(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture in another light, uint8 of the same shape, owned."""
        rng = self._rng
        changed = cv2.LUT(image, self._curve()) if rng.random() < 0.85 else image
        if rng.random() < 0.25:
            changed = self._slope(changed)
        if rng.random() < 0.2:
            changed = cv2.GaussianBlur(changed, (0, 0), rng.uniform(0.3, 0.9))
        if rng.random() < 0.3:
            changed = self._noisy(changed)
        return np.asarray(changed, np.uint8)

    def _curve(self) -> NDArray[np.uint8]:
        """A table (1, 256, 3) for gain, gamma, temperature and haze."""
        rng, by = self._rng, self._strength
        value = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
        warmth = rng.normal(0, 0.18 * by)
        gains = np.exp([-warmth, rng.normal(0, 0.03 * by), warmth])
        gains *= np.exp(min(rng.normal(-0.08 * by, 0.22 * by), 0.12))
        curve = value ** np.exp(rng.normal(0, 0.18 * by)) * gains + rng.normal(0, 0.015 * by)
        return np.clip(curve * 255 + 0.5, 0, 255).astype(np.uint8)[None]

    def _slope(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rng, side = self._rng, image.shape[0]
        across, down = rng.normal(0, 0.15 * self._strength, 2)
        ramp = np.linspace(-1, 1, side, dtype=np.float32)
        gain = 1 + across * ramp[None] + down * ramp[:, None]
        fixed = np.clip(gain * 128, 0, 255).astype(np.uint8)
        return cv2.multiply(image, cv2.merge([fixed] * 3), scale=1 / 128)

    def _noisy(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rng = self._rng
        start = int(rng.integers(0, self._noise.size - image.size))
        noise = self._noise[start : start + image.size].reshape(image.shape)
        return cv2.addWeighted(image, 1.0, noise, rng.uniform(0.5, 3.5) / 24, 0.0, dtype=cv2.CV_8U)
