"""Masks, oriented boxes and keypoints drawn into a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.masks import Masks

Colour: TypeAlias = tuple[int, int, int]

COCO_SKELETON = (
    *((15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8)),
    *((7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
)
"""Which of COCO's 17 keypoints of a person are joined, from 0."""

VISIBLE = 0.5
"""From which visibility on a keypoint is drawn."""

_OPACITY = 0.45
_BLACK = (0, 0, 0)


def draw_masks(canvas: NDArray[np.uint8], masks: Masks, colours: Sequence[Colour], line_px: int) -> None:
    """Lay each mask's colour over its pixels and a line around it, the first mask on top; nothing else is touched.

    Args:
        canvas: uint8 BGR (H, W, 3), of the masks' picture; changed.
        masks: The masks.
        colours: One a mask.
        line_px: Width of the line.
    """
    import cv2

    outlines = masks.polygons()
    for number in reversed(range(len(masks))):
        crop, (x, y) = masks.crops[number], masks.corners[number].tolist()
        part = canvas[y : y + crop.shape[0], x : x + crop.shape[1]]
        tinted = part[crop] * np.float32(1 - _OPACITY)
        part[crop] = np.rint(tinted + np.float32(_OPACITY) * np.array(colours[number], np.float32))
        if outlines[number]:
            cv2.polylines(canvas, outlines[number], True, colours[number], line_px)  # noqa: FBT003 # closed; it has no name


def draw_oriented(
    canvas: NDArray[np.uint8], corners: NDArray[np.floating], colour: Colour, line_px: int
) -> None:
    """Draw one turned rectangle, or any other closed outline.

    Args:
        canvas: uint8 BGR (H, W, 3); changed.
        corners: (N, 2), of a rectangle 4, in turn around it, in pixels; what lies outside is not drawn.
        colour: Of its line.
        line_px: Width of the line.
    """
    import cv2

    # Far outside OpenCV's fixed-point numbers would run over; a line to there leaves the picture anyway.
    far = 4 * max(canvas.shape)
    points = [np.rint(np.clip(corners, -far, far)).astype(np.int32)]
    if line_px > 1:  # a thin dark rim keeps the line visible on a ground of its own colour
        cv2.polylines(canvas, points, True, _BLACK, line_px + 2)  # noqa: FBT003 # closed; it has no name
    cv2.polylines(canvas, points, True, colour, line_px)  # noqa: FBT003 # closed; it has no name


def draw_keypoints(
    canvas: NDArray[np.uint8], points: NDArray[np.float32], colour: Colour, line_px: int
) -> None:
    """Draw one object's visible keypoints as dots; the 17 of a person are joined as COCO joins them.

    Args:
        canvas: uint8 BGR (H, W, 3); changed.
        points: float32 (K, 3): x and y in pixels, visibility.
        colour: Of the dots and lines.
        line_px: Width of the lines.
    """
    import cv2

    places: list[list[int]] = np.rint(points[:, :2]).astype(int).tolist()
    seen = (points[:, 2] >= VISIBLE).tolist()
    for a, b in COCO_SKELETON if len(places) == 17 else ():
        if seen[a] and seen[b]:
            cv2.line(canvas, tuple(places[a]), tuple(places[b]), colour, line_px, cv2.LINE_AA)
    for place, is_seen in zip(places, seen, strict=True):
        if is_seen:
            cv2.circle(canvas, tuple(place), 2 * line_px + 1, _BLACK, cv2.FILLED, cv2.LINE_AA)
            cv2.circle(canvas, tuple(place), 2 * line_px, colour, cv2.FILLED, cv2.LINE_AA)
