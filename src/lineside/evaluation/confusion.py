"""What the model takes for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lineside.evaluation.coco_details import rectangles
from lineside.evaluation.coco_metrics import oriented_overlaps, overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.evaluation.examine import Examined, Found
    from lineside.evaluation.top_classes import TopClasses
    from lineside.evaluation.truth import Truth

CONFUSION_CONFIDENCE = 0.25
CONFUSION_IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """A confusion matrix with background.

    Attributes:
        counts: int64 (K + 1, K + 1): row is the true class, column the detected one. The last row counts
            false alarms (found where nothing is), the last column missed boxes. Of a classifier the last row is
            empty, and the last column counts classes that the data set does not have.
        confidence: Only detections that reach it are counted; `None` of a classifier, whose best class counts.
        iou: The least overlap of a detection with its true box; `None` of a classifier.
    """

    counts: NDArray[np.int64]
    confidence: float | None
    iou: float | None

    @property
    def rest(self) -> str:
        """What the last row and column stand for."""
        return "background" if self.iou is not None else "another class"

    @property
    def told(self) -> str:
        """What is counted, in words."""
        if self.confidence is None or self.iou is None:
            return "by the best class of each picture"
        return f"at confidence {self.confidence:g} and IoU {self.iou:g}"


def confusion_of_classes(top: TopClasses) -> Confusion:
    """The confusion matrix of a classifier."""
    empty = np.zeros((1, top.counts.shape[1]), np.int64)
    return Confusion(np.concatenate([top.counts, empty]), None, None)


def confusion(examined: Sequence[Examined], class_count: int, lowest: float) -> Confusion:
    """The confusion matrix at confidence 0.25 and IoU 0.5.

    Within a picture the pairs of a true box and a detection, of whatever classes, are taken in the order of
    their overlap, each box once. A box that was found in several classes counts once, in its best. Ignored
    regions swallow the detections of their class that lie in them by half. Oriented boxes are compared as such,
    masks and keypoints by the boxes around their objects.

    Args:
        examined: The pictures, with truth and detections.
        class_count: Number of classes K.
        lowest: The confidence that the detector was asked for; where it is above 0.25 it takes its place.
    """
    confidence = max(CONFUSION_CONFIDENCE, lowest)
    counts = np.zeros((class_count + 1, class_count + 1), np.int64)
    for one in examined:
        _count(counts, one.truth, one.found, confidence)
    return Confusion(counts, confidence, CONFUSION_IOU)


def _count(counts: NDArray[np.int64], truth: Truth, found: Found, confidence: float) -> None:
    background = len(counts) - 1
    kept = found.confidence >= confidence
    every, all_true, overlap = found.xyxy, truth.xyxy, overlaps
    if truth.corners is not None and found.xywhr is not None:
        every, all_true, overlap = found.xywhr, rectangles(truth.corners), oriented_overlaps
    boxes, classes = every[kept], found.class_index[kept]
    if len(boxes):
        # Detections come best first, so the first of equal boxes is in its best class.
        first = np.sort(np.unique(boxes, axis=0, return_index=True)[1])
        boxes, classes = boxes[first], classes[first]
    counted = ~truth.ignored
    true_boxes, true_classes = all_true[counted], truth.class_index[counted]
    pairs = _pairs(overlap(boxes, true_boxes, region=False))
    free = np.ones(len(boxes), np.bool_)
    missed = np.ones(len(true_boxes), np.bool_)
    for detection, true in pairs:
        counts[true_classes[true], classes[detection]] += 1
        free[detection] = missed[true] = False
    counts[:, background] += np.bincount(true_classes[missed], minlength=len(counts))
    swallowing = overlap(boxes, all_true[truth.ignored], region=True) >= CONFUSION_IOU
    same_class = classes[:, None] == truth.class_index[truth.ignored][None, :]
    free &= ~(swallowing & same_class).any(axis=1)
    counts[background] += np.bincount(classes[free], minlength=len(counts))


def _pairs(overlap: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (detection, true box) by falling overlap, each index once."""
    detections, truths = np.nonzero(overlap >= CONFUSION_IOU)
    order = np.argsort(-overlap[detections, truths], kind="stable")
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for detection, true in zip(detections[order].tolist(), truths[order].tolist(), strict=True):
        if detection not in pairs and true not in taken:
            pairs[detection] = true
            taken.add(true)
    return list(pairs.items())
