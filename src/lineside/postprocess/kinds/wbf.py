"""`wbf`: boxes that overlap are fused into one, in which each counts by its confidence.

Source: Solovyev et al., Weighted boxes fusion: Ensembling boxes from different object detection models, Image and Vision
Computing 2021, for one model: a fused confidence is the mean of its members'.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.postprocess.nms import Boxes, Nms, Suppression, numbers
from lineside.postprocess.upright import overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Candidates

BOXES: tuple[Boxes, ...] = ("upright",)


def make(settings: Mapping[str, float]) -> Nms:
    """The kind; it has no settings.

    Raises:
        UnknownNameError: There is a setting.
    """
    numbers("wbf", settings)
    return settle


def settle(found: Candidates, how: Suppression) -> Candidates:
    """One box an object, by its confidence; class and row are those of its surest member."""
    clusters = _gather(found, how)
    confidence = (clusters.weight / clusters.members).astype(np.float32)
    order = (-confidence).argsort(kind="stable")[: how.limit]
    more = len(confidence) > how.limit
    fused = found.take(clusters.surest[order], truncated=found.truncated or more)
    return replace(fused, xyxy=clusters.boxes[order].astype(np.float32), confidence=confidence[order])


@dataclass(slots=True)
class _Clusters:
    """Clusters of boxes in the order in which they were opened: fused boxes, sums of weights, sizes."""

    boxes: NDArray[np.float64]
    weight: NDArray[np.float64]
    members: NDArray[np.intp]
    surest: NDArray[np.intp]


def _gather(found: Candidates, how: Suppression) -> _Clusters:
    """Each box, surest first, into the cluster whose fused box it overlaps most, or into one of its own."""
    count = len(found.confidence)
    boxes, weights, labels = (
        found.xyxy.astype(np.float64),
        found.confidence.astype(np.float64),
        found.class_id,
    )
    fused, weight = np.empty((count, 4)), np.zeros(count)
    members, surest = np.zeros(count, np.intp), np.zeros(count, np.intp)
    opened = 0
    for number in range(count):
        overlap = overlaps(boxes[number : number + 1], fused[:opened])[0]
        if how.class_aware:
            overlap[labels[surest[:opened]] != labels[number]] = 0
        at = int(overlap.argmax()) if opened else 0
        if opened and overlap[at] > how.iou:
            share = weights[number] / (weight[at] + weights[number])
            fused[at] += share * (boxes[number] - fused[at])
        else:
            at, opened = opened, opened + 1
            fused[at], surest[at] = boxes[number], number
        weight[at] += weights[number]
        members[at] += 1
    return _Clusters(fused[:opened], weight[:opened], members[:opened], surest[:opened])
