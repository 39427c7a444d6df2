"""Printed plastic caps: a knurled skirt, a rounded shoulder, a dished top with a sign, text and a lot code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lineside.capture.plant.lettering import SIGNS, Sheet, draw_sign, write, write_around
from lineside.capture.plant.model import Canvas, Hole, inked
from lineside.capture.plant.shading import Surface, shade
from lineside.capture.plant.sprite import Sprite, cropped
from lineside.capture.plant.textures import fractal_noise, smooth_noise, to_bytes
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.plant.model import Stage

    Plane = NDArray[np.float32]

SHOULDER = 0.80
"""Where the flat top ends and the rounded shoulder begins, in radii."""

_KNURL = 0.945
_COARSE_PX = 96.0


@dataclass(frozen=True, slots=True)
class Plastic:
    """A colour of cap with the ink that reads on it.

    Attributes:
        body: What the plastic scatters, blue, green, red.
        ink: Colour of the print in grey levels, blue, green, red.
    """

    body: tuple[float, float, float]
    ink: tuple[int, int, int]


PLASTICS = (
    Plastic((0.42, 0.13, 0.020), (238, 236, 232)),
    Plastic((0.50, 0.50, 0.485), (150, 62, 24)),
    Plastic((0.025, 0.022, 0.42), (234, 236, 238)),
    Plastic((0.050, 0.26, 0.045), (230, 238, 236)),
    Plastic((0.030, 0.40, 0.60), (44, 40, 38)),
    Plastic((0.50, 0.50, 0.485), (34, 30, 150)),
    Plastic((0.46, 0.34, 0.055), (240, 240, 236)),
    Plastic((0.020, 0.17, 0.55), (238, 240, 240)),
    Plastic((0.075, 0.072, 0.070), (206, 212, 214)),
)
"""Blue, white, red, green, yellow, white, turquoise, orange, charcoal."""

_RING_TEXTS = (
    "SPRING WATER * STILL *",
    "NATURAL MINERAL WATER *",
    "SPARKLING WATER * 500 ML *",
    "FRESH APPLE JUICE * 1 L *",
    "WHOLE MILK * KEEP COLD *",
    "PLEASE RECYCLE * TWIST TO OPEN *",
    "ORANGE JUICE * SHAKE WELL *",
)
_WORDS = ("WATER", "STILL", "JUICE", "MILK", "FRESH", "APPLE", "LEMON", "SPARK")


@dataclass(frozen=True, slots=True)
class Cap:
    """A make of cap.

    Attributes:
        plastic: Its colours.
        ridges: Ridges of the knurled skirt.
        radius: In shorter sides of the picture.
        thickness: Height over the conveyor, in radii.
        dish: How hollow the top is.
        bead: Radius of the raised ring on the top, in radii; 0 without.
        layout: `ring`, `word` or `code`: what is printed where.
        sign: One of `SIGNS`.
        text: The text around the rim.
        word: The word in the middle.
        lot: The code of the lot.
    """

    plastic: Plastic
    ridges: int
    radius: float
    thickness: float
    dish: float
    bead: float
    layout: str
    sign: str
    text: str
    word: str
    lot: str

    @classmethod
    def thrown(cls, rng: np.random.Generator) -> Cap:
        """A make by chance."""
        return cls(
            plastic=PLASTICS[int(rng.integers(len(PLASTICS)))],
            ridges=int(rng.choice((60, 72, 84, 96, 108))),
            radius=float(rng.uniform(0.235, 0.272)),
            thickness=float(rng.uniform(0.34, 0.46)),
            dish=float(rng.uniform(0.015, 0.05)),
            bead=float(rng.choice((0.0, 0.765))),
            layout=str(rng.choice(("ring", "word", "code"))),
            sign=str(rng.choice(SIGNS)),
            text=str(rng.choice(_RING_TEXTS)),
            word=str(rng.choice(_WORDS)),
            lot=f"LOT {rng.integers(10000):04d}",
        )

    @property
    def holes(self) -> tuple[Hole, ...]:
        """None."""
        return ()

    @property
    def ink_colour(self) -> tuple[int, int, int]:
        """Colour of its print."""
        return self.plastic.ink

    @property
    def ink_reach(self) -> float:
        """The longest misprint in radii."""
        return 0.5

    @property
    def ink_points(self) -> NDArray[np.float64]:
        """Places with print on them."""
        return _ink_points(self)

    @property
    def inner(self) -> float:
        """The face begins at the axis."""
        return 0.0

    @property
    def outer(self) -> float:
        """Where the smooth top and the shoulder end."""
        return 0.90

    @property
    def kinds(self) -> tuple[str, ...]:
        """All but a missing hole: it has none."""
        return ("scratch", "dent", "stain", "misprint", "crack")

    def body(self, stage: Stage, rng: np.random.Generator) -> Sprite:
        """The cap without its print, on its shadow."""
        canvas = Canvas.of(stage, self.thickness)
        turn = float(rng.uniform(0, 2 * math.pi))
        light = self._top(canvas, turn, rng)
        ripple = np.cos(self.ridges * np.arctan2(canvas.y, canvas.x) + np.float32(turn))
        face = canvas.edge(np.float32(0.992) + np.float32(0.008) * ripple)
        wall, depth = canvas.wall(self.thickness)
        if stage.drop:
            side = self._skirt(canvas, depth, turn)
            light = light * face[..., None] + side * (1 - face)[..., None]
        return canvas.on_its_shadow(to_bytes(light), np.maximum(face, wall), self.thickness)

    def _top(self, canvas: Canvas, turn: float, rng: np.random.Generator) -> NDArray[np.float32]:
        r = canvas.r
        safe = np.maximum(r, np.float32(1e-4))
        cos, sin = canvas.x / safe, canvas.y / safe
        size = Size(*r.shape)
        round_off = np.clip((r - np.float32(SHOULDER)) / np.float32(_KNURL - SHOULDER), 0, 1)
        slope = 1.5 * round_off**2 / np.sqrt(np.maximum(1.12 - round_off**2, 0.1)) - self.dish * r
        thin = np.float32(max(0.012, 1.3 / canvas.stage.radius_px))
        if self.bead:
            off = (r - np.float32(self.bead)) / thin
            slope += 0.85 * off * np.exp(-(off**2))
        gate = r / np.float32(0.035)
        slope += 0.5 * (gate - 0.7) * np.exp(-(gate**2) * 1.2)
        knurled = np.clip((r - np.float32(_KNURL)) / np.float32(0.012), 0, 1)
        phase = self.ridges * np.arctan2(canvas.y, canvas.x) + np.float32(turn)
        aside = np.float32(0.9) * np.sin(phase) * knurled
        mottle = fractal_noise(rng, size, 5.0, 3)
        slope_x = slope * cos - aside * sin + np.float32(0.010) * smooth_noise(rng, size, (22, 22))
        slope_y = slope * sin + aside * cos + np.float32(0.006) * mottle
        plastic = np.array(self.plastic.body, np.float32)
        valley = 1 - 0.42 * knurled * (0.5 - 0.5 * np.cos(phase))
        edge_dark = 1 - 0.25 * np.exp(-(((r - np.float32(_KNURL)) / thin) ** 2))
        tone = (1 + np.float32(0.018) * mottle) * valley * edge_dark
        surface = Surface(
            canvas.x,
            canvas.y,
            slope_x,
            slope_y,
            None,
            along=0.17,
            across=0.17,
            matte=plastic * tone[..., None],
            shine=(0.20 * plastic + 0.15) * np.float32(1.0),
            mirror=0.10,
        )
        return shade(surface, canvas.stage.lamps, canvas.stage.ambient, canvas.stage.camera)

    def _skirt(self, canvas: Canvas, depth: Plane, turn: float) -> NDArray[np.float32]:
        """The knurled wall below the shoulder, with the line of its tamper band."""
        across = np.clip(canvas.x, -0.9995, 0.9995)
        out = np.sqrt(1 - across**2)
        around = np.arctan2(out, across)
        phase = self.ridges * around + np.float32(turn)
        # Towards both ends the ridges stand closer than pixels do: there they blur.
        fades = np.clip(out * canvas.stage.radius_px / self.ridges * 2.4 - 0.6, 0, 1)
        on_knurl = ((depth > 0.05) & (depth < 0.76)).astype(np.float32)
        lean = around + np.float32(0.75) * np.sin(phase) * fades * on_knurl
        plastic = np.array(self.plastic.body, np.float32)
        ambient = np.array(canvas.stage.ambient, np.float32)
        light = plastic * ambient * np.float32(0.75)
        light = np.broadcast_to(light, (*canvas.r.shape, 3)).copy()
        for lamp in canvas.stage.lamps:
            x, y, _ = lamp.towards
            lit = np.maximum(np.cos(lean) * x + np.sin(lean) * (y + 0.25), 0)
            colour = np.array(lamp.colour, np.float32)
            half = math.atan2(y + canvas.stage.drop, x)
            gleam = np.exp(-((((lean - half + math.pi) % (2 * math.pi) - math.pi) / 0.17) ** 2))
            light += plastic * colour * lit[..., None] + 0.10 * colour * gleam[..., None]
        valley = 1 - 0.35 * on_knurl * fades * (0.5 - 0.5 * np.cos(phase))
        band = (
            1
            - 0.5 * np.exp(-(((depth - 0.80) / 0.022) ** 2))
            + 0.18 * np.exp(-(((depth - 0.84) / 0.02) ** 2))
        )
        foot = 1 - np.float32(0.45) * depth**4
        return np.asarray(light * (valley * band * foot)[..., None], np.float32)

    def hole(self, stage: Stage) -> None:
        """None: it has no holes."""
        del stage

    def ink(self, radius_px: float) -> Sprite:
        """The print on the top."""
        sheet = Sheet.blank(radius_px, 0.76)
        if self.layout == "ring":
            write_around(sheet, self.text, 0.62, 0.105, -math.pi / 2)
            draw_sign(sheet, self.sign, (0, -0.06), 0.30)
            write(sheet, self.lot, (0, 0.36), 0.066, 5)
        elif self.layout == "word":
            draw_sign(sheet, self.sign, (0, -0.34), 0.22)
            write(sheet, self.word, (0, 0.09), min(0.24, 1.15 / len(self.word) * 1.1), 9)
            write(sheet, self.lot, (0, 0.40), 0.070, 5)
            sheet.ring(0.68, 0.016)
        else:
            write_around(sheet, self.text, 0.62, 0.105, -math.pi / 2)
            write(sheet, self.lot, (0, 0.12), 0.105, 6)
            write(sheet, "BEST BEFORE 04.17", (0, 0.26), 0.050, 5)
            draw_sign(sheet, self.sign, (0, -0.22), 0.20)
            sheet.ring(0.50, 0.012)
        mask = sheet.finished()
        colour = np.empty((*mask.shape, 3), np.uint8)
        colour[:] = self.plastic.ink
        middle = mask.shape[0] / 2 - 0.5
        cover = mask.astype(np.float32) * np.float32(0.90 / 255)
        return cropped(Sprite.of(colour, cover, 0.0, (middle, middle)))


@lru_cache(maxsize=256)
def _ink_points(make: Cap) -> NDArray[np.float64]:
    return inked(make.ink(_COARSE_PX), _COARSE_PX)
