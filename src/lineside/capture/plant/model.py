"""What the two products have in common: a round part with a face, holes, print, and a body that cameras see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from lineside.capture.plant.lighting import TILT
from lineside.capture.plant.sprite import Sprite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.plant.lighting import Light

    Plane = NDArray[np.float32]

SOFTNESS = 0.34
"""How far the edge of a shadow fades, in radii."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A hole through the face, in radii of the part from its axis."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """How a part is looked at: by which camera, how large, in which light.

    Attributes:
        camera: Name of the camera.
        radius_px: Pixels of a part's radius across the picture.
        lamps: The lamps, the key first.
        ambient: What comes from everywhere, blue, green, red.
    """

    camera: str
    radius_px: float
    lamps: tuple[Light, ...]
    ambient: tuple[float, float, float]

    @property
    def squash(self) -> float:
        """Height of the face against its width in the picture."""
        return math.cos(TILT) if self.camera == "side" else 1.0

    @property
    def drop(self) -> float:
        """How far one radius straight down lies further down the picture, in radii."""
        return math.sin(TILT) if self.camera == "side" else 0.0


class Model(Protocol):
    """A make of a product: its measures, and how it is drawn."""

    def __hash__(self) -> int:
        """By its measures: what is drawn of a make is kept under it."""

    @property
    def radius(self) -> float:
        """Its radius in shorter sides of the picture."""

    @property
    def thickness(self) -> float:
        """Its height over the conveyor, in radii."""

    @property
    def ink_colour(self) -> tuple[int, int, int]:
        """Colour of its print: blue, green, red."""

    @property
    def ink_reach(self) -> float:
        """The longest misprint in radii."""

    @property
    def ink_points(self) -> NDArray[np.float64]:
        """Places with print on them, float64 (N, 2) in radii."""

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The holes of its face, besides a bore around the axis."""

    @property
    def inner(self) -> float:
        """Where its face begins, in radii: the edge of a bore, or 0."""

    @property
    def outer(self) -> float:
        """Where its face ends, in radii."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The defects that it can have; one that stands here twice is twice as frequent."""

    def body(self, stage: Stage, rng: np.random.Generator) -> Sprite:
        """The part without its holes and its print, on its shadow, as a camera sees it."""

    def hole(self, stage: Stage) -> Sprite | None:
        """One of its holes, as a camera sees it."""

    def ink(self, radius_px: float) -> Sprite:
        """Its print or engraving, flat: as it lies in the plane of the face."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """The pixels of a body's sprite.

    Attributes:
        x: Right, in radii from the axis, float32 (height, width).
        y: Down, in radii within the plane of the face.
        r: Distance from the axis in that plane.
        origin: The pixel of the axis.
        stage: How the part is looked at.
    """

    x: Plane
    y: Plane
    r: Plane
    origin: tuple[float, float]
    stage: Stage

    @classmethod
    def of(cls, stage: Stage, thickness: float) -> Canvas:
        """The canvas of a part that stands so many radii high, without its shadow."""
        radius = stage.radius_px
        half_x = math.ceil(radius) + 2
        above = math.ceil(radius * stage.squash) + 2
        below = math.ceil(radius * (stage.squash + thickness * stage.drop)) + 2
        y, x = np.mgrid[-above : below + 1, -half_x : half_x + 1].astype(np.float32)
        x, y = x / np.float32(radius), y / np.float32(radius * stage.squash)
        return cls(x, y, np.sqrt(x**2 + y**2), (float(half_x), float(above)), stage)

    def edge(self, radius: float | Plane) -> Plane:
        """1 inside a circle around the axis, 0 outside, with a pixel's ramp between; float32 (height, width)."""
        squash = np.float32(self.stage.squash)
        steep = self.r / np.maximum(np.sqrt(self.x**2 + (self.y / squash) ** 2), np.float32(1e-6))
        inside = (radius - self.r) * steep * np.float32(self.stage.radius_px)
        return np.clip(inside + np.float32(0.5), 0, 1)

    def wall(self, thickness: float) -> tuple[Plane, Plane]:
        """The side of the part below its face: its cover, and the depth below the face's edge from 0 to 1."""
        deep = max(thickness * self.stage.drop, 1e-6)
        picture_y = self.y * np.float32(self.stage.squash)
        rim = np.float32(self.stage.squash) * np.sqrt(np.maximum(1 - self.x**2, 0))
        radius = np.float32(self.stage.radius_px)
        inside = np.clip((1 - np.abs(self.x)) * radius + np.float32(0.5), 0, 1)
        foot = np.clip((rim + np.float32(deep) - picture_y) * radius + np.float32(0.5), 0, 1)
        cover = inside * foot * (picture_y > 0) if self.stage.drop else np.zeros_like(self.r)
        return cover, np.clip((picture_y - rim) / np.float32(deep), 0, 1)

    def on_its_shadow(self, light: NDArray[np.uint8], cover: Plane, thickness: float) -> Sprite:
        """The part, uint8 (height, width, 3), on the shadow that it throws on the conveyor."""
        throw = thickness / math.tan(self.stage.lamps[0].elevation)
        margin = math.ceil(self.stage.radius_px * (throw + SOFTNESS))
        origin = (self.origin[0] + margin, self.origin[1] + margin)
        edges = (margin, margin, margin, margin)
        colour = cv2.copyMakeBorder(light, *edges, cv2.BORDER_CONSTANT)
        covered = np.asarray(cv2.copyMakeBorder(cover, *edges, cv2.BORDER_CONSTANT), np.float32)
        dark = shadow(self.stage, thickness, covered.shape, origin)
        return Sprite.of(np.asarray(colour, np.uint8), covered, dark, origin)


def shadow(stage: Stage, thickness: float, shape: tuple[int, ...], origin: tuple[float, float]) -> Plane:
    """How much of the light on the conveyor a part takes away, float32 of a shape, 0 to 1."""
    # Shadows are soft: a quarter of the pixels is enough.
    half = (math.ceil(shape[1] / 2), math.ceil(shape[0] / 2))
    radius, key = stage.radius_px / 2, stage.lamps[0]
    reach = thickness / math.tan(key.elevation) * radius
    away = (-math.cos(key.azimuth) * reach, -math.sin(key.azimuth) * reach * stage.squash)
    foot = (origin[0] / 2, origin[1] / 2 + thickness * stage.drop * radius)
    cast = np.zeros(half[::-1], np.uint8)
    for share in np.linspace(0, 1, 9):
        _ellipse(cast, (foot[0] + away[0] * share, foot[1] + away[1] * share), radius * 0.99, stage.squash)
    under = np.zeros_like(cast)
    _ellipse(under, foot, radius * 1.01, stage.squash)
    bright = np.ones(half[::-1], np.float32)
    for mask, soft, strength in ((cast, 0.045, 0.55), (under, 0.028, 0.55), (under, 0.11, 0.32)):
        blurred = cv2.GaussianBlur(mask, (0, 0), max(soft * radius, 0.5))
        bright *= 1 - np.float32(strength / 255) * np.asarray(blurred, np.float32)
    full = cv2.resize(bright, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(1 - full, np.float32)


def _ellipse(mask: NDArray[np.uint8], at: tuple[float, float], radius: float, squash: float) -> None:
    centre = (round(at[0] * 16), round(at[1] * 16))
    axes = (round(radius * 16), round(radius * squash * 16))
    cv2.ellipse(mask, centre, axes, 0, 0, 360, (255,), -1, cv2.LINE_AA, 4)


def inked(sprite: Sprite, radius_px: float) -> NDArray[np.float64]:
    """Places with print on a sprite of it, float64 (N, 2) in radii from its origin."""
    rows, columns = np.nonzero(sprite.pixels[..., 3] < 110)
    return np.column_stack((columns - sprite.origin[0], rows - sprite.origin[1])) / radius_px
