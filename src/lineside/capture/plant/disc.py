"""Machined metal discs: turned faces, chamfers, a bore, a circle of holes, an engraved code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineside.capture.plant.lettering import Sheet, write_around
from lineside.capture.plant.machining import MATERIALS, grooves, well
from lineside.capture.plant.model import Canvas, Hole, inked
from lineside.capture.plant.shading import Surface, shade
from lineside.capture.plant.sprite import Sprite, cropped
from lineside.capture.plant.textures import ring_noise, smooth_noise, to_bytes
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.plant.machining import Material
    from lineside.capture.plant.model import Stage

    Plane = NDArray[np.float32]

_RINGS = 2048
_COARSE_PX = 96.0


@dataclass(frozen=True, slots=True)
class Disc:
    """A make of disc; lengths in radii.

    Attributes:
        material: What it is made of.
        bore: Radius of the bore.
        hub: Where the raised hub ends.
        rim: Where the raised rim begins.
        recess: How deep the web between them lies.
        blasted: Whether the web is sand-blasted instead of turned.
        chamfer: Width of the chamfers.
        radius: In shorter sides of the picture.
        thickness: Height over the conveyor.
        holes: The bolt holes.
        code: The engraved text.
        code_turn: Where it stands, in radians.
    """

    material: Material
    bore: float
    hub: float
    rim: float
    recess: float
    blasted: bool
    chamfer: float
    radius: float
    thickness: float
    holes: tuple[Hole, ...]
    code: str
    code_turn: float

    @classmethod
    def thrown(cls, rng: np.random.Generator) -> Disc:
        """A make by chance."""
        bore = float(rng.uniform(0.14, 0.25))
        hub, rim = bore + float(rng.uniform(0.12, 0.17)), float(rng.uniform(0.79, 0.83))
        count = int(rng.choice((4, 5, 6, 8)))
        radius = float(rng.uniform(0.055, 0.085) if count == 8 else rng.uniform(0.065, 0.115))
        middle = (hub + rim) / 2
        turns = [2 * math.pi * i / count for i in range(count)]
        holes = tuple(Hole(middle * math.cos(t), middle * math.sin(t), radius) for t in turns)
        letters = "".join(rng.choice(list("ABCDEFHKLMNPRSTX"), 2))
        code = f"{letters} {rng.integers(100, 1000)}-{rng.integers(10, 100)}  LOT {rng.integers(1000):04d}"
        return cls(
            material=MATERIALS[int(rng.integers(len(MATERIALS)))],
            bore=bore,
            hub=hub,
            rim=rim,
            recess=float(rng.choice((0.0, 0.03, 0.06), p=(0.2, 0.4, 0.4))),
            blasted=bool(rng.random() < 0.3),
            chamfer=float(rng.uniform(0.018, 0.034)),
            radius=float(rng.uniform(0.255, 0.295)),
            thickness=float(rng.uniform(0.14, 0.24)),
            holes=holes,
            code=code,
            code_turn=float(rng.uniform(0, 2 * math.pi)),
        )

    @property
    def ink_colour(self) -> tuple[int, int, int]:
        """Colour of its print."""
        return self.material.mark

    @property
    def ink_reach(self) -> float:
        """The longest misprint in radii."""
        return 0.24

    @property
    def ink_points(self) -> NDArray[np.float64]:
        """Places with print on them."""
        return _ink_points(self)

    @property
    def inner(self) -> float:
        """Where the face begins."""
        return self.bore + self.chamfer

    @property
    def outer(self) -> float:
        """Where the face ends."""
        return 1 - self.chamfer

    @property
    def kinds(self) -> tuple[str, ...]:
        """All of them, a missing hole twice as often, because caps have none."""
        return ("scratch", "dent", "missing_hole", "missing_hole", "stain", "misprint", "crack")

    def body(self, stage: Stage, rng: np.random.Generator) -> Sprite:
        """The turned blank with its bore, on its shadow."""
        canvas = Canvas.of(stage, self.thickness)
        light = self._face(canvas, rng)
        wall, depth = canvas.wall(self.thickness)
        face = canvas.edge(1.0)
        if stage.drop:
            side = self._side(canvas, depth, rng)
            light = light * face[..., None] + side * (1 - face)[..., None]
        cover = np.maximum(face, wall)
        self._bore(canvas, light, cover)
        return canvas.on_its_shadow(to_bytes(light), cover, self.thickness)

    def _face(self, canvas: Canvas, rng: np.random.Generator) -> NDArray[np.float32]:
        slope, tone, matte_rings = self._profile(canvas, rng)
        index = np.minimum(canvas.r * np.float32(_RINGS / 1.1), _RINGS - 1).astype(np.int32)
        safe = np.maximum(canvas.r, np.float32(1e-4))
        cos = np.asarray(canvas.x / safe, np.float32)
        sin = np.asarray(canvas.y / safe, np.float32)
        marks = grooves(canvas, rng)
        size = Size(*canvas.r.shape)
        blasted = matte_rings[index]
        pits = smooth_noise(rng, size, (1.5, 1.5))
        lean = slope[index] + np.float32(0.026) * marks * (1 - blasted)
        turned = np.float32(self.material.turned)
        oil = smooth_noise(rng, size, (0.55 * canvas.stage.radius_px,) * 2)
        sheen = 1 + np.float32(0.025) * np.tanh(oil * 2)
        gloss = (
            tone[index]
            * sheen
            * (1 + np.float32(0.06) * marks * (1 - blasted) + np.float32(0.05) * pits * blasted)
        )
        # Blasted metal scatters what turned metal mirrors.
        scatter = np.array(self.material.matte, np.float32) * (1 + 2.2 * blasted)[..., None]
        surface = Surface(
            canvas.x,
            canvas.y,
            lean * cos + np.float32(0.05) * pits * blasted,
            lean * sin,
            (-sin, cos),
            along=0.125 + 0.375 * blasted + 0.04 * (1 - turned),
            across=0.52 - 0.02 * blasted,
            matte=scatter * gloss[..., None],
            shine=np.array(self.material.shine, np.float32) * (gloss * (1 - 0.62 * blasted))[..., None],
            mirror=0.44,
        )
        return shade(surface, canvas.stage.lamps, canvas.stage.ambient, canvas.stage.camera)

    def _profile(self, canvas: Canvas, rng: np.random.Generator) -> tuple[Plane, Plane, Plane]:
        """How much the face falls outwards, its tone and its roughness over the radius, float32 (2048,) each."""
        r = np.arange(_RINGS, dtype=np.float32) * np.float32(1.1 / _RINGS)
        wide = np.float32(max(0.008, 1.1 / canvas.stage.radius_px))
        slope = np.zeros(_RINGS, np.float32)
        dark = np.ones(_RINGS, np.float32)
        for at, rise in ((self.hub, -self.recess), (self.rim, self.recess)):
            bump = np.exp(-(((r - np.float32(at)) / wide) ** 2))
            slope -= bump * np.float32(rise / 0.12)
            dark -= np.float32(min(abs(rise) * 7, 0.5)) * np.exp(
                -(((r - np.float32(at)) / (2.4 * wide)) ** 2)
            )
        ramp = np.float32(max(0.006, 0.8 / canvas.stage.radius_px))
        slope += 0.475 * (1 + np.tanh((r - np.float32(1 - self.chamfer)) / ramp))
        slope -= 0.475 * (1 - np.tanh((r - np.float32(self.bore + self.chamfer)) / ramp))
        cell = _RINGS / 1.1 / canvas.stage.radius_px
        slope += np.float32(0.020) * ring_noise(rng, _RINGS, 1.6 * cell) + np.float32(0.018) * ring_noise(
            rng, _RINGS, 5 * cell
        )
        tone = dark * (
            1
            + np.float32(0.05) * ring_noise(rng, _RINGS, 1.4 * cell)
            + np.float32(0.035) * ring_noise(rng, _RINGS, 9 * cell)
        )
        web = (r > self.hub) & (r < self.rim)
        blasted = (web & self.blasted).astype(np.float32)
        return slope, np.maximum(tone, 0.2).astype(np.float32), blasted

    def _side(self, canvas: Canvas, depth: Plane, rng: np.random.Generator) -> NDArray[np.float32]:
        """The turned wall below the face."""
        across = np.clip(canvas.x, -0.999, 0.999)
        out = np.sqrt(1 - across**2)
        lines = ring_noise(rng, 256, 5.0)[np.minimum(depth * 255, 255).astype(np.int32)]
        light = np.full((*canvas.r.shape, 3), 0, np.float32)
        shine = np.array(self.material.shine, np.float32)
        for lamp in canvas.stage.lamps:
            # Around a cylinder's axis a lamp gives a band of light where the wall faces between it and the camera.
            half_x, half_y = lamp.towards[0], lamp.towards[1] + canvas.stage.drop
            angle = np.arctan2(across, out) - math.atan2(half_x, max(half_y, 0.05))
            band = np.exp(-((angle / np.float32(0.20 + lamp.width)) ** 2)) * max(half_y + 0.3, 0.15)
            light += band[..., None] * np.array(lamp.colour, np.float32)
        ambient = np.array(canvas.stage.ambient, np.float32)
        hall = 0.30 + 0.16 * np.cos(3 * np.arctan2(across, out) + 0.7)
        light = shine * (light * 0.85 + ambient * hall[..., None]) * (1 + 0.08 * lines)[..., None]
        foot = 1 - np.float32(0.55) * depth**3
        lip = 1 + np.float32(0.5) * np.exp(-((depth / np.float32(0.10)) ** 2))
        return np.asarray(light * (foot * lip)[..., None], np.float32)

    def _bore(self, canvas: Canvas, light: NDArray[np.float32], cover: Plane) -> None:
        """Bore the hole around the axis, in place; a little of the conveyor shines through."""
        reach = math.ceil(self.bore * canvas.stage.radius_px) + 2
        column, row = (int(v) for v in canvas.origin)
        near = (slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1))
        hollow = well(canvas.x[near], canvas.y[near], self.bore, self.thickness, canvas.stage, self.material)
        bore = canvas.edge(self.bore)[near]
        light[near] += (hollow - light[near]) * bore[..., None]
        cover[near] *= 1 - bore * np.float32(0.12)

    def hole(self, stage: Stage) -> Sprite:
        """A bolt hole with its countersink, upright as the camera sees it."""
        radius = self.holes[0].radius
        outer = radius * 1.24
        half_x = math.ceil(outer * stage.radius_px) + 2
        half_y = math.ceil(outer * stage.radius_px * stage.squash) + 2
        fine = 3
        y, x = np.mgrid[: (2 * half_y + 1) * fine, : (2 * half_x + 1) * fine].astype(np.float32)
        x = ((x + 0.5) / fine - half_x - 0.5) / np.float32(stage.radius_px)
        y = ((y + 0.5) / fine - half_y - 0.5) / np.float32(stage.radius_px * stage.squash)
        r = np.sqrt(x**2 + y**2)
        safe = np.maximum(r, np.float32(1e-5))
        sink = Surface(
            x,
            y,
            -0.9 * x / safe,
            -0.9 * y / safe,
            (-y / safe, x / safe),
            0.30,
            0.5,
            np.array(self.material.matte, np.float32),
            np.array(self.material.shine, np.float32),
            0.55,
        )
        light = shade(sink, stage.lamps, stage.ambient, stage.camera)
        hollow = well(x, y, radius, self.thickness, stage, self.material)
        light = np.where((r < radius)[..., None], hollow, light)
        # A dark line at each turn of the surface: an edge is never perfectly sharp nor perfectly clean.
        for at in (radius, outer):
            light *= (1 - 0.35 * np.exp(-(((r - np.float32(at)) * stage.radius_px / 0.8) ** 2)))[..., None]
        cover = (r < outer).astype(np.float32)
        shape = (2 * half_x + 1, 2 * half_y + 1)
        colour = cv2.resize(to_bytes(light), shape, interpolation=cv2.INTER_AREA)
        cover = np.asarray(cv2.resize(cover, shape, interpolation=cv2.INTER_AREA), np.float32)
        return Sprite.of(np.asarray(colour, np.uint8), cover, 0.0, (float(half_x), float(half_y)))

    def ink(self, radius_px: float) -> Sprite:
        """The engraved code on the rim."""
        sheet = Sheet.blank(radius_px, 1.0)
        broad = 1 - self.chamfer - self.rim
        write_around(
            sheet, self.code, (self.rim + 1 - self.chamfer) / 2, min(broad * 0.52, 0.085), self.code_turn, 5
        )
        mask = sheet.finished()
        colour = np.empty((*mask.shape, 3), np.uint8)
        colour[:] = self.material.mark
        middle = mask.shape[0] / 2 - 0.5
        cover = mask.astype(np.float32) * np.float32(0.80 / 255)
        return cropped(Sprite.of(colour, cover, 0.0, (middle, middle)))


@lru_cache(maxsize=256)
def _ink_points(make: Disc) -> NDArray[np.float64]:
    return inked(make.ink(_COARSE_PX), _COARSE_PX)
