"""Pictures for the detector of colour spots, with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import SettingsError
from lineside.testing.graphs.spots import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

_BGR = np.array([(40, 40, 200), (200, 45, 30), (35, 35, 35)], np.float64)
_GROUND = 225.0
_NOISE = 4.0
_TRIES = 2000


@dataclass(frozen=True, slots=True, eq=False)
class SpotPicture:
    """A drawn picture and its truth.

    Attributes:
        image: uint8 BGR (H, W, 3).
        xyxy: Boxes of the spots, float32 (N, 4) in pixels.
        class_id: int32 (N,), indices into `CLASSES`.
    """

    image: NDArray[np.uint8]
    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int32]


def draw_spots(
    rng: np.random.Generator, size: Size, spots: int, *, side_px: tuple[int, int] = (24, 40)
) -> SpotPicture:
    """A light, unevenly lit, noisy picture with spots of random classes at random places.

    Args:
        rng: Source of the places, colours and noise.
        size: Size of the picture.
        spots: Number of spots; 0 gives a clean picture.
        side_px: Shortest and longest side. For a picture that is scaled down to the model's size, scale
            them up accordingly.

    Returns:
        The picture and its truth.

    Raises:
        SettingsError: There is no room for so many spots.
    """
    boxes = _places(rng, size, spots, side_px)
    labels = rng.integers(0, len(CLASSES), spots)
    lean = rng.uniform(-1, 1, 2)
    y, x = np.mgrid[: size.height, : size.width]
    light = 1 + 0.06 * (lean[0] * x / size.width + lean[1] * y / size.height)
    canvas = np.full((size.height, size.width, 3), _GROUND)
    for (left, top, right, bottom), label in zip(boxes, labels, strict=True):
        inside = _rounded(bottom - top, right - left)
        canvas[top:bottom, left:right][inside] = _BGR[label] * rng.uniform(0.9, 1.1)
    canvas = canvas * light[..., None] + rng.normal(0, _NOISE, canvas.shape)
    image = np.clip(np.round(canvas), 0, 255).astype(np.uint8)
    return SpotPicture(image, boxes.astype(np.float32), labels.astype(np.int32))


def _places(rng: np.random.Generator, size: Size, spots: int, side_px: tuple[int, int]) -> NDArray[np.int64]:
    """Boxes (spots, 4) inside the picture with at least 0.7 of the longest side between them."""
    gap = round(0.7 * side_px[1])
    boxes = np.zeros((0, 4), np.int64)
    for _ in range(_TRIES):
        if len(boxes) == spots:
            break
        width = int(rng.integers(side_px[0], side_px[1] + 1))
        height = min(max(round(width * rng.uniform(0.85, 1.15)), side_px[0]), side_px[1])
        left = rng.integers(2, max(size.width - width - 1, 3))
        top = rng.integers(2, max(size.height - height - 1, 3))
        box = np.array([left, top, left + width, top + height])
        apart = (box[:2] >= boxes[:, 2:] + gap) | (box[2:] + gap <= boxes[:, :2])
        if apart.any(axis=1).all() and box[2] < size.width and box[3] < size.height:
            boxes = np.concatenate([boxes, box[None]])
    if len(boxes) < spots:
        raise SettingsError(
            f"draw_spots: there is room for {len(boxes)} spots of {side_px[0]} to {side_px[1]} px at {size}, "
            f"not for {spots}; ask for fewer or for smaller ones"
        )
    return boxes


def _rounded(height: int, width: int) -> NDArray[np.bool_]:
    """A filled rectangle with rounded corners."""
    radius = min(height, width) / 6
    y, x = np.mgrid[:height, :width] + 0.5
    outside = [np.maximum(radius - np.minimum(v, n - v), 0) for v, n in ((x, width), (y, height))]
    filled: NDArray[np.bool_] = np.hypot(*outside) <= radius
    return filled
