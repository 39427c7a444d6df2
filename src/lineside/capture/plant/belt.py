"""The conveyor: strips of belt, longer than a frame, that a window is cut from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineside.capture.plant.lighting import TILT
from lineside.capture.plant.textures import smooth_noise, to_bytes
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.plant.lighting import Preset

    Plane = NDArray[np.float32]

LENGTH = 1.9
"""Length of a strip in widths of a frame."""

LARGEST_SPECK_PX = 4.0
"""Across the largest crumb on the belt, in pixels of a frame of any size."""


@dataclass(frozen=True, slots=True)
class BeltLook:
    """What a belt is made of.

    Attributes:
        weave: `diamond`, `ribbed`, `fabric` or `modular`.
        colour: What it scatters, blue, green, red.
        relief: How deep the weave is.
        wear: How strongly it is worn and dusty.
    """

    weave: str
    colour: tuple[float, float, float]
    relief: float
    wear: float


BELTS = (
    BeltLook("diamond", (0.060, 0.058, 0.056), 0.55, 0.22),
    BeltLook("fabric", (0.115, 0.170, 0.055), 0.30, 0.14),
    BeltLook("modular", (0.300, 0.150, 0.060), 0.50, 0.12),
    BeltLook("fabric", (0.270, 0.275, 0.280), 0.22, 0.16),
    BeltLook("ribbed", (0.090, 0.085, 0.080), 0.45, 0.20),
    BeltLook("modular", (0.330, 0.340, 0.345), 0.42, 0.14),
)
"""The belts of the plant: rubber, PVC, plastic links."""


def belt_strip(
    look: BeltLook, preset: Preset, frame: Size, camera: str, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A strip of belt between its rails, uint8 (frame height, about 1.9 frame widths, 3)."""
    size = Size(frame.height, int(frame.width * LENGTH))
    unit = min(frame) / 640
    squash = math.cos(TILT) if camera == "side" else 1.0
    height = _relief(look.weave, size, unit, squash)
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.25)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.25)
    scattered = (0.62 + 0.38 * height) * _wear(look.wear, size, unit, rng)
    planes, colours = [(0.6 + 0.4 * height) * scattered], [preset.ambient]
    for lamp in (preset.key, preset.fill):
        x, y, z = lamp.towards
        lit = np.maximum(z - look.relief * (slope_x * x + slope_y * y) * 4, 0)
        planes.append(lit * scattered)
        colours.append(lamp.colour)
    mix = np.array(colours, np.float32).T * np.array(look.colour, np.float32)[:, None]
    light = np.asarray(cv2.transform(cv2.merge(planes), mix), np.float32)
    _rails(light, unit, preset)
    strip = to_bytes(light)
    _specks(strip, unit, rng)
    return strip


def _relief(weave: str, size: Size, unit: float, squash: float) -> Plane:
    """The height of a weave, float32 (height, width), about 0 to 1."""
    y, x = np.mgrid[: size.height, : size.width].astype(np.float32)
    x, y = x / np.float32(unit), y / np.float32(unit * squash)
    turn = np.float32(2 * math.pi)
    if weave == "diamond":
        a, b = np.cos((x + y) * turn / 15), np.cos((x - y) * turn / 15)
        return np.asarray(1 / (1 + np.exp(-5 * (a * b - 0.1))), np.float32)
    if weave == "ribbed":
        return np.asarray(np.abs(np.cos(x * turn / 26 + 0.6 * np.sin(y * turn / 44))) ** 0.6, np.float32)
    if weave == "fabric":
        warp_threads, weft = np.cos(x * turn / 5.3), np.cos(y * turn / 4.7)
        over = np.cos((x / 5.3 + y / 4.7) * turn / 2)
        return np.asarray(0.5 + 0.22 * warp_threads * (over > 0) + 0.22 * weft * (over <= 0), np.float32)
    return _links(x, y)


def _links(x: Plane, y: Plane) -> Plane:
    """Plastic links: bricks with a gap between them and rows of drain holes."""
    row = np.floor(x / 92)
    along, aside = x % 92, (y + 71 * (row % 2)) % 142
    gap = np.minimum(np.minimum(along, 92 - along), np.minimum(aside, 142 - aside))
    links = 1 / (1 + np.exp(-(gap - 2.6) * 1.3))
    slot_x, slot_y = np.abs(along - 46) - 17, np.abs(aside % 35.5 - 17.75) - 1.2
    slot = np.maximum(np.maximum(slot_x, slot_y) - 2.2, -3)
    return np.asarray(links * (0.18 + 0.82 / (1 + np.exp(-slot * 1.6))), np.float32)


def _wear(amount: float, size: Size, unit: float, rng: np.random.Generator) -> Plane:
    """How bright a worn belt is, about 1: clouds, streaks along its run, and a fine grain."""
    clouds = smooth_noise(rng, size, (90 * unit, 130 * unit))
    streaks = smooth_noise(rng, size, (6 * unit, 420 * unit))
    scuffs = smooth_noise(rng, size, (2.2 * unit, 60 * unit))
    fine = smooth_noise(rng, size, (1.4, 1.4))
    wear = 1 + amount * (0.42 * clouds + 0.42 * streaks + 0.3 * scuffs + 0.35 * fine)
    return np.asarray(np.clip(wear, 0.3, 2.2), np.float32)


def _specks(strip: NDArray[np.uint8], unit: float, rng: np.random.Generator) -> None:
    """Dust and crumbs, in place: softer, fainter and smaller than any defect that counts."""
    height, width = strip.shape[:2]
    dust = np.zeros((height, width), np.uint8)
    crumbs = dust.copy()
    for _ in range(int(rng.integers(60, 160))):
        at = (int(rng.integers(width * 8)), int(rng.integers(height * 8)))
        radius = float(np.clip(rng.exponential(0.7 * unit), 0.3, LARGEST_SPECK_PX / 2))
        plane = dust if rng.random() < 0.7 else crumbs
        cv2.circle(plane, at, int(radius * 8), (int(rng.uniform(18, 46)),), -1, cv2.LINE_AA, 3)
    for plane, lay in ((dust, cv2.add), (crumbs, cv2.subtract)):
        soft = cv2.GaussianBlur(plane, (0, 0), 0.8)
        lay(strip, cv2.merge([soft] * 3), strip)


def _rails(light: NDArray[np.float32], unit: float, preset: Preset) -> None:
    """The guide rails above and below the belt with the shadow they throw on it, in place."""
    height = light.shape[0]
    broad = 21 * unit
    y = np.arange(height, dtype=np.float32)
    below = height - 1 - y
    shade = np.ones(height, np.float32)
    for edge, faces in ((y, -preset.key.towards[1]), (below, preset.key.towards[1])):
        reach = np.float32((10 + 22 * max(faces, 0)) * unit)
        shade *= 1 - np.float32(0.62) * np.exp(-(((edge - broad) / reach) ** 2)) * (edge >= broad)
    light *= shade[:, None, None]
    metal = np.array(preset.ambient, np.float32) + np.float32(0.5) * np.array(preset.key.colour, np.float32)
    for edge in (y, below):
        rows = edge < broad
        across = edge[rows] / broad
        tone = (
            0.34
            + 0.30 * np.exp(-(((across - 0.72) / 0.07) ** 2))
            - 0.22 * np.exp(-(((across - 0.9) / 0.06) ** 2))
        )
        tone -= 0.16 * np.exp(-(((across - 0.28) / 0.05) ** 2))
        light[rows] = (tone[:, None] * metal)[:, None, :]
