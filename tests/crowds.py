"""Candidates to try NMS on, and the plain algorithms that it is compared with."""

from __future__ import annotations

import math

import numpy as np

from lineside.postprocess.candidates import Candidates
from lineside.postprocess.nms import Suppression, open_nms


def candidates(boxes, class_id=None, scores=None, *, oriented=False):
    """Candidates, best first; the row of each is its place."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 5 if oriented else 4)
    count = len(boxes)
    return Candidates(
        xyxy=around(boxes) if oriented else boxes,
        confidence=np.linspace(0.99, 0.26, count, dtype=np.float32) if scores is None else scores,
        class_id=np.zeros(count, np.int32) if class_id is None else np.asarray(class_id, np.int32),
        rows=np.arange(count),
        xywhr=boxes if oriented else None,
    )


def around(xywhr):
    """The upright boxes around oriented ones."""
    cos, sin = np.abs(np.cos(xywhr[:, 4])), np.abs(np.sin(xywhr[:, 4]))
    half = (
        np.stack([cos * xywhr[:, 2] + sin * xywhr[:, 3], sin * xywhr[:, 2] + cos * xywhr[:, 3]], axis=1) / 2
    )
    return np.concatenate([xywhr[:, :2] - half, xywhr[:, :2] + half], axis=1).astype(np.float32)


def crowd(seed, count, classes, *, oriented=False):
    """Boxes in clusters around a few objects, some of them of another class, with scores that all differ."""
    rng = np.random.default_rng([seed, count, classes])
    objects = rng.uniform(0, 200, (max(count // 8, 1), 2))
    sizes = rng.uniform(8, 60, (len(objects), 2))
    angles = rng.uniform(-math.pi / 4, 3 * math.pi / 4, len(objects))
    owner = rng.integers(0, len(objects), count)
    centre = objects[owner] + rng.normal(0, 4, (count, 2))
    side = sizes[owner] * rng.uniform(0.7, 1.4, (count, 2))
    class_id = rng.integers(0, classes, len(objects))[owner]
    class_id[rng.random(count) < 0.2] = rng.integers(0, classes)
    scores = np.sort(rng.permutation(10_000)[:count].astype(np.float32) / 12_500 + np.float32(0.15))[::-1]
    if oriented:
        turn = angles[owner] + rng.normal(0, 0.2, count)
        boxes = np.concatenate([centre, side, turn[:, None]], axis=1)
    else:
        boxes = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
    return candidates(boxes, class_id, np.ascontiguousarray(scores), oriented=oriented)


def iou_of(a, b):
    """IoU of two upright boxes, number by number."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def diou_of(a, b):
    """IoU less the share of the distance."""
    distance = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    diagonal = (max(a[2], b[2]) - min(a[0], b[0])) ** 2 + (max(a[3], b[3]) - min(a[1], b[1])) ** 2
    return iou_of(a, b) - distance / diagonal


def polygon(box):
    """The turned rectangle as a polygon of shapely."""
    from shapely import Polygon

    x, y, width, height, turn = (float(v) for v in box)
    along = np.array([math.cos(turn), math.sin(turn)]) * width / 2
    across = np.array([-math.sin(turn), math.cos(turn)]) * height / 2
    centre = np.array([x, y])
    return Polygon(
        [centre - along - across, centre + along - across, centre + along + across, centre - along + across]
    )


def rotated_iou_of(a, b):
    """IoU of two oriented boxes by shapely."""
    if np.hypot(a[0] - b[0], a[1] - b[1]) > (np.hypot(a[2], a[3]) + np.hypot(b[2], b[3])) / 2:
        return 0.0
    one, other = polygon(a), polygon(b)
    common = one.intersection(other).area
    return common / (one.area + other.area - common)


def probiou_of(a, b):
    """One less the Hellinger distance of two normal distributions, with numpy's linear algebra."""

    def gaussian(box):
        x, y, width, height, turn = (float(v) for v in box)
        basis = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        return np.array([x, y]), basis @ np.diag([width**2 / 12, height**2 / 12]) @ basis.T

    (mean_a, cov_a), (mean_b, cov_b) = gaussian(a), gaussian(b)
    cov, apart = (cov_a + cov_b) / 2, mean_a - mean_b
    distance = apart @ np.linalg.solve(cov, apart) / 8
    distance += math.log(np.linalg.det(cov) / math.sqrt(np.linalg.det(cov_a) * np.linalg.det(cov_b))) / 2
    return 1 - math.sqrt(max(1 - math.exp(-distance), 0))


def pairwise(boxes, measure):
    """A measure of each pair, float64 (N, N)."""
    boxes = np.asarray(boxes, np.float64)
    overlap = np.ones((len(boxes), len(boxes)))
    for i, j in zip(*np.triu_indices(len(boxes), 1), strict=True):
        overlap[i, j] = overlap[j, i] = measure(boxes[i], boxes[j])
    return overlap


def clear_threshold(overlap, wanted):
    """A threshold near `wanted` in the middle of the widest gap between overlaps, so that rounding decides nothing."""
    near = np.unique(overlap[np.abs(overlap - wanted) < 0.03])
    edges = np.concatenate([[wanted - 0.03], near, [wanted + 0.03]])
    widest = np.diff(edges).argmax()
    assert edges[widest + 1] - edges[widest] > 5e-6
    return float((edges[widest] + edges[widest + 1]) / 2)


def settle(found, *, kind, iou, class_aware, limit, confidence=0.0):
    """What a kind of NMS leaves of candidates, chosen by its name as a call does."""
    nms = open_nms(kind, boxes="upright" if found.xywhr is None else "oriented")
    return nms(found, Suppression(iou, class_aware, limit, confidence))
