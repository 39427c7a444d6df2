"""Streams of drawn boxes whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lineside import Detections, Size
from lineside.tracking.tracker import Tracker

SIZE = Size(height=480, width=640)
NAMES = ("cap", "disc", "ring")


def detections(boxes, confidence=0.9, class_id=0, *, order=None) -> Detections:
    """Boxes (N, 4) of one frame as a detector answers them; `order` says in which order."""
    count = len(boxes)
    xyxy = np.reshape(np.asarray(boxes, np.float32), (count, 4))
    scores = np.broadcast_to(np.asarray(confidence, np.float32), (count,))
    labels = np.broadcast_to(np.asarray(class_id, np.int32), (count,))
    order = np.argsort(-scores, kind="stable") if order is None else np.asarray(order, int)
    return Detections(xyxy[order], scores[order].copy(), labels[order].copy(), NAMES, SIZE)


def box(x, y, side=40.0):
    """A square around a point."""
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


@dataclass(frozen=True)
class Belt:
    """Parts at a fixed distance on a belt from left to right.

    `frames` holds the boxes of each frame, `parts` which part each box is.
    """

    frames: list[list[list[float]]]
    parts: list[list[int]]


def belt(rng, *, speed_px=12.0, count=60, side=40.0, pitch_px=90.0, lost=0.0, noise_px=1.0, stops=0) -> Belt:
    """A belt seen for `count` frames; `lost` is the share of missed parts, `stops` how long it runs and rests."""
    frames, parts, way = [], [], 0.0
    for number in range(count):
        way += 0 if stops and (number // stops) % 2 else speed_px
        seen = [
            k
            for k in range(int(way / pitch_px) + 1)
            if way - k * pitch_px < SIZE.width and rng.random() >= lost
        ]
        boxes = [np.array(box(way - k * pitch_px, 200, side)) + rng.normal(0, noise_px, 4) for k in seen]
        frames.append([np.clip(b, 0, SIZE.width).tolist() for b in boxes])
        parts.append(seen)
    return Belt(frames, parts)


def followed(drawn, settings=None):
    """The pairs of part and id that a belt's tracker gives, the tracker, and the frames' tracks."""
    tracker, pairs, all_tracks = Tracker(settings), set(), []
    for number, (boxes, parts) in enumerate(zip(drawn.frames, drawn.parts, strict=True)):
        tracks = tracker.update(detections(boxes, order=range(len(boxes))), sequence=number)
        all_tracks.append(tracks)
        pairs |= {(k, i) for k, i in zip(parts, tracks.track_id.tolist(), strict=True) if i != -1}
    return pairs, tracker, all_tracks
