"""What the families of oriented boxes share: candidates from centre, sides and angle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.oriented import upright, within_half_turn
from lineside.postprocess.candidates import Candidates, best_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Selection


def oriented_candidates(
    xywhr: Sequence[NDArray[np.float32]],
    classes: NDArray[np.intp],
    confidence: NDArray[np.float32],
    rows: NDArray[np.intp],
    want: Selection,
) -> Candidates:
    """Sorted candidates from oriented boxes.

    Args:
        xywhr: Centre x and y, width, height in model pixels, and rotation in radians, float32 (N,) each.
        classes: (N,) class of each.
        confidence: float32 (N,).
        rows: (N,) the head's row of each.
        want: The selection, for its limit.
    """
    order, cut = best_first(confidence, want.limit)
    boxes = np.stack([values.take(order) for values in xywhr], axis=1)
    within_half_turn(boxes)
    return Candidates(
        upright(boxes),
        confidence.take(order),
        classes.take(order).astype(np.int32),
        cut,
        rows.take(order),
        boxes,
    )
