"""How a surface answers the lamps: the anisotropic highlight of turned metal, the sheen of plastic.

The highlight is that of G. Ward, "Measuring and modeling anisotropic reflection" (1992), without its
normalisation: the strength of each lamp is set by eye.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.capture.plant.lighting import TILT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.capture.plant.lighting import Light

    Plane = NDArray[np.float32]

LAMP_DISTANCE = 3.2
CAMERA_DISTANCE = 5.0
GLEAM = 1.3


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A surface, pixel by pixel; every plane is float32 (height, width).

    Attributes:
        x: Right, in radii of the part.
        y: Down the picture along the conveyor, in radii.
        slope_x: How much it falls to the right.
        slope_y: How much it falls downwards.
        tangent: The direction of its grooves, x and y, unit vectors; `None` without any.
        along: Roughness along the grooves.
        across: Roughness across them.
        matte: Colour of the light it scatters, (height, width, 3) or (3,).
        shine: Colour of its highlights, (height, width, 3) or (3,).
        mirror: How much of the hall it mirrors, 0 to 1.
    """

    x: Plane
    y: Plane
    slope_x: Plane
    slope_y: Plane
    tangent: tuple[Plane, Plane] | None
    along: Plane | float
    across: Plane | float
    matte: NDArray[np.float32]
    shine: NDArray[np.float32]
    mirror: float


def view_of(camera: str) -> tuple[float, float, float]:
    """The unit vector from the part to a camera."""
    tilt = TILT if camera == "side" else 0.0
    return 0.0, math.sin(tilt), math.cos(tilt)


def shade(
    surface: Surface, lamps: Sequence[Light], ambient: tuple[float, float, float], camera: str
) -> NDArray[np.float32]:
    """The light that a surface sends to a camera, float32 (height, width, 3), from 0 on."""
    length = 1 / np.sqrt(1 + surface.slope_x**2 + surface.slope_y**2)
    normal = (surface.slope_x * length, surface.slope_y * length, length)
    view = _towards(surface, view_of(camera), CAMERA_DISTANCE)
    sky = np.array(ambient, np.float32)
    facing = _dot(normal, view)
    mirrored_z = 2 * facing * normal[2] - view[2]
    mirrored_y = 2 * facing * normal[1] - view[1]
    hall = 0.55 + 0.45 * np.tanh(2.2 * (mirrored_z - 0.35)) - 0.16 * mirrored_y
    light = surface.matte * (sky * (0.6 + 0.4 * normal[2])[..., None])
    light = light + surface.shine * (sky * (surface.mirror * hall)[..., None])
    for lamp in lamps:
        direction = _towards(surface, lamp.towards, LAMP_DISTANCE)
        lit = np.maximum(_dot(normal, direction), 0)
        colour = np.array(lamp.colour, np.float32)
        gleam = _ward(surface, normal, view, direction, lamp.width) * np.sqrt(lit) * np.float32(GLEAM)
        light += surface.matte * colour * lit[..., None]
        light += surface.shine * colour * gleam[..., None]
    return np.asarray(light, np.float32)


def _towards(
    surface: Surface, direction: tuple[float, float, float], distance: float
) -> tuple[Plane, Plane, Plane]:
    """Unit vectors from each pixel to something at a distance in radii."""
    x = np.float32(direction[0] * distance) - surface.x
    y = np.float32(direction[1] * distance) - surface.y
    z = np.float32(direction[2] * distance)
    length = 1 / np.sqrt(x**2 + y**2 + z**2)
    return (
        np.asarray(x * length, np.float32),
        np.asarray(y * length, np.float32),
        np.asarray(z * length, np.float32),
    )


def _dot(a: tuple[Plane, ...], b: tuple[Plane, ...]) -> Plane:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2], np.float32)


def _ward(
    surface: Surface,
    normal: tuple[Plane, Plane, Plane],
    view: tuple[Plane, Plane, Plane],
    direction: tuple[Plane, Plane, Plane],
    width: float,
) -> Plane:
    half = tuple(a + b for a, b in zip(view, direction, strict=True))
    length = 1 / np.sqrt(_dot(half, half))
    half = tuple(a * length for a in half)
    up = np.maximum(_dot(half, normal), np.float32(1e-3))
    if surface.tangent is None:
        rough = np.asarray(surface.along, np.float32) ** 2 + np.float32(width**2)
        return np.asarray(np.exp(-(1 / up**2 - 1) / rough), np.float32)
    tx, ty = surface.tangent
    # The tangent of a groove around the axis lies in the face; across it is the normal times the tangent.
    on_tangent = half[0] * tx + half[1] * ty
    bx, by = -normal[2] * ty, normal[2] * tx
    bz = normal[0] * ty - normal[1] * tx
    on_across = half[0] * bx + half[1] * by + half[2] * bz
    along = np.asarray(surface.along, np.float32) ** 2 + np.float32(width**2)
    across = np.asarray(surface.across, np.float32) ** 2 + np.float32(width**2)
    return np.asarray(np.exp(-(on_tangent**2 / along + on_across**2 / across) / up**2), np.float32)
