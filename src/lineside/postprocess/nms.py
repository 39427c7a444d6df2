"""Non-maximum suppression: of boxes that overlap too much, the surest stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import UnknownNameError, near

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Candidates

KINDS = ("iou", "none")

_FIRST = 128  # candidates of the first block; most frames have fewer, and one compiled call serves them
_EXACT = 1 << 20  # float32 keeps a sixteenth of a pixel up to here
_TILE = 1 << 15  # elements of one overlap matrix: it stays in the cache and below the allocator's mmap size


def suppress(
    found: Candidates, *, kind: str, iou: float, class_aware: bool, limit: int
) -> tuple[NDArray[np.intp], bool]:
    """The candidates that stay, best first, and whether `limit` cut some off.

    Greedy NMS over boxes in the order of their confidence; a box goes when its IoU with one that stays is
    above `iou`. The result is that of the plain algorithm, stopped once `limit` boxes and one more are known.

    Args:
        found: Candidates, best first.
        kind: `iou`, or `none` for no suppression.
        iou: Threshold, 0 to 1.
        class_aware: Only boxes of one class suppress each other.
        limit: The most boxes to keep.

    Returns:
        Indices into `found`, and True when more than `limit` would have stayed.

    Raises:
        UnknownNameError: No such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError(f'nms: unknown kind "{kind}"{near(kind, KINDS)}')
    count = len(found.confidence)
    if kind == "none" or count < 2:
        return np.arange(min(count, limit)), count > limit
    boxes = found.xyxy
    solid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    if not solid.all():
        # A box without an area overlaps nothing: it neither goes nor makes another go.
        inside = solid.nonzero()[0]
        kept = inside[_within_classes(boxes[inside], found.class_id[inside], iou, limit + 1, class_aware)]
        keep = np.sort(np.concatenate([kept, (~solid).nonzero()[0]]))
    else:
        keep = _within_classes(boxes, found.class_id, iou, limit + 1, class_aware)
    return keep[:limit], len(keep) > limit


def _within_classes(
    boxes: NDArray[np.float32],
    class_id: NDArray[np.int32],
    iou: float,
    enough: int,
    class_aware: bool,  # noqa: FBT001 # the last of one caller's own
) -> NDArray[np.intp]:
    """Indices that stay, in order; with `class_aware` each class for itself.

    Each class is moved to a place of its own, where no other overlaps it, and all go through NMS at once. Where
    float32 would lose the fraction of a pixel on the way there, the classes go one by one.
    """
    if not class_aware or len(boxes) == 0 or (class_id == class_id[0]).all():
        return _greedy(boxes, iou, enough)
    span = float(boxes.max()) - float(boxes.min()) + 1
    if span * (int(class_id.max()) + 1) < _EXACT:
        apart = boxes + (class_id * np.float32(span))[:, None]
        return _greedy(apart.astype(np.float32, copy=False), iou, enough)
    members = [(class_id == c).nonzero()[0] for c in np.unique(class_id)]
    return np.sort(np.concatenate([m[_greedy(boxes[m], iou, enough)] for m in members]))


def _greedy(boxes: NDArray[np.float32], iou: float, enough: int) -> NDArray[np.intp]:
    """Indices that stay, until `enough` are known.

    Block by block in the order of confidence: numpy clears a block of what the kept boxes suppress, OpenCV
    settles the rest among themselves. What comes after the last box that is needed is never looked at.
    """
    kept = _block(boxes[:_FIRST], iou)
    start = _FIRST
    while start < len(boxes) and len(kept) < enough:
        stop = start + max(_TILE // len(kept), _FIRST)
        left = start + _clear_of(boxes[kept], boxes[start:stop], iou).nonzero()[0]
        kept = np.concatenate([kept, left[_block(boxes[left], iou)]])
        start = stop
    return kept


def _block(boxes: NDArray[np.float32], iou: float) -> NDArray[np.intp]:
    """Plain greedy NMS of boxes that are sorted already."""
    import cv2

    if len(boxes) == 0:
        return np.empty(0, np.intp)
    xywh = boxes.copy()
    xywh[:, 2:] -= boxes[:, :2]
    # Descending stand-ins for the scores: the order is settled, and ties must not change it.
    ranks = list(range(len(boxes), 0, -1))
    keep = cv2.dnn.NMSBoxes(xywh.tolist(), ranks, 0.0, iou)
    return np.asarray(keep, np.intp)


def _clear_of(kept: NDArray[np.float32], others: NDArray[np.float32], iou: float) -> NDArray[np.bool_]:
    """Which of `others` overlap none of `kept` by more than `iou`; bool (others,)."""
    share = np.float32(iou / (1 + iou))  # inter / union > iou is inter > share * (area + area)
    a = np.ascontiguousarray(kept.T)[:, :, None]
    b = np.ascontiguousarray(others.T)
    with np.errstate(over="ignore", invalid="ignore"):  # boxes far beyond any picture have infinite areas
        width = np.minimum(a[2], b[2])
        width -= np.maximum(a[0], b[0])
        np.maximum(width, 0, out=width)
        height = np.minimum(a[3], b[3])
        height -= np.maximum(a[1], b[1])
        width *= height  # a negative height leaves a product that is no overlap either
        area_a = (a[2] - a[0]) * (a[3] - a[1]) * share
        area_b = (b[2] - b[0]) * (b[3] - b[1]) * share
        np.add(area_a, area_b, out=height)
    covered: NDArray[np.bool_] = (width > height).any(axis=0)
    return ~covered
