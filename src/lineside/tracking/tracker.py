"""Ids for the objects of a stream, one frame after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.classification import Classification
from lineside.core.errors import SettingsError
from lineside.postprocess.upright import overlaps
from lineside.tracking.association import assign, solver
from lineside.tracking.objects import Objects, Seen
from lineside.tracking.settings import TrackerSettings, is_count, is_number
from lineside.tracking.tracks import UNCONFIRMED, Tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.core.geometry import Size

_LOW_IOU = 0.5  # an unsure detection must lie well on the object, as in the paper
_LOST_WEIGHT = (
    0.5  # an object out of sight must fit twice as well as one in sight to take a detection from it
)
_SAME_IOU = 0.7  # a box that lies so much on a known object's is a second box of it, and begins none


class Tracker:
    """Ids for the objects of one stream: an object keeps its id while it moves, and through gaps.

    The association is that of ByteTrack (Zhang et al., ECCV 2022): sure detections go to the objects whose
    expected boxes they overlap, unsure ones to the objects that are left, and sure ones that are left begin new
    objects, which get an id once they are confirmed. The order of a frame's detections changes nothing.

    One tracker follows one stream, from one thread.

    Args:
        settings: How to follow; `None` takes the defaults.

    Attributes:
        settings: The same.
        fleeting: How many objects were given up without an id, because they were not seen in `confirm_frames`
            frames one after the other. Many of them on a belt say that parts move too far from frame to frame.

    Raises:
        SettingsError: The settings are no `TrackerSettings`.
        NotInstalledError: SciPy is missing; the extra `track` brings it.

    Example:
        >>> tracker = Tracker()                                                    # doctest: +SKIP
        >>> tracks = tracker.update(detector(image, confidence=0.1), sequence=17)  # doctest: +SKIP
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        if settings is not None and not isinstance(settings, TrackerSettings):
            raise SettingsError(f"settings: expected TrackerSettings or None; got {settings!r}")
        self.settings = settings or TrackerSettings()
        self.fleeting = 0
        self._solve = solver()
        self._objects: Objects | None = None
        self._stream: tuple[Size, tuple[str, ...]] | None = None
        self._at: float | None = None
        self._due = 0.0
        self._next_id = 1

    def update(
        self, detections: Detections, *, sequence: int | None = None, time_s: float | None = None
    ) -> Tracks:
        """The next frame's objects.

        Numbers that are left out are frames that were lost: objects move on through them and keep their ids. Of a
        frame that nobody could look at there is no call; an empty answer says that the detector saw nothing.

        Args:
            detections: What was found in the frame.
            sequence: The frame's number, larger than the last one's. Without number and time: the next one.
            time_s: Its time in seconds instead, where `settings.fps` is set.

        Returns:
            The detections with their ids, in their order.

        Raises:
            SettingsError: The frame is not later than the last one, the picture's size or the class names are those
                of another stream, or these are the classes of a whole picture. The tracker stays as it was.
        """
        at = self._moment(sequence, time_s)
        self._check(detections)
        seen = Seen.of(detections)
        if self._objects is None:
            self._objects = Objects.new(seen[:0], len(detections.names), at, None)
            self._stream = detections.size, detections.names
        objects = self._objects
        if self._at is not None:
            objects.predict(at - self._at)
        self._at, self._due = at, at + 1
        ended = self._give_up(objects, at, detections.size)
        owner = self._match(objects, seen)
        objects.see(owner[owner >= 0], seen[owner >= 0], at)
        self._begin(objects, seen, owner, at)
        self._confirm(objects)
        row = np.empty_like(owner)
        row[seen.place] = owner
        tracks = _tracks(detections, objects, row, at, ended)
        self._forget(objects, at)
        return tracks

    def skip(self, frames: int = 1) -> None:
        """Say that frames were lost, to a tracker whose updates are not numbered.

        Raises:
            SettingsError: Not a whole number of at least 1.
        """
        if not is_count(frames, least=1):
            raise SettingsError(f"frames: expected a whole number of at least 1; got {frames!r}")
        self._due += frames

    def _moment(self, sequence: int | None, time_s: float | None) -> float:
        """When the frame was taken, in frames of the stream.

        Raises:
            SettingsError: It is given twice, no number, or not after the last one.
        """
        if sequence is not None and time_s is not None:
            raise SettingsError("update: expected the frame's number or its time; got both")
        for name, value in (("sequence", sequence), ("time_s", time_s)):
            if value is not None and not is_number(value):
                raise SettingsError(f"{name}: expected a finite number; got {value!r}")
        at = self._due if sequence is None else float(sequence)
        if time_s is not None:
            if self.settings.fps is None:
                raise SettingsError(
                    "time_s: expected settings with fps, which say how long a frame lasts; got none"
                )
            at = time_s * self.settings.fps
        if self._at is not None and at <= self._at:
            raise SettingsError(
                f"update: expected a frame after {self._at:g}, which was the last one; got {at:g}. A frame that "
                "comes too late cannot be followed any more: leave it out."
            )
        return at

    def _check(self, detections: Detections) -> None:
        """Refuse what does not belong to the stream.

        Raises:
            SettingsError: It does not.
        """
        if isinstance(detections, Classification):
            raise SettingsError("update: expected boxes to follow; got the classes of a whole picture")
        if self._stream is None:
            return
        size, names = self._stream
        if detections.size != size or detections.names != names:
            raise SettingsError(
                f"update: expected frames of {size} with {len(names)} classes, as the first one; got {detections.size} "
                f"with {len(detections.names)} classes. One tracker follows one stream: take another for another."
            )

    def _give_up(self, objects: Objects, at: float, size: Size) -> tuple[int, ...]:
        """Forget the objects that were not seen for too long or have moved out of the picture; their ids."""
        box = objects.xyxy
        is_old = at - objects.seen_at > self.settings.keep_frames + 1
        is_out = (box[:, 2:] <= 0).any(axis=1) | (box[:, :2] >= (size.width, size.height)).any(axis=1)
        gone = is_old | is_out
        if not gone.any():
            return ()
        ids = objects.track_id[gone]
        self.fleeting += int((ids == UNCONFIRMED).sum())
        objects.keep(~gone)
        return tuple(ids[ids != UNCONFIRMED].tolist())

    def _match(self, objects: Objects, seen: Seen) -> NDArray[np.intp]:
        """The object that each detection shows, as a row of `objects`; -1 for none. In three rounds, as the paper."""
        settings = self.settings
        owner = np.full(len(seen), -1, np.intp)
        if not len(objects) or not len(seen):
            return owner
        gains = overlaps(objects.xyxy, seen.xyxy)
        if settings.class_aware:
            gains[objects.class_id[:, None] != seen.class_id] = 0
        sure = seen.confidence > settings.confidence
        unsure = ~sure & (seen.confidence > settings.low_confidence)
        is_confirmed = objects.track_id != UNCONFIRMED
        was_seen = is_confirmed & (objects.misses == 0)
        weights = np.where(objects.misses == 0, 1.0, _LOST_WEIGHT)
        rounds = (
            (is_confirmed, sure, settings.min_iou),
            (was_seen, unsure, max(settings.min_iou, _LOW_IOU)),
            (~is_confirmed, sure, settings.min_iou),
        )
        is_free = np.ones(len(objects), bool)
        for known, found, least in rounds:
            rows, columns = (known & is_free).nonzero()[0], (found & (owner < 0)).nonzero()[0]
            row, column = assign(gains[np.ix_(rows, columns)], weights[rows], least, self._solve)
            owner[columns[column]] = rows[row]
            is_free[rows[row]] = False
        return owner

    def _begin(self, objects: Objects, seen: Seen, owner: NDArray[np.intp], at: float) -> None:
        """Begin new objects with sure detections that nothing known explains; `owner` is filled in for those."""
        left = ((owner < 0) & (seen.confidence > self.settings.confidence)).nonzero()[0]
        if not len(left):
            return
        same = overlaps(seen.xyxy[left], seen.xyxy) > _SAME_IOU
        if self.settings.class_aware:
            same &= seen.class_id[left][:, None] == seen.class_id
        taken = owner >= 0
        for row, column in enumerate(
            left
        ):  # the surest first: it is the object, the others are second boxes of it
            taken[column] = not (same[row] & taken).any()
        new = left[taken[left]]
        owner[new] = len(objects) + np.arange(len(new))
        objects.add(Objects.new(seen[new], objects.votes.shape[1], at, self.settings.motion_px))

    def _confirm(self, objects: Objects) -> None:
        """Give ids to the objects that have been seen often enough, in the order in which they began."""
        due = (objects.track_id == UNCONFIRMED) & (objects.hits >= self.settings.confirm_frames)
        count = int(due.sum())
        objects.track_id[due] = np.arange(self._next_id, self._next_id + count)
        self._next_id += count

    def _forget(self, objects: Objects, at: float) -> None:
        """Count who was looked for in vain; of those, who has no id yet is no object."""
        missed = objects.seen_at < at
        if missed.any():
            objects.misses[missed] += 1
            gone = missed & (objects.track_id == UNCONFIRMED)
            self.fleeting += int(gone.sum())
            objects.keep(~gone)


def _tracks(
    detections: Detections, objects: Objects, row: NDArray[np.intp], at: float, ended: tuple[int, ...]
) -> Tracks:
    """The frame's answer; `row` is each detection's object, -1 for none."""
    known = (row >= 0).nonzero()[0]
    known = known[objects.track_id[row[known]] != UNCONFIRMED]
    owner = row[known]
    track_id = np.full(len(detections), UNCONFIRMED, np.int64)
    first_xyxy, first_at = detections.xyxy.copy(), np.full(len(detections), at, np.float64)
    class_id = detections.class_id.copy()
    track_id[known] = objects.track_id[owner]
    first_xyxy[known], first_at[known] = objects.first_xyxy[owner], objects.first_at[owner]
    class_id[known] = objects.class_id[owner]
    if (class_id != detections.class_id).any():
        detections = replace(detections, class_id=class_id)
    return Tracks(detections, track_id, at, first_xyxy, first_at, ended)
