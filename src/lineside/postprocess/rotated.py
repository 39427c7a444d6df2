"""How much oriented boxes overlap: exactly, and as the Gaussians that stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PAIRS = 1 << 14  # cut at once: a few MB of corners


def overlaps(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """The exact IoU of each box of `a` with each of `b`; a box without an area overlaps nothing.

    Args:
        a: Oriented boxes (N, 5): centre x and y, width, height, rotation in radians from x towards y.
        b: Oriented boxes (M, 5).

    Returns:
        float64 (N, M), 0 to 1.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    iou = np.zeros((len(a), len(b)))
    first, second = _near_pairs(a, b)
    area_a, area_b = a[:, 2] * a[:, 3], b[:, 2] * b[:, 3]
    for start in range(0, len(first), _PAIRS):
        i, j = first[start : start + _PAIRS], second[start : start + _PAIRS]
        common = _common_area(a[i], b[j])
        iou[i, j] = np.minimum(common / (area_a[i] + area_b[j] - common), 1)
    return iou


def probiou(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """The ProbIoU of each box of `a` with each of `b`: one less the Hellinger distance of their Gaussians.

    A box stands for the normal distribution with the mean and covariance of the uniform one over it. A box
    without an area overlaps nothing. Source: Llerena et al., Gaussian Bounding Boxes and Probabilistic
    Intersection-over-Union for Object Detection, 2021.

    Args:
        a: Oriented boxes (N, 5): centre x and y, width, height, rotation in radians from x towards y.
        b: Oriented boxes (M, 5).

    Returns:
        float64 (N, M), 0 to 1.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    xx, yy, xy = (p[:, None] + q for p, q in zip(_covariance(a), _covariance(b), strict=True))
    x, y = a[:, None, 0] - b[:, 0], a[:, None, 1] - b[:, 1]
    both = xx * yy - xy * xy
    # The root of a covariance's determinant is the rectangle's area over 12, however it is turned.
    alone = (_area(a) / 12)[:, None] * (_area(b) / 12)
    solid = (alone > 0) & (both > 0)
    iou = np.zeros_like(both)
    both, alone = both[solid], alone[solid]
    far = (yy[solid] * x[solid] ** 2 + xx[solid] * y[solid] ** 2 - 2 * xy[solid] * x[solid] * y[solid]) / both
    distance = far / 4 + np.log(both / alone / 4) / 2
    iou[solid] = 1 - np.sqrt(-np.expm1(-np.maximum(distance, 0)))
    return iou


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of boxes; 0 of one with a negative side."""
    return np.maximum(boxes[:, 2], 0) * np.maximum(boxes[:, 3], 0)


def _covariance(
    boxes: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Variance along x, along y, and covariance, (N,) each."""
    width, height = boxes[:, 2] ** 2 / 12, boxes[:, 3] ** 2 / 12
    cos, sin = np.cos(boxes[:, 4]), np.sin(boxes[:, 4])
    return width * cos**2 + height * sin**2, width * sin**2 + height * cos**2, (width - height) * cos * sin


def _turned(sides: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (N, 4, 2) of turned rectangles around the origin."""
    half = sides[:, None] / 2 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return np.stack(
        [cos * half[..., 0] - sin * half[..., 1], sin * half[..., 0] + cos * half[..., 1]], axis=2
    )


def _near_pairs(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pairs of boxes with an area whose upright boxes overlap: most others need no cutting."""
    reach = np.abs(a[:, None, :2] - b[:, :2])
    sides = _half_upright(a)[:, None] + _half_upright(b) - reach
    near = (sides > 0).all(axis=2) & (_area(a) > 0)[:, None] & (_area(b) > 0)
    first, second = near.nonzero()
    return first, second


def _half_upright(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the width and height of the upright boxes around oriented ones, (N, 2)."""
    cos, sin = np.abs(np.cos(boxes[:, 4])), np.abs(np.sin(boxes[:, 4]))
    half: NDArray[np.float64] = boxes[:, 2:4] * cos[:, None] + boxes[:, 3:1:-1] * sin[:, None]
    return half / 2


def _common_area(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area that each pair of boxes shares, (P,), by cutting `a` at the sides of `b`.

    Source: Sutherland and Hodgman, Reentrant Polygon Clipping, 1974. Seen from `b` its sides are upright, and the
    numbers small.
    """
    angle = b[:, 4]
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = (a[:, :2] - b[:, :2]).T
    centre = np.stack([cos * x + sin * y, cos * y - sin * x], axis=1)
    points = centre[:, None] + _turned(a[:, 2:4], a[:, 4] - angle)
    for axis in (0, 1):
        for side in (1.0, -1.0):
            points = _cut(points, b[:, 2 + axis, None] / 2 - side * points[:, :, axis])
    x, y = points[..., 0], points[..., 1]
    area: NDArray[np.float64] = (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1) / 2
    return np.maximum(area, 0)


def _cut(points: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convex polygons without what lies on the far side of a line.

    Args:
        points: Corners in order, (P, K, 2); the same one may come several times.
        depth: How far each lies on the near side of the line, (P, K), below 0 on the far one.

    Returns:
        (P, L, 2): polygons with fewer corners repeat their first; one that is gone is a single point.
    """
    inside = depth >= 0
    after, after_depth = np.roll(points, -1, axis=1), np.roll(depth, -1, axis=1)
    crosses = inside != (after_depth >= 0)
    share = np.divide(depth, depth - after_depth, out=np.zeros_like(depth), where=crosses)
    crossing = points + share[..., None] * (after - points)
    pairs, count = depth.shape
    found = np.stack([points, crossing], axis=2).reshape(pairs, 2 * count, 2)
    is_corner = np.stack([inside, crosses], axis=2).reshape(pairs, 2 * count)
    corner_count = is_corner.sum(axis=1)
    # The corners first, in their order; as many as the richest polygon has.
    order = np.argsort(~is_corner, axis=1, kind="stable")[:, : max(int(corner_count.max(initial=1)), 1)]
    order = np.where(np.arange(order.shape[1]) < corner_count[:, None], order, order[:, :1])
    return np.take_along_axis(found, order[..., None], axis=1)
