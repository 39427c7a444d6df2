"""`diou`: greedy by IoU less the distance of the centres, so that close neighbours stay apart.

Source: Zheng et al., Distance-IoU Loss: Faster and Better Learning for Bounding Box Regression, AAAI 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.postprocess.greedy import greedy
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
    numbers("diou", settings)
    return settle


def settle(found: Candidates, how: Suppression) -> Candidates:
    """The boxes that stay: none has a DIoU above the threshold with a surer one that stays."""
    boxes = found.xyxy.astype(np.float64)

    def over(stay: NDArray[np.intp], go: NDArray[np.intp]) -> NDArray[np.bool_]:
        return _distance_iou(boxes[stay], boxes[go]) > how.iou

    return greedy(found, how, over)


def _distance_iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU of each pair less the squared distance of centres over the squared diagonal around both, (N, M)."""
    apart = (a[:, None, :2] + a[:, None, 2:] - b[:, :2] - b[:, 2:]) / 2
    around = np.maximum(a[:, None, 2:], b[:, 2:]) - np.minimum(a[:, None, :2], b[:, :2])
    distance, diagonal = np.square(apart).sum(axis=2), np.square(around).sum(axis=2)
    share: NDArray[np.float64] = np.divide(
        distance, diagonal, out=np.zeros_like(distance), where=diagonal > 0
    )
    return overlaps(a, b) - share
