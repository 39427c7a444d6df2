"""What of the defects a picture shows: masks, boxes, and what a neighbour hides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from lineside.capture.plant.reveal import threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.capture.plant.reveal import Trace
    from lineside.capture.plant.view import Drawn


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A defect that a picture shows.

    Attributes:
        class_id: Index into `DEFECTS`.
        xyxy: Its box in pixels of the frame: left, top, right, bottom.
        mask: Its pixels within the box, bool.
    """

    class_id: int
    xyxy: tuple[int, int, int, int]
    mask: NDArray[np.bool_]


def seen(drawn: Drawn) -> tuple[Seen, ...]:
    """The defects that can be seen in a picture."""
    found = (_see(trace, drawn) for trace in drawn.traces)
    return tuple(s for s in found if s is not None)


def longest(found: Sequence[Seen]) -> int:
    """The longest side of any box in pixels, 0 without one."""
    return max((max(s.xyxy[2] - s.xyxy[0], s.xyxy[3] - s.xyxy[1]) for s in found), default=0)


def _see(trace: Trace, drawn: Drawn) -> Seen | None:
    least = threshold(trace.change)
    whole = trace.change >= least
    mask = whole & (_uncovered(trace, drawn) >= least) if drawn.covers else whole
    count = int(np.count_nonzero(mask))
    if count == 0:
        return None
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    left, top = trace.window.left + x, trace.window.top + y
    return Seen(
        trace.defect.class_id,
        (left, top, left + width, top + height),
        mask[y : y + height, x : x + width].copy(),
    )


def _uncovered(trace: Trace, drawn: Drawn) -> NDArray[np.float32]:
    """The change that is left below the neighbours, float32 (h, w)."""
    change = trace.change.astype(np.float32)
    own = trace.window
    for window, through in drawn.covers:
        left, right = max(own.left, window.left), min(own.right, window.right)
        top, bottom = max(own.top, window.top), min(own.bottom, window.bottom)
        if left < right and top < bottom:
            part = through[
                top - window.top : bottom - window.top, left - window.left : right - window.left, 0
            ]
            change[top - own.top : bottom - own.top, left - own.left : right - own.left] *= part / np.float32(
                255
            )
    return change
