"""How far a changed model answers as the float model does, detection by detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.postprocess import rotated, upright

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.detector.detector import Detector

CONFIDENCE = 0.25
"""The confidence from which a detection counts."""

LOW = CONFIDENCE / 2
"""The confidence from which it is found again: one that only crossed the threshold is told as drift, not as lost."""

ALIKE = 0.5
"""The overlap from which two detections of one class are one object's."""

_SPREAD = 0.1  # of keypoints, in shares of the root of the box's area, as COCO's larger joints have


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models agree over some pictures. Of a classifier a detection is the best class of a picture.

    Attributes:
        pictures: Number of pictures.
        expected: Detections of the float model.
        lost: Of those, how many the other does not find.
        found: Detections of the other model.
        extra: Of those, how many the float model does not find.
        overlap: Mean overlap of the detections that both find; NaN where there are none.
        drift: Mean difference of their confidences; NaN where there are none.
        verdicts: Pictures of which both say, at the threshold, that something is in them, or both that nothing is.
    """

    pictures: int
    expected: int
    lost: int
    found: int
    extra: int
    overlap: float
    drift: float
    verdicts: int

    @property
    def recall(self) -> float:
        """The share of the float model's detections that are found; NaN without any."""
        return 1 - self.lost / self.expected if self.expected else float("nan")

    @property
    def precision(self) -> float:
        """The share of the other's detections that the float model finds; 1 where it has none."""
        return 1 - self.extra / self.found if self.found else 1.0

    @property
    def agreement(self) -> float:
        """The share of all detections of either that both find; NaN where the float model finds nothing."""
        both = self.expected + self.found
        return 1 - (self.lost + self.extra) / both if self.expected else float("nan")

    @property
    def damage(self) -> float:
        """By how much the answers differ, from 0: detections of one model only, and distance and drift of the others."""
        both = self.expected + self.found
        if not both:
            return 0.0
        matched = max(self.expected - self.lost, 0)
        inner = 0.0 if not matched else matched * ((1 - self.overlap) + self.drift)
        return (self.lost + self.extra + inner) / both


def ask(detector: Detector, image: NDArray[Any]) -> Detections:
    """What a detector finds in a picture, as `agreement` compares it.

    Args:
        detector: An open one.
        image: uint8 BGR (H, W, 3).

    Raises:
        LinesideError: As a `Detector`.
    """
    return detector(image, confidence=None if detector.card.task == "classify" else LOW)


def agreement(pairs: Iterable[tuple[Detections, Detections]], task: str) -> Agreement:
    """How far the answers of two models agree.

    Args:
        pairs: The float model's answer and the other's to each picture, both asked from `LOW` on.
        task: What the models answer, `card.task`.
    """
    counts = np.zeros(6, np.int64)
    overlaps: list[float] = []
    drifts: list[float] = []
    for reference, other in pairs:
        tallies, near, drift = (
            _classes(reference, other) if task == "classify" else _objects(reference, other)
        )
        counts += tallies
        overlaps += near
        drifts += drift
    pictures, expected, lost, found, extra, verdicts = counts.tolist()
    return Agreement(
        pictures=pictures,
        expected=expected,
        lost=lost,
        found=found,
        extra=extra,
        overlap=float(np.mean(overlaps)) if overlaps else float("nan"),
        drift=float(np.mean(drifts)) if drifts else float("nan"),
        verdicts=verdicts,
    )


def _objects(a: Detections, b: Detections) -> tuple[list[int], list[float], list[float]]:
    """Counts of a picture, and overlap and drift of what both find and one at least is sure of."""
    pairs = _matched(a, b)
    sure_a, sure_b = a.confidence >= CONFIDENCE, b.confidence >= CONFIDENCE
    lost = int(sure_a.sum()) - sum(bool(sure_a[i]) for i, _, _ in pairs)
    extra = int(sure_b.sum()) - sum(bool(sure_b[j]) for _, j, _ in pairs)
    told = [(i, j, near) for i, j, near in pairs if sure_a[i] or sure_b[j]]
    same = int(bool(sure_a.any()) == bool(sure_b.any()))
    drifts = [float(abs(a.confidence[i] - b.confidence[j])) for i, j, _ in told]
    return [1, int(sure_a.sum()), lost, int(sure_b.sum()), extra, same], [near for _, _, near in told], drifts


def _classes(a: Detections, b: Detections) -> tuple[list[int], list[float], list[float]]:
    """The same of a classifier, whose best class is what it detects."""
    best = a.class_id[0]
    same = int(best == b.class_id[0])
    again = b.confidence[b.class_id == best]
    drift = abs(float(a.confidence[0]) - (float(again[0]) if len(again) else 0.0))
    return [1, 1, 1 - same, 1, 1 - same, same], [1.0] * same, [drift] * same


def _matched(a: Detections, b: Detections) -> list[tuple[int, int, float]]:
    """Pairs of one class, each detection once, the most alike first."""
    if not len(a) or not len(b):
        return []
    alike = _alike(a, b)
    alike[a.class_id[:, None] != b.class_id[None]] = 0
    pairs: list[tuple[int, int, float]] = []
    for at in (-alike).ravel().argsort(kind="stable"):
        i, j = divmod(int(at), len(b))
        if alike[i, j] < ALIKE:
            break
        if all(i != k and j != m for k, m, _ in pairs):
            pairs.append((i, j, float(alike[i, j])))
    return pairs


def _alike(a: Detections, b: Detections) -> NDArray[np.float64]:
    """How alike each detection of one model is to each of the other, 0 to 1: by all that a task says of an object."""
    if a.xywhr is not None and b.xywhr is not None:
        return rotated.overlaps(a.xywhr, b.xywhr)
    alike = upright.overlaps(a.xyxy, b.xyxy)
    for i, j in np.argwhere(alike >= ALIKE).tolist():
        if a.masks is not None and b.masks is not None:
            alike[i, j] = min(alike[i, j], _common_mask(a, i, b, j))
        if a.keypoints is not None and b.keypoints is not None:
            alike[i, j] = min(alike[i, j], _common_points(a, i, b, j))
    return alike


def _common_mask(a: Detections, i: int, b: Detections, j: int) -> float:
    """IoU of two masks; 1 of two that have no pixel."""
    assert a.masks is not None
    assert b.masks is not None
    one, two = a.masks[i : i + 1].dense()[0], b.masks[j : j + 1].dense()[0]
    union = np.count_nonzero(one | two)
    return float(np.count_nonzero(one & two) / union) if union else 1.0


def _common_points(a: Detections, i: int, b: Detections, j: int) -> float:
    """Similarity of two sets of keypoints, as COCO's OKS measures it, over those that the float model sees."""
    assert a.keypoints is not None
    assert b.keypoints is not None
    seen = a.keypoints[i, :, 2] >= ALIKE
    if not seen.any():
        return 1.0
    area = float(np.prod(a.xyxy[i, 2:] - a.xyxy[i, :2]))
    squared = ((a.keypoints[i, seen, :2] - b.keypoints[j, seen, :2]) ** 2).sum(axis=1)
    return float(np.exp(-squared / (2 * max(area, 1.0) * _SPREAD**2)).mean())
