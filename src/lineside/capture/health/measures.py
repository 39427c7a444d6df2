"""What is measured in a picture: a few numbers and a small map of its edges, in less than a millisecond at 640x640."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineside.core.errors import ImageFormatError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

EDGES_PX = 64
"""Side of the map of edges."""

WHITE = 250
"""A channel that reaches this counts as saturated: cameras clip a little below the end of the scale."""

_COARSE_PX = 160  # side of the picture that light and edges are measured in
_BANDS = 8  # of rows that sharpness is measured in
_BAND_SHARE = 0.4
_SHARP_PX = 640  # rows and columns beyond it do not make sharpness any surer
_LEAST_PX = 16
_NOTHING = 1e-3  # keeps the logarithm of an even picture finite


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What was measured in one picture.

    Attributes:
        size: The picture's.
        focus: Natural logarithm of how much finer detail there is than detail of twice its size, about -0.6 to 0 in a sharp
            picture and below -0.9 in a blurred one. A ratio, so neither light nor contrast moves it much.
        level: Natural logarithm of the mean grey value, with 1 grey value added.
        contrast: Standard deviation of the grey values, 0 to 127.5.
        saturated: Share of the pixels in which a channel is white, 0 to 1.
        edges: Where there are edges: float32 (64, 64), of mean 0 and standard deviation 1, owned; zeros in an even picture.
        is_grey: Whether it has no colour at all, as that of a camera which sends grey values has.
        fingerprint: Of every eighth pixel. Two pictures of a camera whose fingerprints are equal are the same picture:
            the noise of a sensor never repeats itself.
    """

    size: Size
    focus: float
    level: float
    contrast: float
    saturated: float
    edges: NDArray[np.float32]
    is_grey: bool
    fingerprint: int


def measure(image: NDArray[np.uint8]) -> Measures:
    """What can be told from one picture alone.

    Args:
        image: uint8 BGR (H, W, 3) or grey (H, W), at least 16 pixels a side.

    Raises:
        ImageFormatError: Another dtype or shape, or too small.
    """
    is_picture = image.dtype == np.uint8 and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
    if not is_picture or min(image.shape[:2]) < _LEAST_PX:
        raise ImageFormatError(
            f"expected a picture of uint8, (H, W, 3) or (H, W), of at least {_LEAST_PX} pixels a side; "
            f"got {image.dtype} {image.shape}"
        )
    grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    coarse, some = _coarse(grey), _some(image)
    mean, deviation = cv2.meanStdDev(coarse)
    return Measures(
        size=Size(height=image.shape[0], width=image.shape[1]),
        focus=_focus(grey),
        level=float(np.log(mean[0, 0] + 1)),
        contrast=float(deviation[0, 0]),
        saturated=_saturated(some),
        edges=_edges(coarse),
        is_grey=some.ndim == 2 or bool((some[..., :1] == some[..., 1:]).all()),
        fingerprint=hash(grey[::8, ::8].tobytes()),
    )


def _coarse(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = grey.shape
    scale = min(_COARSE_PX / min(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _some(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every fourth pixel of every fourth row."""
    height, width = image.shape[:2]
    size = (max(width // 4, 1), max(height // 4, 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _saturated(some: NDArray[np.uint8]) -> float:
    """The share of the pixels with a white channel."""
    white = some >= WHITE
    if white.ndim == 3:
        white = white[..., 0] | white[..., 1] | white[..., 2]
    return float(np.count_nonzero(white) / white.size)


def _focus(grey: NDArray[np.uint8]) -> float:
    """The detail of one pixel beside that of two, by the absolute Laplacian, in bands of rows over the whole picture."""
    fine = coarse = 0.0
    for band in _bands(grey):
        half = np.asarray(
            cv2.resize(band, (band.shape[1] // 2, band.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
        )
        fine += _detail(band)
        coarse += _detail(half)
    return float(np.log((fine + _NOTHING) / (coarse + _NOTHING)))


def _bands(grey: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    height, width = grey.shape
    count = min(_BANDS, height // _LEAST_PX)
    rows = max(int(min(height, _SHARP_PX) * _BAND_SHARE / count), _LEAST_PX)
    left = max(width - _SHARP_PX, 0) // 2
    return [
        grey[top : top + rows, left : left + _SHARP_PX]
        for top in (round((height - rows) * (k + 0.5) / count) for k in range(count))
    ]


def _detail(grey: NDArray[np.uint8]) -> float:
    """The mean absolute Laplacian."""
    return float(cv2.norm(cv2.Laplacian(grey, cv2.CV_16S), cv2.NORM_L1)) / grey.size


def _edges(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength = cv2.resize(cv2.magnitude(across, down), (EDGES_PX, EDGES_PX), interpolation=cv2.INTER_AREA)
    # The root keeps a few hard edges from deciding alone.
    roots = np.sqrt(strength)
    deviation = float(roots.std())
    return np.asarray(
        (roots - roots.mean()) / deviation if deviation > _NOTHING else np.zeros_like(roots), np.float32
    )
