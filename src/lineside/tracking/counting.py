"""Who crossed a line, and who is in a zone: state machines over the tracks of a stream.

Both look at one point of each confirmed object's box. An object that has an id by now is counted from where it was
seen first, so that the frames before its confirmation are not lost.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from lineside.core.errors import SettingsError
from lineside.tracking.places import (
    check_in_picture,
    corners_of,
    encloses_nothing,
    holds,
    numbers,
    points,
    share_of,
)
from lineside.tracking.settings import is_count, is_number
from lineside.tracking.tracks import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.tracking.tracks import Tracks

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Crossing:
    """An object crossed a line.

    Attributes:
        track_id: Which object.
        name: Its class.
        direction: `in` from the left-hand side to the right-hand side, `out` the other way.
        at: The frame in which it was seen on the other side.
    """

    track_id: int
    name: str
    direction: Direction
    at: float


@dataclass(frozen=True, slots=True)
class Visit:
    """An object was in a zone, and has left.

    Attributes:
        track_id: Which object.
        name: Its class when it came.
        entered_at: The first frame in which it was seen inside.
        left_at: The last one.
    """

    track_id: int
    name: str
    entered_at: float
    left_at: float

    @property
    def frames(self) -> float:
        """How long it was seen inside, from the first frame to the last."""
        return self.left_at - self.entered_at


class LineCounter:
    """Counts the objects that cross a line segment, each of them once in each direction.

    Whoever looks along the line from its first point to its second sees `in` as the way from the left hand to the
    right: a line drawn from the bottom of the picture to its top counts as `in` what goes to the right.

    Args:
        line: x and y of the first point, then of the second, in pixels.
        point: Which point of the box crosses; one of `places.POINTS`.
        margin_px: Within this distance of the line an object is on neither side, so that one that stands on the line
            and trembles is not counted.

    Attributes:
        inward: How many went in, by class name.
        outward: How many went out.

    Raises:
        SettingsError: The line has no length, or a value is out of range.
    """

    def __init__(self, line: Sequence[float], *, point: str = "centre", margin_px: float = 2.0) -> None:
        self.line = numbers("line", line, 4)
        self._ends = np.reshape(self.line, (2, 2))
        along = self._ends[1] - self._ends[0]
        self._length = float(np.hypot(*along))
        if self._length == 0:
            raise SettingsError(f"line: expected two different points; got {self.line}")
        if not is_number(margin_px) or margin_px < 0:
            raise SettingsError(f"margin_px: expected a number of at least 0; got {margin_px!r}")
        self.inward: Counter[str] = Counter()
        self.outward: Counter[str] = Counter()
        self._share = share_of(point)
        self._margin = float(margin_px)
        self._along = along / self._length
        self._known: dict[int, _Path] = {}

    def update(self, tracks: Tracks) -> list[Crossing]:
        """The crossings that a frame shows. Every frame of the tracker is given, in its order.

        Raises:
            SettingsError: The line lies outside the picture.
        """
        check_in_picture("line", self._ends, tracks.detections.size)
        crossings: list[Crossing] = []
        rows, ids = _confirmed(tracks)
        places = self._places(tracks.detections.xyxy[rows])
        firsts = self._places(tracks.first_xyxy[rows])
        for row, track_id, place, first in zip(rows, ids, places, firsts, strict=True):
            path = self._known.get(track_id)
            if path is None:
                path = self._known[track_id] = _Path()
                _step(path, first, self._length, self._margin)
            direction = _step(path, place, self._length, self._margin)
            if direction is not None and direction not in path.counted:
                path.counted.add(direction)
                name = _name(tracks, row)
                (self.inward if direction == "in" else self.outward)[name] += 1
                crossings.append(Crossing(track_id, name, direction, tracks.at))
        for track_id in tracks.ended:
            self._known.pop(track_id, None)
        return crossings

    def _places(self, xyxy: NDArray[np.float32]) -> list[tuple[float, float]]:
        """Where boxes are as seen from the line: how far along it, and how far to its right, in pixels."""
        off = points(xyxy, self._share) - self._ends[0]
        x, y = self._along
        return list(zip((off @ (x, y)).tolist(), (off @ (-y, x)).tolist(), strict=True))


@dataclass(slots=True)
class _Path:
    """Where an object was last seen clear of the line; 0 to its right: nowhere yet."""

    along: float = 0.0
    right: float = 0.0
    counted: set[Direction] = field(default_factory=set)


def _step(path: _Path, place: tuple[float, float], length: float, margin: float) -> Direction | None:
    """The direction in which an object has crossed the segment by coming here, or `None`."""
    along, right = place
    if abs(right) <= margin:
        return None
    from_along, from_right = path.along, path.right
    path.along, path.right = along, right
    if from_right == 0 or (from_right > 0) == (right > 0):
        return None
    share = from_right / (from_right - right)
    if not 0 <= from_along + share * (along - from_along) <= length:
        return None  # around an end of the line
    return "in" if right > 0 else "out"


class ZoneCounter:
    """Who is in a polygon, who came and who left.

    An object that is not seen for some frames is where it was, until its id is given up. A border belongs to one of two
    zones that share it, never to both.

    Args:
        polygon: Its corners, x and y in pixels, at least three. Where it crosses itself, what is enclosed twice is outside.
        point: Which point of the box is looked at; one of `places.POINTS`.
        patience_frames: An object has left when it was outside for more frames than this; one that comes back before has
            not been away.

    Attributes:
        entered: How many visits began, by class name.
        left: How many of them have ended. The others are present, or just went out and may come back.
        dwell_frames: The sum of the frames of those.
        longest_frames: The longest of them.

    Raises:
        SettingsError: The polygon encloses nothing, or a value is out of range.
    """

    def __init__(
        self, polygon: Sequence[Sequence[float]], *, point: str = "centre", patience_frames: int = 5
    ) -> None:
        self.polygon = corners_of(polygon)
        self._corners = np.array(self.polygon)
        if encloses_nothing(self._corners):
            raise SettingsError(f"polygon: expected corners that enclose an area; got {self.polygon}")
        if not is_count(patience_frames, least=0):
            raise SettingsError(
                f"patience_frames: expected a whole number of at least 0; got {patience_frames!r}"
            )
        self.entered: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.dwell_frames = 0.0
        self.longest_frames = 0.0
        self._share = share_of(point)
        self._patience = patience_frames
        self._known: set[int] = set()
        self._inside: dict[int, _Stay] = {}

    @property
    def present(self) -> dict[int, str]:
        """The class names of the objects that were inside when they were seen last, by id."""
        return {i: stay.name for i, stay in sorted(self._inside.items()) if stay.is_inside}

    def update(self, tracks: Tracks) -> list[Visit]:
        """The visits that ended. Every frame of the tracker is given, in its order.

        Raises:
            SettingsError: The zone lies outside the picture.
        """
        check_in_picture("polygon", self._corners, tracks.detections.size)
        rows, ids = _confirmed(tracks)
        inside = holds(self._corners, points(tracks.detections.xyxy[rows], self._share)).tolist()
        was_inside = holds(self._corners, points(tracks.first_xyxy[rows], self._share)).tolist()
        gone = [track_id for track_id in tracks.ended if track_id in self._inside]
        for row, track_id, is_in, was_in in zip(rows, ids, inside, was_inside, strict=True):
            if track_id not in self._known:
                self._known.add(track_id)
                if was_in:
                    self._enter(track_id, _name(tracks, row), float(tracks.first_at[row]))
            stay = self._inside.get(track_id)
            if is_in and stay is None:
                self._enter(track_id, _name(tracks, row), tracks.at)
            elif is_in and stay is not None:
                stay.last_at, stay.is_inside = tracks.at, True
            elif stay is not None:
                stay.is_inside = False
                if tracks.at - stay.last_at > self._patience:
                    gone.append(track_id)
        self._known.difference_update(tracks.ended)
        return [self._leave(track_id) for track_id in gone]

    def _enter(self, track_id: int, name: str, at: float) -> None:
        self._inside[track_id] = _Stay(name, at, at)
        self.entered[name] += 1

    def _leave(self, track_id: int) -> Visit:
        stay = self._inside.pop(track_id)
        visit = Visit(track_id, stay.name, stay.entered_at, stay.last_at)
        self.left[stay.name] += 1
        self.dwell_frames += visit.frames
        self.longest_frames = max(self.longest_frames, visit.frames)
        return visit


@dataclass(slots=True)
class _Stay:
    """A visit that goes on."""

    name: str
    entered_at: float
    last_at: float
    is_inside: bool = True


def _confirmed(tracks: Tracks) -> tuple[list[int], list[int]]:
    """The rows of the confirmed objects, and their ids."""
    rows = (tracks.track_id != UNCONFIRMED).nonzero()[0]
    return rows.tolist(), tracks.track_id[rows].tolist()


def _name(tracks: Tracks, row: int) -> str:
    return tracks.detections.names[int(tracks.detections.class_id[row])]
