"""Which picture of a wired camera is of the part that the plant's control names: by time and order, checked by the camera's numbers.

The photo-eye fires the camera by a wire and tells the control, which tells lineside what part it is. Without threads, clock and I/O:
triggers and pictures go in, in whatever order they come; parts come out.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.line.events import FrameArrived, FrameLost, Refusal, Triggered
from lineside.line.joining import view_names
from lineside.line.numbering import Numbering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lineside.line.events import Event, FrameCame

_REMEMBERED = 64  # places whose pictures may still come late
_HELD = 64  # pictures that may wait for their trigger; each is kept in memory


@dataclass(frozen=True, slots=True)
class PairWindow:
    """When a trigger and a picture are of one part.

    Attributes:
        window_s: The picture was taken within so many seconds of the moment for which the trigger stands.
        lag_s: The control is heard so many seconds after the photo-eye; below 0 where it is heard before.
        grace_s: So long after the window a picture or a trigger may still be on its way.
        join_s: Pictures of several cameras that no trigger names are of one part within so many seconds.

    Raises:
        SettingsError: A number is out of its range.
    """

    window_s: float
    lag_s: float = 0.0
    grace_s: float = 0.0
    join_s: float = 0.0

    def __post_init__(self) -> None:
        is_sound = 0 < self.window_s < math.inf and math.isfinite(self.lag_s)
        if not is_sound or not all(0 <= value < math.inf for value in (self.grace_s, self.join_s)):
            raise SettingsError(
                "pairing: expected a window above 0 s, a finite lag, and a grace and a joining time of at least 0 s; got "
                f"{self.window_s} s, {self.lag_s} s, {self.grace_s} s and {self.join_s} s"
            )

    @property
    def waits_s(self) -> float:
        """So long after its moment something may still come for a part."""
        return self.window_s + self.grace_s


@dataclass(slots=True, eq=False)
class _Place:
    """A part on the belt.

    Attributes:
        part: Its number.
        at_s: When its pictures are expected.
        order: How many parts that are to be judged came before it; `None` where it is answered already, and only takes in its pictures.
        missing: The views of each camera that have not come.
        is_open: They are still waited for.
        is_named: A trigger began it.
    """

    part: int
    at_s: float
    order: int | None
    missing: dict[str, list[str]]
    is_open: bool
    is_named: bool


@dataclass(slots=True, eq=False)
class _Held:
    """A picture that no trigger has named yet.

    Attributes:
        news: It.
        at_s: When it was taken.
        is_skipped: A later picture of its camera has found its part: this one is counted as one too many.
    """

    news: FrameCame
    at_s: float
    is_skipped: bool = field(default=False)


class Pairer:
    """Gives the pictures of wired cameras to the parts that the plant's control names.

    A part begins with the control's trigger. The pictures that were taken within the window of its moment are its own; a picture that
    comes before its trigger waits for it. Parts must be more than two windows apart: of two triggers that are nearer the second is
    `trigger_missed`, because its picture could be the first one's. So is a trigger that finds more pictures of one camera than it should.

    What is missing when the window and the grace are over is `trigger_missed`, or `no_frame` where the camera is known to be away. A
    picture that no trigger names in that time is a part of its own, answered `trigger_missed` and counted, so that what it shows is
    rejected. No picture is ever of two parts.

    Where a camera numbers its pictures, the number must say the same as the order of the triggers; otherwise the view is
    `trigger_missed`, and the numbers are counted anew from there.

    Args:
        shots: How many pictures of a part each camera takes.
        window: When a trigger and a picture are of one part.
        numbers: Numbers the parts; those of the triggers come from the same.
        away: Why a camera is known to be lost; an empty text where it is not.

    Attributes:
        unnamed: Pictures that no trigger named.
        ambiguous: Triggers that were refused because nobody can tell which picture is theirs.
        late: Pictures that came for a part that had been given up.

    Raises:
        SettingsError: There is no camera, or one without shots.
    """

    def __init__(
        self,
        shots: Mapping[str, int],
        window: PairWindow,
        *,
        numbers: Iterator[int] | None = None,
        away: Callable[[str], str] = lambda _camera: "",
    ) -> None:
        if not shots or min(shots.values()) < 1:
            raise SettingsError(f"pairing: expected cameras with at least one shot each; got {dict(shots)}")
        self._shots = dict(shots)
        self._window = window
        self._parts = count() if numbers is None else numbers
        self._away = away
        self._places: deque[_Place] = deque(maxlen=_REMEMBERED)
        self._held: list[_Held] = []
        self._order = 0
        self._numbers = Numbering(shots)
        self.unnamed = 0
        self.ambiguous = 0
        self.late = 0

    @property
    def wake_s(self) -> float:
        """When the next thing is given up; infinite where nothing is waited for."""
        open_s = min((place.at_s for place in self._places if place.is_open), default=math.inf)
        held_s = min((held.at_s for held in self._held), default=math.inf)
        return min(open_s, held_s + self._window.lag_s) + self._window.waits_s

    def trigger(self, event: Triggered) -> list[Event]:
        """The part that a trigger begins, with the pictures of it that have come already.

        Args:
            event: The trigger, with the part's number; one that has a refusal keeps it, and its pictures prove nothing.
        """
        at_s = event.at_s - self._window.lag_s
        found = {camera: self._near(camera, at_s) for camera in self._shots}
        refusal = event.refusal or self._ambiguity(at_s, found)
        if refusal is not None and event.refusal is None:
            self.ambiguous += 1
        events = self._forget_first()
        place = self._begin(event.part, at_s, is_judged=refusal is None)
        events.append(replace(event, refusal=refusal, asks=False))
        for held in sorted((one for some in found.values() for one in some), key=lambda one: one.at_s):
            if place.missing[held.news.camera]:
                self._held.remove(held)
                events += self._join(place, held)
        return events

    def take(self, news: FrameCame, at_s: float) -> list[Event]:
        """What a picture means now; nothing where it has to wait for its trigger.

        Args:
            news: The picture.
            at_s: When it was taken, in monotonic seconds.
        """
        held = _Held(news, at_s)
        near = [
            place
            for place in self._places
            if place.is_named
            and place.missing[news.camera]
            and abs(at_s - place.at_s) <= self._window.window_s
        ]
        if near:
            return self._join(min(near, key=lambda place: abs(at_s - place.at_s)), held)
        self._held.append(held)
        return self._unnamed(self._held.pop(0), _TRIGGER) if len(self._held) > _HELD else []

    def overdue(self, now_s: float) -> list[Event]:
        """What is missing of the parts whose time is up, and the pictures that no trigger named in time."""
        events: list[Event] = []
        for place in self._places:
            if place.is_open and now_s >= place.at_s + self._window.waits_s:
                events += self._give_up(place)
        return events + self._expire(now_s - self._window.waits_s - self._window.lag_s, _TRIGGER)

    def end(self) -> list[Event]:
        """Every picture that still waits for its trigger is a part that nobody will name: the line stops."""
        return self._expire(math.inf, _STOPPED)

    def _near(self, camera: str, at_s: float) -> list[_Held]:
        """The pictures of a camera that wait and may be of a moment, the first first."""
        near = [
            held
            for held in self._held
            if held.news.camera == camera and abs(held.at_s - at_s) <= self._window.window_s
        ]
        return sorted(near, key=lambda held: held.at_s)

    def _ambiguity(self, at_s: float, found: Mapping[str, list[_Held]]) -> Refusal | None:
        """Why nobody could tell which pictures are a trigger's; `None` where that is certain."""
        twice_s = 2 * self._window.window_s
        for place in self._places:
            if abs(at_s - place.at_s) <= twice_s and place.is_named:
                apart_ms = (at_s - place.at_s) * 1e3
                return Refusal(
                    Reason.TRIGGER_MISSED,
                    f"the trigger came {apart_ms:.1f} ms after that of part {place.part}, and its picture could be that part's: "
                    f"expected more than {twice_s * 1e3:g} ms",
                )
        for camera, held in found.items():
            if len(held) > self._shots[camera]:
                return Refusal(
                    Reason.TRIGGER_MISSED,
                    f"camera {camera} took {len(held)} pictures within {self._window.window_s * 1e3:g} ms of the trigger: expected "
                    f"{self._shots[camera]}",
                )
        return None

    def _begin(self, part: int, at_s: float, *, is_judged: bool, is_named: bool = True) -> _Place:
        missing = {camera: list(view_names(camera, shots)) for camera, shots in self._shots.items()}
        place = _Place(part, at_s, self._order if is_judged else None, missing, is_judged, is_named)
        self._order += is_judged
        self._places.append(place)
        return place

    def _forget_first(self) -> list[Event]:
        """Give up the oldest place where the next one would push it out."""
        is_due = len(self._places) == _REMEMBERED and self._places[0].is_open
        return self._give_up(self._places[0]) if is_due else []

    def _join(self, place: _Place, held: _Held) -> list[Event]:
        """A picture has found its part."""
        news = held.news
        view = place.missing[news.camera].pop(0)
        if place.order is None:
            self._skip(held)
            return []
        for older in self._held:
            if older.news.camera == news.camera and older.at_s < held.at_s:
                self._skip(older)
        shots = self._shots[news.camera]
        expected = place.order * shots + view_names(news.camera, shots).index(view)
        doubt = self._numbers.doubt(news.camera, expected, news.frame.device_frame)
        if not place.is_open:
            self.late += 1
            return []
        place.is_open = any(place.missing.values())
        if doubt:
            return [FrameLost(view, place.part, Reason.TRIGGER_MISSED, doubt)]
        if news.ailment:
            return [FrameLost(view, place.part, Reason.IMAGE_UNHEALTHY, news.ailment)]
        return [FrameArrived(view, place.part, replace(news.frame, part=place.part))]

    def _skip(self, held: _Held) -> None:
        if not held.is_skipped:
            held.is_skipped = True
            self._numbers.skip(held.news.camera)

    def _expire(self, until_s: float, refusal: Refusal) -> list[Event]:
        """Pictures that were taken by a moment and wait for a trigger wait no longer."""
        due = [held for held in self._held if held.at_s <= until_s]
        self._held = [held for held in self._held if held.at_s > until_s]
        return [event for held in due for event in self._unnamed(held, refusal)]

    def _unnamed(self, held: _Held, refusal: Refusal) -> list[Event]:
        """A picture that is of no part that was named: one of its own, with those that other cameras took of it."""
        self.unnamed += 1
        self._skip(held)
        camera = held.news.camera
        for place in self._places:
            if (
                not place.is_named
                and place.missing[camera]
                and abs(held.at_s - place.at_s) <= self._window.join_s
            ):
                place.missing[camera].pop(0)
                return []
        events = self._forget_first()
        place = self._begin(next(self._parts), held.at_s, is_judged=False, is_named=False)
        place.missing[camera].pop(0)
        said = replace(refusal, detail=f"camera {camera} took a picture {refusal.detail}")
        return [*events, Triggered(place.part, held.at_s + self._window.lag_s, refusal=said, asks=False)]

    def _give_up(self, place: _Place) -> list[Event]:
        place.is_open = False
        return [
            self._missing(camera, view, place.part)
            for camera, views in place.missing.items()
            for view in views
        ]

    def _missing(self, camera: str, view: str, part: int) -> Event:
        away = self._away(camera)
        if away:
            return FrameLost(view, part, Reason.NO_FRAME, f"the camera is lost: {away}")
        detail = (
            f"no picture was taken within {self._window.window_s * 1e3:g} ms of the control's trigger: the wire did not fire the "
            "camera, or the picture was lost"
        )
        return FrameLost(view, part, Reason.TRIGGER_MISSED, detail)


_TRIGGER = Refusal(Reason.TRIGGER_MISSED, "for which the plant's control sent no trigger in time")
_STOPPED = Refusal(Reason.STOPPING, "that the plant's control had not named when the line was told to stop")
