"""Precision and recall where both together are best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.evaluation.coco_metrics import CocoMetrics

# Steps that a person can type as they are printed.
_GRID = np.arange(0, 1001) / 1000


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoint:
    """Precision and recall at one threshold for all classes, at IoU 0.50.

    Attributes:
        threshold: The confidence at which the mean F1 of the classes with truth is highest, in steps of 0.001.
        precision: Right detections of those found, float64 (K,); NaN where none is found.
        recall: Right detections of the true boxes, float64 (K,); NaN without truth.
        f1: Harmonic mean of both, float64 (K,); NaN without truth.
    """

    threshold: float
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]


def best_f1(metrics: CocoMetrics, lowest: float) -> OperatingPoint | None:
    """The threshold with the highest mean F1; `None` when the data set holds no truth.

    Where several are equally good, it is the middle one of the first run of them; where no detection is right,
    it is the lowest.

    Args:
        metrics: The matched detections.
        lowest: The confidence below which the detector was not asked.
    """
    truths = metrics.truths
    if not truths.any():
        return None
    grid = np.append(_GRID[lowest < _GRID], lowest)
    grid.sort()
    right = np.zeros((len(truths), len(grid)))
    found = np.zeros((len(truths), len(grid)))
    matches = metrics.matches
    for k in range(len(truths)):
        of_class = matches.class_index == k
        scores, is_right = matches.confidence[of_class], matches.right[of_class]
        found[k] = _reaching(scores, grid)
        right[k] = _reaching(scores[is_right], grid)
    with np.errstate(invalid="ignore"):  # nothing found or nothing true is NaN on purpose
        precision = right / found
        recall = right / truths[:, None]
        f1 = 2 * right / (found + truths[:, None])
    f1[truths == 0] = np.nan
    mean = f1[truths > 0].mean(axis=0)
    at = _middle_of_first_run(mean >= mean.max()) if mean.any() else 0
    return OperatingPoint(float(grid[at]), precision[:, at], recall[:, at], f1[:, at])


def _reaching(scores: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.intp]:
    return len(scores) - np.searchsorted(np.sort(scores), grid, side="left")


def _middle_of_first_run(true: NDArray[np.bool_]) -> int:
    start = int(true.argmax())
    length = int((~true[start:]).argmax()) or len(true) - start
    return start + (length - 1) // 2
