"""What a COCO annotation says beyond its box: a mask, keypoints, or the corners of an oriented box."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import DatasetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.evaluation.truth import Outline

BOX_SHARE = 0.53
"""The usual part of a box that its object covers, for boxes without a stated area (xtcocotools, CrowdPose)."""


def outline_of(where: str, raw: Any, size: Size) -> Outline:
    """The mask of an annotation.

    Args:
        where: The file and the annotation, for messages.
        raw: Its `segmentation`: polygons, or run lengths as numbers or as COCO's text.
        size: Size of the picture.

    Raises:
        DatasetError: There is none, or it is malformed.
    """
    if isinstance(raw, dict):
        return {"size": [*size], "counts": _counts_of(where, raw, size)}
    if raw in (None, []):
        raise DatasetError(
            f"{where}: no segmentation, and a model that answers masks is judged by them. Expected polygons "
            "[[x, y, x, y, …], …] in pixels, or run lengths (size, counts)"
        )
    polygons = raw if isinstance(raw, list) else [raw]
    for polygon in polygons:
        if not _are_numbers(polygon) or len(polygon) < 6 or len(polygon) % 2:
            raise DatasetError(
                f"{where}: segmentation: expected polygons of at least three points, [[x, y, x, y, …], …] in "
                f"pixels; got {str(polygon)[:60]}"
            )
    return [[float(v) for v in polygon] for polygon in polygons]


def _counts_of(where: str, raw: dict[str, Any], size: Size) -> list[int]:
    """The run lengths of a mask, checked to cover the picture."""
    counts = raw.get("counts")
    if isinstance(counts, str):
        counts = _decoded(counts)
    if (
        raw.get("size") != [*size]
        or not isinstance(counts, list)
        or not all(isinstance(n, int) and n >= 0 for n in counts)
        or sum(counts) != size.height * size.width
    ):
        raise DatasetError(
            f"{where}: segmentation: expected run lengths of the whole picture, size [{size.height}, {size.width}] "
            f"and counts that add up to {size.height * size.width}; got size {raw.get('size')}"
        )
    return counts


def _decoded(text: str) -> list[int] | None:
    """Run lengths from their text, or `None` where it is none.

    Five bits a character, the lowest first, the sixth for "more follows", the highest of the last for the sign; from the third
    run on each is the difference to the one before the last. Source: the COCO API's `maskApi.c`.
    """
    counts: list[int] = []
    value = bits = 0
    for letter in text:
        part = ord(letter) - 48
        if not 0 <= part < 64 or bits > 40:
            return None
        value |= (part & 31) << bits
        bits += 5
        if part & 32:
            continue
        if part & 16:
            value -= 1 << bits
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = bits = 0
    return None if bits else counts


def keypoints_of(where: str, raw: Any) -> list[list[float]]:
    """The keypoints of an annotation: x, y, and 0 where a point is not labelled.

    Raises:
        DatasetError: There are none, or they are malformed.
    """
    if raw is None:
        raise DatasetError(
            f"{where}: no keypoints, and a model that answers keypoints is judged by them. Expected "
            "[x, y, v, x, y, v, …] in pixels, v 0 for a point that is not labelled"
        )
    if not _are_numbers(raw) or not raw or len(raw) % 3 or any(v not in {0, 1, 2} for v in raw[2::3]):
        raise DatasetError(
            f"{where}: keypoints: expected [x, y, v, x, y, v, …] in pixels, each v 0, 1 or 2; got {str(raw)[:60]}"
        )
    points: list[list[float]] = np.reshape(raw, (-1, 3)).astype(float).tolist()
    return points


def corners_of(where: str, raw: Any) -> list[list[float]]:
    """The four corners of an oriented box, in turn around it.

    Raises:
        DatasetError: There are none, or it is another polygon.
    """
    given = raw[0] if isinstance(raw, list) and len(raw) == 1 else None
    polygon: list[float] = given if _are_numbers(given) else []  # type: ignore[assignment] # a list of numbers then
    if len(polygon) == 10 and polygon[:2] == polygon[8:]:
        polygon = polygon[:8]
    if len(polygon) != 8:
        raise DatasetError(
            f"{where}: no oriented box, and a model that answers oriented boxes is judged by them. Expected a "
            f"segmentation of one polygon with four corners, [[x, y, x, y, x, y, x, y]]; got {str(raw)[:60]}"
        )
    corners: list[list[float]] = np.reshape(polygon, (4, 2)).astype(float).tolist()
    return corners


def area_of(raw: Any, width: float, height: float) -> float:
    """The area of an object in px²: as stated, else the usual part of its box."""
    stated = isinstance(raw, int | float) and math.isfinite(raw) and raw > 0
    return float(raw) if stated else BOX_SHARE * width * height


def rectangles(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest oriented boxes around four corners each.

    Args:
        corners: float64 (N, 4, 2).

    Returns:
        float64 (N, 5): centre x and y, width, height, rotation of the width's side in radians.
    """
    import cv2

    boxes = np.zeros((len(corners), 5))
    for box, points in zip(boxes, corners, strict=True):
        middle = points.mean(axis=0)  # floats of 32 bits keep more digits near the origin
        (x, y), (width, height), degrees = cv2.minAreaRect((points - middle).astype(np.float32))
        box[:] = (x + middle[0], y + middle[1], width, height, math.radians(degrees))
    return boxes


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in value
    )
