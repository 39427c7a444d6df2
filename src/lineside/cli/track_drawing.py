"""Frames with ids, trails, lines and zones drawn in."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.outputs.overlay import PALETTE, draw
from lineside.tracking.tracks import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.tracking.counting import LineCounter, ZoneCounter
    from lineside.tracking.tracks import Tracks

_TRAIL_FRAMES = 60
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


class Canvas:
    """Draws the frames of one stream, and remembers where its objects were.

    Args:
        lines: Drawn with an arrow from the left hand to the right: the way in.
        zones: Drawn too; the counts stand in the upper left corner.
    """

    def __init__(self, lines: Sequence[LineCounter], zones: Sequence[ZoneCounter]) -> None:
        self._lines = lines
        self._zones = zones
        self._trails: dict[int, deque[tuple[int, int]]] = {}

    def draw(self, image: NDArray[np.uint8], tracks: Tracks) -> NDArray[np.uint8]:
        """A copy of the frame with its confirmed objects, after the counters have seen it.

        Args:
            image: uint8 BGR (H, W, 3); not changed.
            tracks: Of this frame.

        Returns:
            uint8 BGR (H, W, 3), owned by the caller.
        """
        rows = (tracks.track_id != UNCONFIRMED).nonzero()[0]
        found, ids = tracks.detections[rows], tracks.track_id[rows].tolist()
        canvas = image.copy()
        width = max(1, round(sum(canvas.shape[:2]) * 0.0015))
        self._draw_zones(canvas, width)
        self._draw_lines(canvas, width)
        self._draw_trails(canvas, width, found, ids, tracks.ended)
        canvas = draw(canvas, _labelled(found, ids))
        self._write_counts(canvas)
        return canvas

    def _draw_zones(self, canvas: NDArray[np.uint8], width: int) -> None:
        import cv2

        for number, zone in enumerate(self._zones, 1):
            corners = np.round(zone.polygon).astype(np.int32)
            for shade, thickness in ((_BLACK, width + 2), (_WHITE, width)):
                cv2.polylines(canvas, [corners], True, shade, thickness, cv2.LINE_AA)  # noqa: FBT003 # OpenCV's own order
            if len(self._zones) > 1:
                _write(canvas, str(number), _pixel(corners.mean(axis=0)))

    def _draw_lines(self, canvas: NDArray[np.uint8], width: int) -> None:
        import cv2

        for number, line in enumerate(self._lines, 1):
            start, end = np.reshape(line.line, (2, 2))
            middle, along = (start + end) / 2, (end - start) / np.hypot(*(end - start))
            tip = middle + np.array([-along[1], along[0]]) * 12 * width
            for shade, thickness in ((_BLACK, width + 2), (_WHITE, width)):
                cv2.line(canvas, _pixel(start), _pixel(end), shade, thickness, cv2.LINE_AA)
                cv2.arrowedLine(
                    canvas, _pixel(middle), _pixel(tip), shade, thickness, cv2.LINE_AA, tipLength=0.4
                )
            if len(self._lines) > 1:
                _write(canvas, str(number), _pixel(tip))

    def _write_counts(self, canvas: NDArray[np.uint8]) -> None:
        """The counts of all lines and zones, one below the other in the upper left corner."""
        texts = [
            f"line {number}: {line.inward.total()} in, {line.outward.total()} out"
            for number, line in enumerate(self._lines, 1)
        ]
        texts += [
            f"zone {number}: {len(zone.present)} inside, {zone.entered.total()} came"
            for number, zone in enumerate(self._zones, 1)
        ]
        top = 2
        for text in texts:
            top = _write(canvas, text, (2, top))

    def _draw_trails(
        self, canvas: NDArray[np.uint8], width: int, found: Detections, ids: list[int], ended: Sequence[int]
    ) -> None:
        import cv2

        for track_id in ended:
            self._trails.pop(track_id, None)
        centres = ((found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2).round().astype(int).tolist()
        for track_id, (x, y) in zip(ids, centres, strict=True):
            trail = self._trails.setdefault(track_id, deque(maxlen=_TRAIL_FRAMES))
            trail.append((x, y))
            points = [np.array(trail, np.int32)]
            cv2.polylines(canvas, points, False, _BLACK, width + 2, cv2.LINE_AA)  # noqa: FBT003 # OpenCV's own order
            cv2.polylines(canvas, points, False, PALETTE[track_id % len(PALETTE)], width, cv2.LINE_AA)  # noqa: FBT003 # the same


def _labelled(found: Detections, ids: list[int]) -> Detections:
    """The same with an id in each name, and in the colour of the id.

    The overlay takes the colour from the class id: each object gets a class of its own, at a place in the names where
    its id's colour comes.
    """
    colours = len(PALETTE)
    places = np.array([row * colours + track_id % colours for row, track_id in enumerate(ids)], np.int32)
    names = [""] * (len(ids) * colours)
    for place, name, track_id in zip(places.tolist(), found.class_name, ids, strict=True):
        names[place] = f"{name} #{track_id}"
    return replace(found, class_id=places, names=tuple(names))


def _pixel(point: NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.round(point).astype(int).tolist()
    return x, y


def _write(canvas: NDArray[np.uint8], text: str, at: tuple[int, int]) -> int:
    """Write a line of ASCII on a dark plate whose left upper corner is `at`; the row below it."""
    import cv2

    scale = max(0.4, sum(canvas.shape[:2]) / 2600)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    left, top = at
    bottom = top + height + below + 4
    cv2.rectangle(canvas, (left, top), (left + width + 6, bottom), _BLACK, cv2.FILLED)
    cv2.putText(
        canvas,
        text,
        (left + 3, bottom - below - 1),
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        _WHITE,
        1,
        cv2.LINE_AA,
    )
    return bottom + 1
