"""Which defects a bad part gets, and where on its face."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.capture.plant.defects import Defect

if TYPE_CHECKING:
    import numpy as np

    from lineside.capture.plant.model import Hole, Model
    from lineside.capture.plant.settings import PlantSettings

    Point = tuple[float, float]

_COUNTS, _COUNT_SHARES = (1, 2, 3), (0.80, 0.15, 0.05)
_TRIES = 24
SMALLEST_MISPRINT_PX = 40.0
"""About a letter. A smaller fault of print cannot be told from the shape of a letter that one does not know."""

LARGEST_SHARE = 0.55
"""Longer side of the largest defect in radii of the part."""


def throw_defects(
    settings: PlantSettings, model: Model, radius_px: float, rng: np.random.Generator
) -> tuple[Defect, ...]:
    """At least one defect, and each apart from the others.

    Args:
        settings: The plant's settings, for the sizes.
        model: The make of the part.
        radius_px: Pixels of its radius.
        rng: What they are thrown from.
    """
    defects: list[Defect] = []
    for _ in range(int(rng.choice(_COUNTS, p=_COUNT_SHARES))):
        for _ in range(_TRIES):
            defect = _throw(settings, model, radius_px, rng)
            if all(_are_apart(defect, other, radius_px) for other in defects):
                defects.append(defect)
                break
    return tuple(defects)


def _throw(settings: PlantSettings, model: Model, radius_px: float, rng: np.random.Generator) -> Defect:
    kind = str(rng.choice(model.kinds))
    smallest, largest = settings.defect_px
    reach = LARGEST_SHARE
    if kind == "misprint":
        smallest, reach = max(smallest, SMALLEST_MISPRINT_PX), model.ink_reach
    largest = max(min(largest, reach * radius_px), smallest)
    share = math.sqrt(rng.random())  # of the way from the smallest to the largest: small ones are rarer
    size_px = smallest * (largest / smallest) ** share
    angle = float(rng.uniform(0, 2 * math.pi))
    seed = int(rng.integers(1 << 31))
    if kind == "missing_hole":
        number = int(rng.integers(len(model.holes)))
        hole = model.holes[number]
        return Defect(kind, (hole.x, hole.y), 2.3 * hole.radius * radius_px, angle, seed, number)
    if kind == "misprint":
        points = model.ink_points
        at = points[int(rng.integers(len(points)))]
        return Defect(kind, (float(at[0]), float(at[1])), size_px, angle, seed)
    if kind == "crack":
        at, angle = _from_an_edge(model, size_px / radius_px, rng)
        return Defect(kind, at, size_px, angle, seed)
    return Defect(kind, _on_the_face(model, size_px / radius_px, rng), size_px, angle, seed)


def _on_the_face(model: Model, size: float, rng: np.random.Generator) -> Point:
    """A place that leaves most of a mark of a size, in radii, on the face."""
    margin = 0.38 * size
    inner, outer = model.inner + margin if model.inner else 0.0, model.outer - margin
    inner = min(inner, outer - 0.05)
    for _ in range(_TRIES):
        r = math.sqrt(rng.uniform(max(inner, 0) ** 2, outer**2))
        turn = float(rng.uniform(0, 2 * math.pi))
        at = (r * math.cos(turn), r * math.sin(turn))
        if all(math.dist(at, (h.x, h.y)) > 1.25 * h.radius + min(0.45 * size, 0.1) for h in model.holes):
            return at
    return at


def _from_an_edge(model: Model, size: float, rng: np.random.Generator) -> tuple[Point, float]:
    """The middle and the direction of a crack that starts at an edge of the face and runs into it."""
    turn = float(rng.uniform(0, 2 * math.pi))
    lean = float(rng.uniform(-0.55, 0.55))
    where = rng.random()
    if where < 0.5 or not (model.holes or model.inner):
        start, angle = _around((0, 0), model.outer + 0.4 * (1 - model.outer), turn), turn + math.pi + lean
    elif where < 0.7 and model.inner:
        start, angle = _around((0, 0), model.inner, turn), turn + lean
    else:
        hole: Hole = model.holes[int(rng.integers(len(model.holes)))]
        start, angle = _around((hole.x, hole.y), hole.radius * 1.1, turn), turn + lean
    return _around(start, size / 2, angle), angle


def _around(middle: Point, radius: float, turn: float) -> Point:
    return middle[0] + radius * math.cos(turn), middle[1] + radius * math.sin(turn)


def _are_apart(a: Defect, b: Defect, radius_px: float) -> bool:
    return math.dist(a.at, b.at) * radius_px > (a.size_px + b.size_px) / 2 + 10
