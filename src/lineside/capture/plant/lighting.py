"""The light over the conveyor: presets, their drift over time, and what the lens adds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

TILT = math.radians(40)
"""How far the side camera leans from the vertical, towards the lower edge of its picture."""

GAIN_ONE = 190
"""The value of a gain map that leaves a pixel as it is."""

DRIFT_STEPS = 8
DRIFT_PARTS = 240
"""Parts in which the light drifts once up and down."""


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp.

    Attributes:
        azimuth: Where it stands around the picture, in radians: 0 is right, a quarter turn is below.
        elevation: Its height over the conveyor, in radians.
        colour: Its strength in blue, green and red.
        width: How wide it is, as roughness that it adds to every highlight.
    """

    azimuth: float
    elevation: float
    colour: tuple[float, float, float]
    width: float

    @property
    def towards(self) -> tuple[float, float, float]:
        """The unit vector towards it: right, down the picture, up to the camera."""
        flat = math.cos(self.elevation)
        return flat * math.cos(self.azimuth), flat * math.sin(self.azimuth), math.sin(self.elevation)


@dataclass(frozen=True, slots=True)
class Preset:
    """The lamps and the sensor of one time of the day.

    Attributes:
        key: The lamp that throws the shadows.
        fill: The lamp from the other side.
        low: The lamp low over the conveyor that only the side camera has.
        ambient: What comes from everywhere, blue, green, red.
        grain: Standard deviation of the sensor's noise, in grey levels.
        flicker: How much the level changes from part to part.
    """

    key: Light
    fill: Light
    low: Light
    ambient: tuple[float, float, float]
    grain: float
    flicker: float


def _light(azimuth: float, elevation: float, colour: tuple[float, float, float], width: float) -> Light:
    return Light(math.radians(azimuth), math.radians(elevation), colour, width)


PRESETS = {
    "day": Preset(
        key=_light(-122, 50, (1.02, 1.0, 0.96), 0.10),
        fill=_light(-22, 58, (0.34, 0.33, 0.31), 0.14),
        low=_light(-165, 24, (0.42, 0.42, 0.42), 0.14),
        ambient=(0.40, 0.385, 0.37),
        grain=1.7,
        flicker=0.015,
    ),
    "night": Preset(
        key=_light(-48, 56, (0.80, 0.92, 0.96), 0.07),
        fill=_light(-150, 52, (0.26, 0.24, 0.22), 0.12),
        low=_light(-15, 26, (0.34, 0.36, 0.36), 0.12),
        ambient=(0.26, 0.27, 0.27),
        grain=2.6,
        flicker=0.03,
    ),
    "evening": Preset(
        key=_light(-168, 50, (0.56, 0.80, 1.0), 0.09),
        fill=_light(15, 55, (0.36, 0.26, 0.21), 0.13),
        low=_light(-130, 25, (0.26, 0.33, 0.38), 0.12),
        ambient=(0.33, 0.31, 0.31),
        grain=2.3,
        flicker=0.025,
    ),
}
"""The presets. `evening` is the one whose direction, colour and level the other two never have."""


def lamps(preset: Preset, camera: str, rng: np.random.Generator) -> tuple[Light, ...]:
    """The lamps that a camera's pictures are lit by, the key first, each a little off its place."""
    chosen = (preset.key, preset.fill) + ((preset.low,) if camera == "side" else ())
    return tuple(
        Light(
            lamp.azimuth + math.radians(rng.uniform(-11, 11)),
            lamp.elevation + math.radians(rng.uniform(-5, 5)),
            lamp.colour,
            lamp.width * rng.uniform(0.85, 1.2),
        )
        for lamp in chosen
    )


def gain_map(preset: Preset, size: Size, step: int, seeds: tuple[int, ...]) -> NDArray[np.uint8]:
    """What light and lens make of each pixel at a step of the drift, uint8 (height, width, 3).

    Args:
        preset: The light.
        size: Size of the frame.
        step: From 0 to `DRIFT_STEPS` - 1.
        seeds: What the lens is thrown from, the same for every step.

    Returns:
        The map; `GAIN_ONE` leaves a pixel as it is.
    """
    rng = np.random.default_rng(seeds)
    y, x = np.mgrid[-1:1:24j, -1:1:24j].astype(np.float32)
    off_x, off_y = rng.uniform(-0.15, 0.15, 2)
    vignette = 1 - rng.uniform(0.07, 0.15) * ((x - off_x) ** 2 + (y - off_y) ** 2)
    lean_x, lean_y = math.cos(preset.key.azimuth), math.sin(preset.key.azimuth)
    phase = 2 * math.pi * step / DRIFT_STEPS
    lean = 0.06 + 0.04 * math.sin(phase + 1.3)
    level = 1 + 0.055 * math.sin(phase)
    warmth = 0.03 * math.sin(phase * 2 + 0.4)
    colour = np.array((1 - warmth, 1, 1 + warmth), np.float32)
    shape = vignette * (1 + lean * (lean_x * x + lean_y * y)) * level
    coarse = np.asarray(GAIN_ONE * shape[..., None] * colour, np.float32)
    full = cv2.resize(coarse, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    dither = rng.random(size, dtype=np.float32)[..., None]
    return np.asarray(np.clip(full + dither, 0, 255), np.uint8)


def drift_step(number: int) -> int:
    """Which gain map belongs to a part."""
    return number * DRIFT_STEPS // DRIFT_PARTS % DRIFT_STEPS
