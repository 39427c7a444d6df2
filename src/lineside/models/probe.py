"""The test picture that a model is probed and warmed up with, and how it is fed to the graph as exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.models.spec import Conventions, InputSpec


def probe_picture(size: Size) -> NDArray[np.uint8]:
    """A picture with structure at every scale: gradients, discs and bars, with fixed noise.

    Args:
        size: Its size.

    Returns:
        uint8 BGR (H, W, 3), the same for the same size.
    """
    y, x = np.mgrid[0 : size.height, 0 : size.width].astype(np.float32)
    u, v = x / size.width, y / size.height
    picture = np.stack([255 * u, 255 * v, 255 * (1 - u)], axis=-1)
    for cx, cy, radius, colour in (
        (0.3, 0.35, 0.18, (40, 60, 200)),
        (0.7, 0.6, 0.12, (210, 190, 60)),
        (0.55, 0.2, 0.05, (20, 20, 20)),
    ):
        picture[(u - cx) ** 2 + (v - cy) ** 2 < radius**2] = colour
    picture[(v > 0.8) & ((x // 8) % 2 == 0)] = (230, 230, 230)
    noise = np.random.default_rng(7).normal(0, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def planar(picture: NDArray[np.uint8], conventions: Conventions) -> NDArray[np.uint8]:
    """A BGR picture as the prepared graph takes it: uint8 (1, 3, H, W) in the model's channel order."""
    ordered = picture[..., ::-1] if conventions.colour == "rgb" else picture
    return np.ascontiguousarray(ordered.transpose(2, 0, 1)[None])


def as_exported(planes: NDArray[np.uint8], spec: InputSpec, conventions: Conventions) -> NDArray[Any]:
    """Planar pixels as the graph takes them as exported: scaled, in its element type and axis order."""
    values: NDArray[Any] = planes.astype(spec.dtype)
    if spec.dtype != "uint8" and conventions.scale != 1:
        values /= values.dtype.type(conventions.scale)
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1)) if spec.layout == "nhwc" else values
