"""`soft`: what overlaps a surer box is less sure, the more it overlaps; nothing goes by its overlap alone.

Source: Bodla et al., Soft-NMS: Improving Object Detection With One Line of Code, ICCV 2017, with the Gaussian
penalty: a confidence is multiplied by exp(-IoU² / sigma) for each surer box. The threshold for the IoU has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import SettingsError
from lineside.postprocess.nms import Boxes, Nms, Suppression, numbers
from lineside.postprocess.upright import overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.postprocess.candidates import Candidates

BOXES: tuple[Boxes, ...] = ("upright",)
DEFAULT_SIGMA = 0.5
"""The paper's."""


def make(settings: Mapping[str, float]) -> Nms:
    """The kind with its one setting: `sigma`, above 0, by default 0.5; the smaller, the harder the penalty.

    Raises:
        SettingsError: Another setting, or one out of range.
    """
    sigma = numbers("soft", settings, sigma=DEFAULT_SIGMA)["sigma"]
    if sigma <= 0:
        raise SettingsError(f"nms: soft: sigma: expected a number above 0; got {sigma:g}")
    return Soft(sigma)


@dataclass(frozen=True, slots=True)
class Soft:
    """Gaussian soft-NMS.

    Attributes:
        sigma: Width of the penalty, above 0.
    """

    sigma: float

    def __call__(self, found: Candidates, how: Suppression) -> Candidates:
        """The candidates whose lowered confidence is still above `how.confidence`, by that confidence."""
        scores, boxes, labels = found.confidence.copy(), found.xyxy.astype(np.float64), found.class_id
        left = np.arange(len(scores))
        taken: list[int] = []
        while len(left) and len(taken) <= how.limit:
            at = int(scores[left].argmax())
            best = int(left[at])
            taken.append(best)
            left = np.delete(left, at)
            penalty = np.exp(-np.square(overlaps(boxes[best : best + 1], boxes[left])[0]) / self.sigma)
            if how.class_aware:
                penalty[labels[left] != labels[best]] = 1
            scores[left] *= penalty.astype(np.float32)
            left = left[scores[left] > how.confidence]
        more = len(taken) > how.limit
        index = np.array(taken[: how.limit], np.intp)
        stayed = found.take(index, truncated=found.truncated or more)
        return replace(stayed, confidence=scores[index])
