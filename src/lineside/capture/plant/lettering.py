"""Print and engraving: text around a ring, text in lines, and signs, as masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_OVERSAMPLING = 3
_GLYPH_PX = 72
_SHIFT = 6

SIGNS = ("drop", "star", "wave", "leaf", "peaks", "sun")
"""The signs that a cap can carry."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A square mask to write on, finer than the sprite that it becomes.

    Attributes:
        fine: uint8 (side, side), 255 where there is ink.
        scale: Its pixels for one radius of the part.
    """

    fine: NDArray[np.uint8]
    scale: float

    @classmethod
    def blank(cls, radius_px: float, reach: float) -> Sheet:
        """An empty sheet that reaches so many radii from the axis to each side."""
        half = math.ceil(radius_px * reach) + 2
        return cls(np.zeros((2 * half * _OVERSAMPLING,) * 2, np.uint8), radius_px * _OVERSAMPLING)

    def finished(self) -> NDArray[np.uint8]:
        """The mask at the sprite's resolution, its origin in the middle."""
        side = self.fine.shape[0] // _OVERSAMPLING
        return np.asarray(cv2.resize(self.fine, (side, side), interpolation=cv2.INTER_AREA), np.uint8)

    def points(
        self, outline: Sequence[tuple[float, float]], at: tuple[float, float], size: float
    ) -> NDArray[np.int32]:
        """An outline in units of `size` around a place given in radii, in fixed point."""
        middle = self.fine.shape[0] / 2
        xy = (np.array(outline) * size + np.array(at)) * self.scale + middle
        return np.asarray(np.round(xy * 2**_SHIFT), np.int32)

    def fill(
        self, outline: Sequence[tuple[float, float]], at: tuple[float, float], size: float, ink: int = 255
    ) -> None:
        """Fill an outline with ink, or with none of it."""
        cv2.fillPoly(self.fine, [self.points(outline, at, size)], (ink,), cv2.LINE_AA, _SHIFT)

    def stroke(
        self, outline: Sequence[tuple[float, float]], at: tuple[float, float], size: float, width: float
    ) -> None:
        """Draw a line of a width in radii."""
        broad = max(round(width * self.scale), 1)
        cv2.polylines(self.fine, [self.points(outline, at, size)], False, (255,), broad, cv2.LINE_AA, _SHIFT)  # noqa: FBT003 # OpenCV's flag for a closed line

    def ring(self, radius: float, width: float) -> None:
        """Draw a ring around the axis."""
        turn = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 181)]
        self.stroke(turn, (0, 0), radius, width)


def _line(text: str, weight: int) -> NDArray[np.uint8]:
    """A line of text, uint8 (height, width), cut to its ink."""
    font = cv2.FONT_HERSHEY_DUPLEX
    (width, height), _ = cv2.getTextSize(text, font, _GLYPH_PX / 24, weight)
    canvas = np.zeros((height + 4 * weight + 40, width + 4 * weight + 40), np.uint8)
    cv2.putText(
        canvas, text, (20, height + 2 * weight + 12), font, _GLYPH_PX / 24, (255,), weight, cv2.LINE_AA
    )
    x, y, w, h = cv2.boundingRect(canvas)
    return canvas[y : y + h, x : x + w]


def write(sheet: Sheet, text: str, at: tuple[float, float], height: float, weight: int = 7) -> None:
    """Write a line of text around a place, its height in radii."""
    line = _line(text, weight)
    middle = sheet.fine.shape[0] / 2
    gain = height * sheet.scale / line.shape[0]
    x = middle + at[0] * sheet.scale - line.shape[1] * gain / 2
    y = middle + at[1] * sheet.scale - line.shape[0] * gain / 2
    matrix = np.array([[gain, 0, x], [0, gain, y]])
    side = sheet.fine.shape[0]
    laid = cv2.warpAffine(_softened(line, gain), matrix, (side, side), flags=cv2.INTER_LINEAR)
    np.maximum(sheet.fine, laid, out=sheet.fine)


def write_around(
    sheet: Sheet, text: str, radius: float, height: float, turn: float, weight: int = 7
) -> float:
    """Write text around the axis, its letters' feet inwards; the answer is the angle that it takes.

    Args:
        sheet: What to write on.
        text: The text.
        radius: Of the middle of its letters, in radii of the part.
        height: Of its letters.
        turn: The angle of its middle, in radians; 0 is right.
        weight: Thickness of its strokes.
    """
    line = _line(text, weight)
    gain = height * sheet.scale / line.shape[0]
    angle = line.shape[1] * gain / (radius * sheet.scale)
    side = sheet.fine.shape[0]
    y, x = (np.mgrid[:side, :side] - side / 2).astype(np.float32)
    around = (np.arctan2(y, x) - np.float32(turn) + math.pi) % (2 * math.pi) - math.pi
    across = np.float32((radius + height / 2) * sheet.scale) - np.sqrt(x**2 + y**2)
    u = (around / np.float32(angle) + np.float32(0.5)) * line.shape[1]
    v = across / np.float32(gain)
    laid = cv2.remap(_softened(line, gain), u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
    np.maximum(sheet.fine, laid, out=sheet.fine)
    return float(angle)


def _softened(line: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """A line of text without detail that shrinking by `gain` would turn into jags."""
    if gain >= 0.8:
        return line
    padded = cv2.copyMakeBorder(line, 2, 2, 2, 2, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.GaussianBlur(padded, (0, 0), 0.35 / gain), np.uint8)[2:-2, 2:-2]


def draw_sign(sheet: Sheet, sign: str, at: tuple[float, float], size: float) -> None:
    """Draw one of `SIGNS`, its half width in radii."""
    if sign == "drop":
        a = np.linspace(0, 2 * math.pi, 97)
        outline = [(0.62 * math.sin(t) * math.sin(t / 2) ** 1.4, 0.95 * -math.cos(t)) for t in a]
        sheet.fill(outline, at, size)
        sheet.fill([(-0.20 + 0.1 * math.cos(t), 0.35 + 0.22 * math.sin(t)) for t in a], at, size, 0)
    elif sign == "star":
        sheet.fill(_spiked(5, 1.0, 0.42), at, size)
    elif sign == "sun":
        sheet.fill(_spiked(14, 1.0, 0.70), at, size)
        sheet.fill(_spiked(48, 0.60, 0.60), at, size, 0)
        sheet.fill(_spiked(48, 0.48, 0.48), at, size)
    elif sign == "wave":
        for row in (-0.45, 0.0, 0.45):
            wave = [(t, row + 0.17 * math.sin(t * 6.3)) for t in np.linspace(-1, 1, 49)]
            sheet.stroke(wave, at, size, 0.17 * size)
    elif sign == "leaf":
        half = [(math.sin(t) * 0.5, -math.cos(t)) for t in np.linspace(0, math.pi, 33)]
        sheet.fill(half + [(-x, y) for x, y in reversed(half)], at, size)
        vein = sheet.fine.copy()
        sheet.fine[:] = 0
        sheet.stroke([(0, -0.7), (0, 1.0)], at, size, 0.07 * size)
        for y in (-0.3, 0.05, 0.4):
            sheet.stroke([(-0.34, y - 0.22), (0, y), (0.34, y - 0.22)], at, size, 0.05 * size)
        np.subtract(vein, np.minimum(vein, sheet.fine), out=sheet.fine)
    else:
        sheet.fill([(-1.0, 0.6), (-0.36, -0.55), (0.05, 0.10), (0.34, -0.22), (1.0, 0.6)], at, size)
        sheet.fill(
            [(-0.56, -0.2), (-0.36, -0.55), (-0.12, -0.17), (-0.25, -0.05), (-0.38, -0.22)], at, size, 0
        )
        sheet.fill([(-1.0, 0.72), (1.0, 0.72), (1.0, 0.84), (-1.0, 0.84)], at, size)


def _spiked(spikes: int, outer: float, inner: float) -> list[tuple[float, float]]:
    """A star's outline, its first spike upwards."""
    return [
        (
            (outer if i % 2 == 0 else inner) * math.sin(math.pi * i / spikes),
            -(outer if i % 2 == 0 else inner) * math.cos(math.pi * i / spikes),
        )
        for i in range(2 * spikes)
    ]
