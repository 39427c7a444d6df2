"""What machining leaves on metal: materials and their finish, tool marks, and the wells of holes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.plant.model import Canvas, Stage

    Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Material:
    """A metal and its finish.

    Attributes:
        shine: Colour of what it mirrors, blue, green, red.
        matte: Colour of what it scatters.
        turned: How strongly its grooves tie the highlight into a bow.
        mark: Colour of an engraving on it.
    """

    shine: tuple[float, float, float]
    matte: tuple[float, float, float]
    turned: float
    mark: tuple[int, int, int]


MATERIALS = (
    Material((0.66, 0.645, 0.63), (0.060, 0.060, 0.060), 1.0, (52, 54, 58)),
    Material((0.78, 0.78, 0.775), (0.10, 0.10, 0.10), 0.8, (66, 66, 68)),
    Material((0.33, 0.62, 0.80), (0.020, 0.050, 0.068), 1.0, (26, 44, 60)),
    Material((0.36, 0.50, 0.74), (0.022, 0.038, 0.062), 1.0, (24, 36, 56)),
    Material((0.58, 0.30, 0.12), (0.14, 0.060, 0.020), 0.7, (226, 214, 200)),
    Material((0.15, 0.15, 0.56), (0.030, 0.030, 0.13), 0.7, (206, 206, 222)),
    Material((0.46, 0.46, 0.47), (0.050, 0.050, 0.052), 1.15, (36, 37, 40)),
)
"""Steel, aluminium, brass, bronze, blue and red anodised aluminium, tool steel."""


def grooves(canvas: Canvas, rng: np.random.Generator) -> Plane:
    """Tool marks: streaks long around the axis and thin across it, float32 (height, width), spread about 1."""
    rows = int(canvas.stage.radius_px * 1.2)
    streaks = rng.standard_normal((rows, 48), dtype=np.float32)
    streaks += np.roll(streaks, 1, axis=1) + np.roll(streaks, 2, axis=1)
    streaks = np.concatenate((streaks, streaks[:, :2]), axis=1) / np.float32(1.7)
    turn = (np.arctan2(canvas.y, canvas.x) / np.float32(2 * math.pi) % 1) * 48
    across = canvas.r * np.float32(canvas.stage.radius_px)
    laid = cv2.remap(
        streaks, turn.astype(np.float32), across, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(laid, np.float32)


def well(
    x: Plane, y: Plane, radius: float, depth: float, stage: Stage, material: Material
) -> NDArray[np.float32]:
    """The light out of a hole: its lit wall, the floor below, and the light that falls through onto it."""
    ambient = np.array(stage.ambient, np.float32)
    key = stage.lamps[0]
    colour = np.array(key.colour, np.float32)
    # The lower edge of the hole, as the tilted camera sees it.
    fall = depth * stage.drop / stage.squash
    floor = _soft_inside(x, y - np.float32(fall), radius, 0.03)
    reach = depth / math.tan(key.elevation)
    spot_x, spot_y = -math.cos(key.azimuth) * reach, -math.sin(key.azimuth) * reach
    spot = _soft_inside(x - np.float32(spot_x), y - np.float32(spot_y + fall), radius * 0.96, 0.12)
    light = (ambient * 0.035)[None, None, :] + (colour * 0.085) * spot[..., None]
    r = np.maximum(np.sqrt(x**2 + y**2), np.float32(1e-5))
    # The wall's normal points to the axis: it is lit on the side away from the lamp.
    faces = np.maximum(-(x * math.cos(key.azimuth) + y * math.sin(key.azimuth)) / r, 0)
    wall = np.array(material.shine, np.float32) * (ambient * 0.20 + colour * (0.42 * faces**2)[..., None])
    rim = np.exp(-(((np.float32(radius) - r) / np.float32(0.16 * radius)) ** 2)) * faces
    light = light * floor[..., None] + wall * (1 - floor)[..., None]
    return np.asarray(light + wall * (rim * 0.45)[..., None], np.float32)


def _soft_inside(x: Plane, y: Plane, radius: float, softness: float) -> Plane:
    """1 inside a circle, 0 outside, with a ramp of a share of the radius."""
    inside = (np.float32(radius) - np.sqrt(x**2 + y**2)) / np.float32(softness * radius)
    return np.asarray(np.clip(inside + np.float32(0.5), 0, 1), np.float32)
