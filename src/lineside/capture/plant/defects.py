"""The defects of the plant: their classes, and what is decided about one before any camera draws it."""

from __future__ import annotations

from dataclasses import dataclass

DEFECTS = ("scratch", "dent", "missing_hole", "stain", "misprint", "crack")
"""The classes of defects. Their order is that of the class ids, from 0."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect of a part, in the part's own coordinates: every camera draws it from the same.

    Attributes:
        kind: A name of `DEFECTS`.
        at: Its middle on the part's face, x and y in radii of the part from its axis.
        size_px: The longer side it is drawn with, in pixels of an untilted picture.
        angle: Its direction on the part's face, in radians.
        seed: What its shape is thrown from.
        hole: Number of the hole that is missing; -1 for other kinds.
    """

    kind: str
    at: tuple[float, float]
    size_px: float
    angle: float
    seed: int
    hole: int = -1

    @property
    def class_id(self) -> int:
        """The index of its class in `DEFECTS`."""
        return DEFECTS.index(self.kind)
