"""The lights that training sees: the plant's `day` and `night`, and lights thrown from a seed.

With two lights only, a network learns where shadows and highlights use to lie, and takes those of a third for defects.
Thrown lights leave it nothing to learn of that. The held-out light keeps its direction to itself: no thrown key
lamp stands near it.
"""

from __future__ import annotations

import math

import numpy as np

from lineside.capture.plant.lighting import PRESETS, Light, Preset

HELD_OUT = "evening"
KEPT_FREE = math.radians(20)
"""How far every thrown key lamp stays away from the held-out light's, to either side."""

_NAMED = ("day", "night")
_CYCLE = 6  # plants; two in the named lights, the others in thrown ones
_LIGHT = 41


def light_for(index: int, seed: int) -> Preset:
    """The light over a training plant.

    Args:
        index: Counts plants: of six the first two get `day` and `night`, the others a thrown light.
        seed: Of the plant; a thrown light comes of it.
    """
    place = index % _CYCLE
    if place < len(_NAMED):
        return PRESETS[_NAMED[place]]
    return thrown_light(np.random.default_rng([seed, _LIGHT]))


def thrown_light(rng: np.random.Generator) -> Preset:
    """Lamps around the picture, bluish to warm.

    The key lamp stands anywhere but near the held-out light's, before each lamp is put a little off its place as every
    preset's is.
    """
    key = PRESETS[HELD_OUT].key.azimuth + rng.uniform(KEPT_FREE, 2 * math.pi - KEPT_FREE)
    warmth = rng.uniform(-0.15, 0.3)
    return Preset(
        key=_lamp(rng, key, (45, 60), (0.75, 1.05), warmth, (0.06, 0.11)),
        fill=_lamp(rng, key + rng.uniform(0.5, 1.5) * math.pi, (48, 62), (0.2, 0.36), -warmth, (0.11, 0.15)),
        low=_lamp(rng, -rng.uniform(0, math.pi), (22, 28), (0.28, 0.44), warmth / 2, (0.11, 0.15)),
        ambient=_colour(rng, (0.25, 0.4), 0.0),
        grain=rng.uniform(1.6, 2.7),
        flicker=rng.uniform(0.015, 0.03),
    )


def _lamp(
    rng: np.random.Generator,
    azimuth: float,
    degrees: tuple[float, float],
    level: tuple[float, float],
    warmth: float,
    width: tuple[float, float],
) -> Light:
    return Light(
        azimuth, math.radians(rng.uniform(*degrees)), _colour(rng, level, warmth), rng.uniform(*width)
    )


def _colour(
    rng: np.random.Generator, level: tuple[float, float], warmth: float
) -> tuple[float, float, float]:
    """Blue, green and red of a strength, around a warmth."""
    strength, warm = rng.uniform(*level), warmth + rng.normal(0, 0.03)
    return (
        strength * math.exp(-max(warm, 0) * 1.6),
        strength * math.exp(-abs(warm) / 2),
        strength * math.exp(min(warm, 0)),
    )
