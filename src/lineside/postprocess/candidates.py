"""From raw head outputs to candidates: reduce along the classes first, then touch only what is left.

The order matters more than anything else here. The score block of a 640 px model has 672,000 values, of
which some fifty belong to candidates: one pass finds the best class of each row along contiguous memory,
and all else works on the survivors.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MANY = (
    512  # from so many scores on a sort of whole numbers, which numpy has compiled for wide registers, pays
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which candidates are wanted.

    Attributes:
        confidence: Only scores above it, 0 to 1.
        classes: bool (classes,), the wanted ones, or `None` for all. As in the reference implementations a
            row whose best class is unwanted is dropped, not given its second best class.
        multi_label: Every class of a row above `confidence` is a candidate, not only the best one.
        limit: How many candidates, best first, go on; the rest are cut off and reported as such.
    """

    confidence: float
    classes: NDArray[np.bool_] | None = None
    multi_label: bool = False
    limit: int = 30_000


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes before NMS, best first, in model pixels.

    Attributes:
        xyxy: float32 (N, 4), owned.
        confidence: float32 (N,), descending.
        class_id: int32 (N,).
        truncated: True when a cap cut something off.
        rows: intp (N,), the head's row that each came from, where the head says more of it than a box.
        xywhr: float32 (N, 5), owned: centre, width, height and rotation of oriented boxes; `xyxy` then holds
            the upright boxes around them.
    """

    xyxy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_id: NDArray[np.int32]
    truncated: bool = False
    rows: NDArray[np.intp] | None = None
    xywhr: NDArray[np.float32] | None = None

    def take(self, index: NDArray[np.intp], *, truncated: bool) -> Candidates:
        """The chosen candidates, copied."""
        return Candidates(
            self.xyxy.take(index, axis=0),
            self.confidence.take(index),
            self.class_id.take(index),
            truncated,
            None if self.rows is None else self.rows.take(index),
            None if self.xywhr is None else self.xywhr.take(index, axis=0),
        )


def pick(
    scores: NDArray[Any], want: Selection
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The (row, class) pairs above the confidence.

    Args:
        scores: Class scores, any float, (classes, rows).
        want: The selection.

    Returns:
        Rows, classes and scores of the chosen pairs, (N,) each, unordered.

    Raises:
        ModelOutputError: A score is not finite or above 1.
    """
    if want.multi_label:
        check_scores(scores)
        classes, rows = np.nonzero(scores > want.confidence)
        return _wanted(rows, classes, scores[classes, rows].astype(np.float32, copy=False), want)
    best = scores[0] if len(scores) == 1 else np.maximum.reduce(scores, axis=0)
    check_scores(best)
    rows = (best > want.confidence).nonzero()[0]
    classes = np.zeros(len(rows), np.intp) if len(scores) == 1 else scores[:, rows].argmax(axis=0)
    return _wanted(rows, classes, best.take(rows).astype(np.float32, copy=False), want)


def check_scores(scores: NDArray[Any]) -> None:
    """Refuse scores that are no probabilities; the extremes of scores with a NaN are NaN.

    Raises:
        ModelOutputError: A score is NaN, infinite, above 1 or below 0.
    """
    if scores.size == 0:
        return
    top, bottom = np.maximum.reduce(scores, axis=None), np.minimum.reduce(scores, axis=None)
    if not (top <= 1.001 and bottom >= -0.001):  # true for NaN too
        wrong = bottom if bottom < 0 else top
        raise ModelOutputError(
            f"the model answered a score of {wrong}; expected 0 to 1. The result of this run is not used"
        )


def check_boxes(boxes: NDArray[Any]) -> None:
    """Refuse boxes with NaN or infinite values, of candidates and of all others.

    Raises:
        ModelOutputError: A value is not finite.
    """
    if boxes.size == 0:
        return
    # The extremes of values with a NaN are NaN, and infinity is one of them.
    top, bottom = np.maximum.reduce(boxes, axis=None), np.minimum.reduce(boxes, axis=None)
    if not (isfinite(top) and isfinite(bottom)):
        raise ModelOutputError(
            "the model answered NaN or infinite box values. The result of this run is not used"
        )


def _wanted(
    rows: NDArray[np.intp], classes: NDArray[np.intp], scores: NDArray[np.float32], want: Selection
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    if want.classes is None:
        return rows, classes, scores
    keep = want.classes[classes]
    return rows[keep], classes[keep], scores[keep]


def from_centres(
    boxes: NDArray[Any],
    classes: NDArray[np.intp],
    scores: NDArray[np.float32],
    want: Selection,
    *,
    rows: NDArray[np.intp] | None = None,
) -> Candidates:
    """Sorted candidates from boxes given as centre and size.

    Args:
        boxes: (4, N): centre x, centre y, width, height in model pixels.
        classes: (N,) class of each.
        scores: float32 (N,).
        want: The selection, for its limit.
        rows: (N,) the head's row of each, where it is asked for more later.
    """
    order, cut = best_first(scores, want.limit)
    half = boxes[2:] * np.float32(0.5)
    corners = np.empty((4, len(scores)), np.float32)
    np.subtract(boxes[:2], half, out=corners[:2])
    np.add(boxes[:2], half, out=corners[2:])
    # Sorted corner by corner, which is how NMS reads them.
    xyxy = corners.take(order, axis=1).T
    own = None if rows is None else rows.take(order)
    return Candidates(xyxy, scores.take(order), classes.take(order).astype(np.int32), cut, own)


def best_first(scores: NDArray[np.float32], limit: int) -> tuple[NDArray[np.intp], bool]:
    """Indices by descending score, equal scores in their old order, and whether `limit` cut some off.

    Args:
        scores: float32 (N,), none below zero.
        limit: The most indices.
    """
    if len(scores) < _MANY:
        order = (-scores).argsort(kind="stable")
    else:
        # Floats from zero on are ordered like their bits, and a key that ends with the index has no equal.
        keys = scores.view(np.int32).astype(np.int64)
        np.invert(keys, out=keys)
        keys <<= 32
        keys |= np.arange(len(scores))
        keys.sort()
        keys &= 0xFFFFFFFF
        order = keys.astype(np.intp, copy=False)
    return order[:limit], len(order) > limit
