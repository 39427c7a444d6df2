"""One answer for a picture out of the answers for its slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.detections import Detections
from lineside.core.masks import Masks
from lineside.postprocess.candidates import Candidates, best_first
from lineside.postprocess.slices import Corner, needless_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.postprocess.nms import Nms, Suppression
    from lineside.postprocess.slices import SliceGrid

_NO_SLICE = -1


def merge(
    grid: SliceGrid, slices: Sequence[Detections], whole: Detections | None, nms: Nms, how: Suppression
) -> Detections:
    """The objects of a picture, best first, each once.

    Args:
        grid: Where the slices lie.
        slices: What was found in each, in its own pixels.
        whole: What was found in a run of the whole picture; only objects larger than the overlap are taken of it.
        nms: What is done with two boxes of one object.
        how: The threshold, class awareness and limit.
    """
    corners = list(grid.corners)
    parts = list(slices)
    numbers = list(range(len(parts)))
    if whole is not None:
        corners.append(Corner(0, 0))
        parts.append(whole[grid.is_larger_than_overlap(whole.xyxy)])
        numbers.append(_NO_SLICE)
    everything = _joined(parts, corners, grid.frame)
    number = np.repeat(numbers, [len(part) for part in parts]).astype(np.intp)
    is_cut = grid.cut(everything.xyxy, number)
    kept = everything[~needless_pieces(everything.xyxy, number, is_cut, everything.class_id)]
    left = nms(_sorted(kept), how)
    rows = left.rows
    assert rows is not None  # `_sorted` gave them, and every kind of NMS passes them on
    return Detections(
        xyxy=left.xyxy,
        confidence=left.confidence,
        class_id=left.class_id,
        names=kept.names,
        size=grid.frame,
        truncated=left.truncated,
        masks=None if kept.masks is None else kept.masks[rows],
        keypoints=None if kept.keypoints is None else kept.keypoints[rows],
        xywhr=left.xywhr,
    )


def _joined(parts: Sequence[Detections], corners: Sequence[Corner], frame: Size) -> Detections:
    """All objects of the parts in pixels of the picture, part by part."""
    counts = [len(part) for part in parts]
    shift = np.repeat(np.array(corners, np.float32), counts, axis=0)
    xyxy = np.concatenate([part.xyxy for part in parts]) + np.tile(shift, 2)
    keypoints = _concatenated([part.keypoints for part in parts])
    if keypoints is not None:
        keypoints[..., :2] += shift[:, None]
    xywhr = _concatenated([part.xywhr for part in parts])
    if xywhr is not None:
        xywhr[:, :2] += shift
    return Detections(
        xyxy=xyxy,
        confidence=np.concatenate([part.confidence for part in parts]),
        class_id=np.concatenate([part.class_id for part in parts]),
        names=parts[0].names,
        size=frame,
        truncated=any(part.truncated for part in parts),
        masks=_joined_masks([part.masks for part in parts], corners, frame),
        keypoints=keypoints,
        xywhr=xywhr,
    )


def _concatenated(arrays: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    """The arrays of all parts as a new one; `None` where the model answers none."""
    there = [array for array in arrays if array is not None]
    return np.concatenate(there) if there else None


def _joined_masks(masks: Sequence[Masks | None], corners: Sequence[Corner], frame: Size) -> Masks | None:
    """The masks of all parts, moved to their places in the picture."""
    there = [(own, corner) for own, corner in zip(masks, corners, strict=True) if own is not None]
    if not there:
        return None
    crops = tuple(crop for own, _ in there for crop in own.crops)
    places = [own.corners + np.array(corner, np.int32) for own, corner in there]
    return Masks(crops, np.concatenate(places), frame)


def _sorted(found: Detections) -> Candidates:
    """The objects as candidates, best first, each with its place in `found`."""
    order, _ = best_first(found.confidence, len(found))
    return Candidates(
        xyxy=found.xyxy[order],
        confidence=found.confidence[order],
        class_id=found.class_id[order],
        truncated=found.truncated,
        rows=order,
        xywhr=None if found.xywhr is None else found.xywhr[order],
    )
