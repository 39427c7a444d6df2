"""`probiou`: what the reference implementation of YOLOv8-OBB does, by the overlap of Gaussians.

The overlap is that of the Gaussians that stand for the oriented boxes: Llerena et al., Gaussian Bounding Boxes and
Probabilistic Intersection-over-Union for Object Detection, 2021. The rule is the one of fast NMS (Bolya et al.,
YOLACT, 2019): a box goes when any surer one overlaps it, also one that has gone itself. In a row of boxes, each over
the next, only the first stays, where greedy NMS keeps every other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.postprocess.nms import Boxes, Nms, Suppression, numbers
from lineside.postprocess.rotated import probiou

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.postprocess.candidates import Candidates

BOXES: tuple[Boxes, ...] = ("oriented",)

_BLOCK = 128  # candidates that are compared at once


def make(settings: Mapping[str, float]) -> Nms:
    """The kind; it has no settings.

    Raises:
        UnknownNameError: There is a setting.
    """
    numbers("probiou", settings)
    return settle


def settle(found: Candidates, how: Suppression) -> Candidates:
    """The boxes whose ProbIoU with every surer one is at most the threshold, best first."""
    xywhr, labels = found.xywhr, found.class_id
    assert xywhr is not None  # `open_nms` refuses the kind for upright boxes
    kept = np.arange(0)
    for start in range(0, len(labels), _BLOCK):
        if len(kept) > how.limit:
            break
        stop = min(start + _BLOCK, len(labels))
        struck = probiou(xywhr[:stop], xywhr[start:stop]) > how.iou
        struck &= np.arange(stop)[:, None] < np.arange(start, stop)
        if how.class_aware:
            struck &= labels[:stop, None] == labels[start:stop]
        kept = np.concatenate([kept, start + np.flatnonzero(~struck.any(axis=0))])
    return found.take(kept[: how.limit], truncated=found.truncated or len(kept) > how.limit)
