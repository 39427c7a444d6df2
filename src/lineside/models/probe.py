"""The test picture that a model is probed and warmed up with, and how it is fed to the graph as exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.models.spec import Conventions, InputSpec


def probe_picture(size: Size) -> NDArray[np.uint8]:
    """A picture with structure at every scale: gradients, blocks and bars, with fixed noise.

    Args:
        size: Its size.

    Returns:
        uint8 BGR (H, W, 3), the same for the same size.
    """
    rows = np.arange(size.height, dtype=np.uint32)[:, None]
    columns = np.arange(size.width, dtype=np.uint32)[None, :]
    # A hash of the place: noise that costs a start nothing, and is the same everywhere.
    noise = (rows * np.uint32(2654435761) ^ columns * np.uint32(2246822519)) * np.uint32(
        3266489917
    ) >> np.uint32(27)
    picture = np.empty((*size, 3), np.uint8)
    picture[..., 0] = 20 + 200 * columns // size.width
    picture[..., 1] = 20 + 200 * rows // size.height
    picture[..., 2] = 220 - 200 * columns // size.width
    for top, left, height, width, colour in (
        (0.20, 0.15, 0.30, 0.35, (40, 60, 200)),
        (0.50, 0.60, 0.24, 0.24, (210, 190, 60)),
        (0.12, 0.70, 0.06, 0.05, (20, 20, 20)),
    ):
        y, x = int(top * size.height), int(left * size.width)
        picture[y : y + int(height * size.height), x : x + int(width * size.width)] = colour
    picture[int(0.85 * size.height) :, columns[0] // 8 % 2 == 0] = 200
    picture += noise[..., None].astype(np.uint8)
    return picture


def planar(picture: NDArray[np.uint8], conventions: Conventions) -> NDArray[np.uint8]:
    """A BGR picture as the prepared graph takes it: uint8 (1, 3, H, W) in the model's channel order."""
    ordered = picture[..., ::-1] if conventions.colour == "rgb" else picture
    return np.ascontiguousarray(ordered.transpose(2, 0, 1)[None])


def as_exported(planes: NDArray[np.uint8], spec: InputSpec, conventions: Conventions) -> NDArray[Any]:
    """Planar pixels as the graph takes them as exported: scaled, centred, in its element type and axis order."""
    values: NDArray[Any] = planes.astype(spec.dtype)
    if spec.dtype != "uint8" and conventions.scale != 1:
        values /= values.dtype.type(conventions.scale)
    if spec.dtype != "uint8" and not conventions.is_plain:
        values -= np.array(conventions.mean, values.dtype).reshape(1, 3, 1, 1)
        values /= np.array(conventions.deviation, values.dtype).reshape(1, 3, 1, 1)
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1)) if spec.layout == "nhwc" else values
