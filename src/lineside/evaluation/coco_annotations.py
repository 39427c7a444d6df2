"""Truth and detections as the annotation dictionaries that the arithmetic of COCO is defined on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lineside.evaluation.coco_details import BOX_SHARE, rectangles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.evaluation.examine import Examined

Measure = Literal["boxes", "masks", "keypoints", "oriented"]
"""What a detection and a truth are compared by."""


def as_annotations(
    examined: Sequence[Examined], by: Measure
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Pictures, true objects and detections as COCO writes them: pictures, classes and objects numbered from 1.

    Args:
        examined: The pictures, with truth and detections.
        by: What they will be compared by.
    """
    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image_id, one in enumerate(examined, start=1):
        truth = zip(
            xywh_of(one.truth.xyxy).tolist(),
            one.truth.class_index.tolist(),
            one.truth.ignored.tolist(),
            _true_details(one, by),
            strict=True,
        )
        for box, k, ignored, more in truth:
            truths.append(_annotation(len(truths), image_id, k, box) | {"iscrowd": int(ignored)} | more)
        detections = zip(
            xywh_of(one.found.xyxy).tolist(),
            one.found.class_index.tolist(),
            one.found.confidence.tolist(),
            _found_details(one, by),
            strict=True,
        )
        for box, k, score, more in detections:
            found.append(_annotation(len(found), image_id, k, box) | {"iscrowd": 0, "score": score} | more)
    images = [
        {"id": i, "width": one.size.width, "height": one.size.height}
        for i, one in enumerate(examined, start=1)
    ]
    return images, truths, found


def _true_details(one: Examined, by: Measure) -> list[dict[str, Any]]:
    """What each true object is compared by, beside its box."""
    truth = one.truth
    if by == "masks" and truth.outlines is not None:
        return [{"segmentation": outline} for outline in truth.outlines]
    if by == "keypoints" and truth.keypoints is not None:
        areas = BOX_SHARE * xywh_of(truth.xyxy)[:, 2:].prod(axis=1) if truth.areas is None else truth.areas
        return [
            {
                "keypoints": points.ravel().tolist(),
                "num_keypoints": int((points[:, 2] > 0).sum()),
                "area": area,
            }
            for points, area in zip(truth.keypoints, areas.tolist(), strict=True)
        ]
    if by == "oriented" and truth.corners is not None:
        return [{"xywhr": box} for box in rectangles(truth.corners)]
    return [{} for _ in range(len(truth))]


def _found_details(one: Examined, by: Measure) -> list[dict[str, Any]]:
    """What each detection is compared by, beside its box."""
    found = one.found
    if by == "masks" and found.outlines is not None:
        return [{"segmentation": outline} for outline in found.outlines]
    if by == "keypoints" and found.keypoints is not None:
        return [{"keypoints": points.ravel().tolist()} for points in found.keypoints.astype(np.float64)]
    if by == "oriented" and found.xywhr is not None:
        return [{"xywhr": box} for box in found.xywhr.astype(np.float64)]
    return [{} for _ in range(len(found))]


def _annotation(index: int, image_id: int, class_index: int, xywh: list[float]) -> dict[str, Any]:
    return {
        "id": index + 1,
        "image_id": image_id,
        "category_id": class_index + 1,
        "bbox": xywh,
        "area": xywh[2] * xywh[3],
    }


def xywh_of(xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Boxes float64 (N, 4) as left, top, width and height."""
    boxes = xyxy.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes
