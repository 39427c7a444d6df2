"""Areas and insides of polygons, in whatever unit their corners are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.floating[Any]]


def signed_area(corners: Points) -> float:
    """The area inside a polygon by the shoelace formula; above 0 where x turns towards y around it.

    Args:
        corners: (N, 2), in turn.
    """
    if len(corners) < 3:
        return 0.0
    x, y = (corners - corners[0]).astype(np.float64).T  # near the origin, where floats are dense
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def is_simple(corners: Points) -> bool:
    """Whether no two edges of a polygon cross or touch but neighbours at their corner.

    Args:
        corners: (N, 2), in turn, N at least 3.
    """
    count = len(corners)
    edges = [(corners[i], corners[(i + 1) % count]) for i in range(count)]
    for i, (a, b) in enumerate(edges):
        for j in range(i + 1, count):
            c, d = edges[j]
            if j == i + 1 or (i == 0 and j == count - 1):
                # Neighbours share a corner; they must not lie on each other.
                before, corner, after = (a, b, d) if j == i + 1 else (c, a, b)
                if _turn(before, corner, after) == 0 and np.dot(corner - before, after - corner) <= 0:
                    return False
            elif _meet(a, b, c, d):
                return False
    return True


def contains(corners: Points, points: Points) -> NDArray[np.bool_]:
    """Which points lie inside a polygon or on its edge, bool (M,).

    Args:
        corners: (N, 2), in turn.
        points: (M, 2).
    """
    start, end = corners[None].astype(np.float64), np.roll(corners, -1, axis=0)[None].astype(np.float64)
    point = points[:, None].astype(np.float64)
    along, to = end - start, point - start
    cross = along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]
    dot = (along * to).sum(axis=-1)
    on_edge = (cross == 0) & (dot >= 0) & (dot <= (along * along).sum(axis=-1))
    # A ray to the right crosses the edges that begin on one side of it and end on the other.
    goes_up = (start[..., 1] <= point[..., 1]) & (end[..., 1] > point[..., 1]) & (cross > 0)
    goes_down = (start[..., 1] > point[..., 1]) & (end[..., 1] <= point[..., 1]) & (cross < 0)
    inside: NDArray[np.bool_] = ((goes_up.sum(axis=1) - goes_down.sum(axis=1)) != 0) | on_edge.any(axis=1)
    return inside


def shared_area(polygon: Points, convex: Points) -> float:
    """The area that a polygon shares with a convex one.

    The polygon is clipped at each edge of the convex one (Sutherland and Hodgman 1974, "Reentrant polygon clipping"). Where a
    polygon with bays falls into pieces, they stay joined by edges without an area.

    Args:
        polygon: (N, 2), in turn, without crossings.
        convex: (M, 2), in turn.
    """
    # Plain numbers: for so few corners arrays cost ten times as much.
    kept: list[tuple[float, ...]] = [tuple(corner) for corner in polygon.astype(np.float64).tolist()]
    clip = convex.astype(np.float64)
    if signed_area(clip) < 0:
        clip = clip[::-1]
    corners = [tuple(corner) for corner in clip.tolist()]
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        kept = _cut(kept, start, end)
        if len(kept) < 3:
            return 0.0
    x0, y0 = kept[0]
    around = zip(kept, [*kept[1:], kept[0]], strict=True)
    twice = sum((x - x0) * (v - y0) - (u - x0) * (y - y0) for (x, y), (u, v) in around)
    return abs(twice) / 2


def _cut(
    corners: list[tuple[float, ...]], start: tuple[float, ...], end: tuple[float, ...]
) -> list[tuple[float, ...]]:
    """What of a polygon lies on the inner side of the line through two points."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    sides = [dx * (y - start[1]) - dy * (x - start[0]) for x, y in corners]
    kept = []
    for i, (corner, side) in enumerate(zip(corners, sides, strict=True)):
        following, next_side = corners[(i + 1) % len(corners)], sides[(i + 1) % len(corners)]
        if side >= 0:
            kept.append(corner)
        if (side >= 0) != (next_side >= 0):
            share = side / (side - next_side)
            kept.append(tuple(p + share * (q - p) for p, q in zip(corner, following, strict=True)))
    return kept


def _turn(a: Points, b: Points, c: Points) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _meet(a: Points, b: Points, c: Points, d: Points) -> bool:
    """Whether two segments have a point in common."""
    one, two = np.sign(_turn(a, b, c)), np.sign(_turn(a, b, d))
    three, four = np.sign(_turn(c, d, a)), np.sign(_turn(c, d, b))
    if one != two and three != four:
        return True
    pairs = ((one, a, b, c), (two, a, b, d), (three, c, d, a), (four, c, d, b))
    return any(turn == 0 and _is_between(p, q, r) for turn, p, q, r in pairs)


def _is_between(a: Points, b: Points, point: Points) -> bool:
    """Whether a point on the line through two others lies between them."""
    return bool(np.all(np.minimum(a, b) <= point) and np.all(point <= np.maximum(a, b)))
