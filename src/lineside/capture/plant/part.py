"""A part before any camera sees it: which make, where it lies, what is wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.capture.plant.bank import belts_of
from lineside.capture.plant.placing import throw_defects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.capture.plant.defects import Defect
    from lineside.capture.plant.model import Model
    from lineside.capture.plant.settings import PlantSettings

LOT_PARTS = 24
"""Parts of one make that follow each other on one belt."""

_LOT, _PART = 11, 12


@dataclass(frozen=True, slots=True)
class Resting:
    """How a part lies on the conveyor.

    Attributes:
        at: Its axis from the middle of the picture, right and down along the conveyor, in shorter sides.
        turn: How far it is turned, in radians.
        surface: Which of its make's drawn surfaces it has; each has a size of its own.
    """

    at: tuple[float, float]
    turn: float
    surface: int


@dataclass(frozen=True, slots=True)
class Part:
    """One part and its neighbours.

    Attributes:
        number: Its number, from 0.
        product: `disc` or `cap`.
        make: Which of the product's makes it is.
        belt: Which of the plant's belts it runs on.
        resting: How it lies.
        defects: What is wrong with it.
        below: Good parts that reach under it or lie beside it.
        above: Good parts that lie on its edge.
    """

    number: int
    product: str
    make: int
    belt: int
    resting: Resting
    defects: tuple[Defect, ...]
    below: tuple[Resting, ...]
    above: tuple[Resting, ...]


def throw_part(settings: PlantSettings, makes: Mapping[str, Sequence[Model]], number: int) -> Part:
    """The part with a number: by the seed and the number alone.

    Args:
        settings: The plant's settings.
        makes: The makes of each product.
        number: From 0.
    """
    lot_number = number // LOT_PARTS
    lot = np.random.default_rng([settings.seed, _LOT, lot_number])
    products = tuple(makes)
    product = products[lot_number % len(products)]
    make = int(lot.integers(len(makes[product])))
    belts = belts_of(settings.seed)
    belt = belts[lot_number % len(belts)]
    rng = np.random.default_rng([settings.seed, _PART, number])
    model = makes[product][make]
    resting = _rest(rng, (float(rng.uniform(-0.055, 0.055)), float(rng.uniform(-0.04, 0.04))))
    defects: tuple[Defect, ...] = ()
    if rng.random() < settings.defect_rate:
        radius_px = model.radius * min(settings.size)
        defects = throw_defects(settings, model, radius_px, rng)
    below: list[Resting] = []
    above: list[Resting] = []
    for direction in (-1, 1):
        is_touching = rng.random() < 0.14
        gap = rng.uniform(-0.17, -0.03) if is_touching else rng.uniform(0.04, 1.0)
        distance = model.radius * (2 + gap) * direction
        off = float(rng.uniform(-0.04, 0.04))
        neighbour = _rest(rng, (resting.at[0] + distance, resting.at[1] + off))
        (above if is_touching and rng.random() < 0.6 else below).append(neighbour)
    return Part(number, product, make, belt, resting, defects, tuple(below), tuple(above))


def _rest(rng: np.random.Generator, at: tuple[float, float]) -> Resting:
    return Resting(
        at=at,
        turn=float(rng.uniform(0, 2 * math.pi)),
        surface=int(rng.integers(1 << 30)),
    )
