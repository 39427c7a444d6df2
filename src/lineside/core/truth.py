"""What is truly in a picture, where the source knows it: a plant that drew its own parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.verdict import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class FrameTruth:
    """The truth about the part in one picture.

    Attributes:
        part: Number of the part, from 0. Every camera that looks at the part gives the same.
        verdict: The right answer for the part, from all its defects, whether this camera sees them or not:
            FAIL with a defect of at least `limit_px`, PASS without any; UNKNOWN where all are smaller, and
            either answer is accepted.
        xyxy: Boxes of the defects that can be seen in this picture, float32 (N, 4): left, top, right, bottom
            in its pixels.
        class_id: int32 (N,), an index into `names`.
        names: The classes of defects.
        masks: For each box its defect's visible pixels, bool, the size of the box grown to whole pixels:
            `masks[i][0, 0]` belongs to pixel `(floor(left), floor(top))`.
        limit_px: A defect counts when the longer side of its box reaches this, in pixels.
    """

    part: int
    verdict: Verdict
    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int32]
    names: tuple[str, ...]
    masks: tuple[NDArray[np.bool_], ...]
    limit_px: float
