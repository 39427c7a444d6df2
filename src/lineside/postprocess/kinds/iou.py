"""`iou`: greedy; the surest box stays, and what overlaps it by more than the threshold goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.postprocess.nms import Boxes, Nms, Suppression, numbers
from lineside.postprocess.upright import suppress

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Candidates

BOXES: tuple[Boxes, ...] = ("upright", "oriented")


def make(settings: Mapping[str, float]) -> Nms:
    """The kind; it has no settings.

    Raises:
        UnknownNameError: There is a setting.
    """
    numbers("iou", settings)
    return settle


def settle(found: Candidates, how: Suppression) -> Candidates:
    """The boxes that stay. The IoU of oriented boxes is that of the turned rectangles, not of their upright ones."""
    if found.xywhr is not None:
        return _oriented(found, found.xywhr, how)
    keep, more = suppress(found.xyxy, found.class_id if how.class_aware else None, how.iou, how.limit)
    return found.take(keep, truncated=found.truncated or more)


def _oriented(found: Candidates, xywhr: NDArray[np.float32], how: Suppression) -> Candidates:
    from lineside.postprocess.greedy import greedy  # here, because most models never ask for them
    from lineside.postprocess.rotated import overlaps

    def over(stay: NDArray[np.intp], go: NDArray[np.intp]) -> NDArray[np.bool_]:
        return overlaps(xywhr[stay], xywhr[go]) > how.iou

    return greedy(found, how, over)
