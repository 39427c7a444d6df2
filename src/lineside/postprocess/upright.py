"""Greedy NMS over upright boxes, and their IoU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST = 128  # candidates of the first block; most frames have fewer, and one compiled call serves them
_TILE = 1 << 15  # overlaps of one block: they stay in the cache, and below the allocator's mmap size
_GROWTH = 3  # by which the next block is longer than all before it
_GATHER = 4  # what it costs to gather a class's own boxes for each candidate, against comparing with all
_FARTHEST = 1e7  # pixels: beyond any picture; what lies farther is moved here, where doubles keep its digits


def overlaps(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """The IoU of each box of `a` with each of `b`; a box without an area overlaps nothing.

    Args:
        a: Boxes (N, 4): left, top, right, bottom.
        b: Boxes (M, 4).

    Returns:
        float64 (N, M), 0 to 1.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    sides = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    common = np.multiply.reduce(np.maximum(sides, 0), axis=2)
    union = _areas(a)[:, None] + _areas(b) - common
    iou: NDArray[np.float64] = np.divide(common, union, out=np.zeros_like(common), where=common > 0)
    return iou


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of boxes; 0 of one that is turned inside out."""
    area: NDArray[np.float64] = np.multiply.reduce(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    return area


def suppress(
    boxes: NDArray[np.float32], labels: NDArray[np.int32] | None, iou: float, limit: int
) -> tuple[NDArray[np.intp], bool]:
    """The boxes that stay, and whether `limit` cut some off.

    A box goes when its IoU with one that stays is above `iou`. The result is that of the plain algorithm,
    stopped once `limit` boxes and one more are known.

    Args:
        boxes: float32 (N, 4), best first.
        labels: Only boxes of one label suppress each other; `None`: all do.
        iou: Threshold, 0 to 1.
        limit: The most boxes to keep.

    Returns:
        Indices, ascending, and True when more than `limit` would have stayed.
    """
    count = len(boxes)
    if count < 2:
        return np.arange(min(count, limit)), count > limit
    if count <= _FIRST:
        xywh = _rectangles(boxes)
        if np.minimum.reduce(xywh[:, 2:], axis=None) > 0:
            keep = _settle(xywh, labels, iou)
            return keep[:limit], len(keep) > limit
    corners = np.ascontiguousarray(boxes.T)
    solid = np.logical_and.reduce(corners[2:] > corners[:2], axis=0)
    if solid.all():
        keep = _greedy(corners, labels, iou, limit + 1)
    else:
        # A box without an area overlaps nothing: it neither goes nor makes another go.
        inside = np.flatnonzero(solid)
        labels = None if labels is None else labels[inside]
        kept = inside[_greedy(corners.take(inside, axis=1), labels, iou, limit + 1)]
        keep = np.sort(np.concatenate([kept, np.flatnonzero(~solid)]))
    return keep[:limit], len(keep) > limit


def _greedy(
    corners: NDArray[np.float32], labels: NDArray[np.int32] | None, iou: float, enough: int
) -> NDArray[np.intp]:
    """Indices that stay, until `enough` are known.

    Block by block in the order of confidence, longer and longer as long as the overlaps fit the cache: numpy
    clears a block of what the kept boxes suppress, OpenCV settles the rest among themselves. What comes after
    the last box that is needed is never looked at.

    Args:
        corners: float32 (4, N), best first: left, top, right and bottom.
        labels: Only boxes of one label suppress each other; `None`: all do.
        iou: The threshold.
        enough: How many are needed.
    """
    kept = _settle(_rectangles(corners[:, :_FIRST].T), None if labels is None else labels[:_FIRST], iou)
    count = corners.shape[1]
    if count <= _FIRST:
        return kept
    if labels is not None and (labels == labels[0]).all():
        labels = None
    sides = _with_share(corners, iou)
    start = _FIRST
    while start < count and len(kept) < enough:
        most = len(kept) if labels is None else min(len(kept), _GATHER * _most_of_one(labels[kept]))
        stop = start + max(min(_GROWTH * start, _TILE // most), _FIRST)
        left = start + _clear_of(sides, labels, kept, slice(start, stop)).nonzero()[0]
        xywh = _rectangles(corners.take(left, axis=1).T)
        fresh = left[_settle(xywh, None if labels is None else labels[left], iou)]
        kept = np.concatenate([kept, fresh])
        start = stop
    return kept


def _rectangles(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left, top, width and height of boxes (N, 4), none of them beyond `_FARTHEST`."""
    xywh = np.maximum(boxes, -_FARTHEST)
    np.minimum(xywh, _FARTHEST, out=xywh)
    xywh[:, 2:] -= xywh[:, :2]
    return xywh


def _settle(xywh: NDArray[np.float32], labels: NDArray[np.int32] | None, iou: float) -> NDArray[np.intp]:
    """Which boxes stay among themselves, by OpenCV's greedy NMS."""
    import cv2

    count = len(xywh)
    if count < 2:
        return np.arange(count)
    # Descending stand-ins for the scores: the order is settled, and ties must not change it.
    ranks = range(count, 0, -1)
    if labels is None:
        keep = cv2.dnn.NMSBoxes(xywh.tolist(), ranks, 0.0, iou)
    else:
        keep = cv2.dnn.NMSBoxesBatched(xywh.tolist(), ranks, labels.tolist(), 0.0, iou)
    return np.asarray(keep, np.intp)


def _with_share(corners: NDArray[np.float32], iou: float) -> NDArray[np.float32]:
    """The corners, and the part of each area that counts: inter / union > iou is inter > share * (area + area)."""
    sides = np.empty((5, corners.shape[1]), np.float32)
    sides[:4] = corners
    with np.errstate(over="ignore", invalid="ignore"):  # boxes far beyond any picture have infinite areas
        np.multiply(corners[2] - corners[0], corners[3] - corners[1], out=sides[4])
        sides[4] *= np.float32(iou / (1 + iou))
    return sides


def _clear_of(
    sides: NDArray[np.float32], labels: NDArray[np.int32] | None, kept: NDArray[np.intp], block: slice
) -> NDArray[np.bool_]:
    """Which boxes of a block overlap no kept one by more than the threshold; bool (block,)."""
    a, b = sides.take(kept, axis=1), sides[:, block]
    own = labels is not None and _GATHER * _most_of_one(labels[kept]) < len(kept)
    if labels is not None and own:
        # Taken, not indexed: that leaves what follows contiguous, and several times quicker.
        a = _by_class(a, labels[kept], int(labels.max()) + 1).take(labels[block], axis=2)
    else:
        a = a[:, :, None]
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.minimum(a[2], b[2])
        width -= np.maximum(a[0], b[0])
        np.maximum(width, 0, out=width)
        height = np.minimum(a[3], b[3])
        height -= np.maximum(a[1], b[1])
        width *= height  # a negative height leaves a product that is no overlap either
        np.add(a[4], b[4], out=height)
    over = width > height
    if labels is not None and not own:
        over &= labels[kept][:, None] == labels[block]
    covered: NDArray[np.bool_] = np.logical_or.reduce(over, axis=0)
    return ~covered


def _most_of_one(labels: NDArray[np.int32]) -> int:
    """How many boxes the most frequent class has."""
    return int(np.bincount(labels).max())


def _by_class(sides: NDArray[np.float32], labels: NDArray[np.int32], classes: int) -> NDArray[np.float32]:
    """A table of boxes, (5, most of one class, classes); free places hold boxes without an area."""
    order = labels.argsort(kind="stable")
    label = labels[order]
    place = np.arange(len(label)) - label.searchsorted(label)
    table = np.zeros((len(sides), int(place.max()) + 1, classes), np.float32)
    table[:, place, label] = sides.take(order, axis=1)
    return table
