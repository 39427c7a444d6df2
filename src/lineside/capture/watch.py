"""Whether a camera is well: when it is opened, given up and opened again. Events in, actions out; no thread, no clock.

A camera is watched from outside, because a library's own time-outs take several seconds or do not come at all. Each opening
is a generation with a number. One that is given up keeps its number, and whatever it still says is not heard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from lineside.capture.camera import StreamEvent
from lineside.core.backoff import Backoff
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_AGE_S = 1.0
"""A camera is not given up before so many seconds without a picture, unless its settings say otherwise."""

LEARNT = 8
"""After so many pictures of an opening their own rhythm counts, and no more what the camera says of it."""

PERIODS = 5
"""A camera is given up after so many periods without a picture, if that is longer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a camera may take.

    Attributes:
        age_s: Without a picture that was due, it is given up after so long; `None` for the larger of 1 s and five periods.
        first_s: The same for the first picture after it was opened, where that is longer: a video stream waits for a key
            frame.
        open_s: Opening it may take so long.
        close_s: It is opened again when the loss is so old, even if letting go of it has not ended.
        most_stuck: So many openings that were given up and whose library has not come back may hang on to their
            threads; until one of them ends the camera is not opened again.

    Raises:
        SettingsError: A value is not above 0.
    """

    age_s: float | None = None
    first_s: float = 5.0
    open_s: float = 15.0
    close_s: float = 2.0
    most_stuck: int = 4

    def __post_init__(self) -> None:
        for name in ("age_s", "first_s", "open_s", "close_s", "most_stuck"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingsError(f"camera limits: {name}: expected a number above 0; got {value!r}")

    def age_for(self, period_s: float | None) -> float:
        """How old the newest picture may get, in seconds; `math.inf` where pictures come when they come."""
        if self.age_s is not None:
            return self.age_s
        return max(LEAST_AGE_S, PERIODS * (period_s or 0.0))


class State(StrEnum):
    """What a camera is doing."""

    WAITING = "waiting"
    """It is closed and will be opened again."""
    OPENING = "opening"
    OPEN = "open"
    """It is open and has shown nothing yet."""
    WELL = "well"
    """It gives pictures, or answers its triggers."""
    ENDED = "ended"
    """What was played is over, or it was stopped."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open the camera, as the generation of this number."""

    generation: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Close the generation of this number from outside, and hear no more of it."""

    generation: int


Action: TypeAlias = Open | GiveUp | StreamEvent


@dataclass(slots=True)
class Counts:
    """What has happened to a camera.

    Attributes:
        opened: How often it was opened.
        losses: How often it was lost: it said so, or was given up.
        frozen: How often it was given up, because it said nothing.
        refused: How often it could not be opened.
        late: Pictures of generations that had been given up; they were dropped.
    """

    opened: int = 0
    losses: int = 0
    frozen: int = 0
    refused: int = 0
    late: int = 0


@dataclass(slots=True)
class Watch:
    """The state of one camera.

    Every method takes the time in monotonic seconds; times never go back. What the generation that is heard no more says is
    ignored, whatever it is.

    Attributes:
        stream: The camera's id.
        limits: How long it may take.
        backoff: How long to wait before it is opened again.
        runs: Whether it takes pictures by itself, so that one is due all the time.
        state: What it is doing.
        generation: The number of the newest opening; 0 before the first.
        counts: What has happened to it.
        stuck: Openings that were given up and whose threads have not ended.
        fault: What was wrong last, or an empty string.
    """

    stream: str
    limits: Limits = field(default_factory=Limits)
    backoff: Backoff = field(default_factory=Backoff)
    runs: bool = True
    state: State = State.WAITING
    generation: int = 0
    counts: Counts = field(default_factory=Counts)
    stuck: set[int] = field(default_factory=set)
    fault: str = ""
    _failures: int = 0
    _since_s: float | None = None
    _told: set[str] = field(default_factory=set)
    _age_s: float = LEAST_AGE_S
    _last_s: float | None = None
    _mean_s: float = 0.0
    _pictures: int = 0
    _open_due_s: float = -math.inf
    _picture_due_s: float = math.inf
    _call_due_s: float = math.inf
    _closing: int | None = None
    _closing_due_s: float = -math.inf

    def due_s(self) -> float:
        """When `tick` has something to do; `math.inf` for never, unless something happens."""
        if self.state is State.ENDED:
            return math.inf
        if self.state is State.WAITING:
            if len(self.stuck) >= self.limits.most_stuck:
                return math.inf
            # A device that is still being let go of would refuse to be opened.
            return self._open_due_s if self._closing is None else max(self._open_due_s, self._closing_due_s)
        return min(self._picture_due_s, self._call_due_s)

    def tick(self, now_s: float) -> Sequence[Action]:
        """What is to be done by now: open it, or give it up."""
        if now_s < self.due_s():
            return ()
        if self.state is State.WAITING:
            if self._closing is not None:
                self.stuck.add(self._closing)
                self._closing = None
                return self.tick(now_s)
            self.generation += 1
            self.state = State.OPENING
            self._picture_due_s, self._call_due_s = math.inf, now_s + self.limits.open_s
            return (Open(self.generation),)
        if self.state is State.OPENING:
            self.counts.refused += 1
            return self._give_up(now_s, f"it could not be opened in {self.limits.open_s:g} s")
        self.counts.frozen += 1
        if self._call_due_s <= now_s:
            return self._give_up(now_s, "its library does not come back from a read")
        return self._give_up(now_s, f"a picture was due and none came in {self._patience_s:g} s")

    def opened(self, generation: int, now_s: float, period_s: float | None = None) -> Sequence[Action]:
        """It is open."""
        if not self.hears(generation):
            return ()
        self.state = State.OPEN
        self.counts.opened += 1
        self._age_s = self.limits.age_for(period_s)
        self._last_s, self._pictures = None, 0
        self._call_due_s = math.inf
        if not self.runs:
            return self._back(now_s)
        self.wanted(generation, now_s)
        return ()

    def wanted(self, generation: int, now_s: float) -> None:
        """A picture is due from now on: it runs by itself and its reader is free, or it was triggered."""
        if self.hears(generation):
            self._picture_due_s = now_s + self._patience_s

    def calling(self, generation: int, now_s: float, within_s: float) -> None:
        """A call into its library begins, which shall come back within some time."""
        if self.hears(generation):
            # A camera without a rhythm must still come back from its reads.
            age_s = self._age_s if math.isfinite(self._age_s) else LEAST_AGE_S
            self._call_due_s = now_s + within_s + max(age_s, LEAST_AGE_S)

    def returned(self, generation: int) -> None:
        """The call came back."""
        if self.hears(generation):
            self._call_due_s = math.inf

    def picture(self, generation: int, now_s: float) -> tuple[bool, Sequence[Action]]:
        """A picture came. Whether it counts, and what follows; no other is due before `wanted` says so."""
        if not self.hears(generation):
            self.counts.late += 1
            return False, ()
        events = () if self.state is State.WELL else self._back(now_s)
        self._picture_due_s = math.inf
        self.state = State.WELL
        self._failures = 0
        self._learn(now_s)
        return True, events

    def failed(self, generation: int, now_s: float, sentence: str) -> Sequence[Action]:
        """It said that it is lost, or that it cannot be opened."""
        if not self.hears(generation):
            return ()
        if self.state is State.OPENING:
            self.counts.refused += 1
        self._closing, self._closing_due_s = generation, now_s + self.limits.close_s
        return self._lose(now_s, "camera.lost", sentence)

    def ended(self, generation: int, now_s: float, sentence: str) -> Sequence[Action]:
        """What it played is over."""
        if not self.hears(generation):
            return ()
        self.state = State.ENDED
        return (StreamEvent(self.stream, "camera.ended", now_s, sentence),)

    def gone(self, generation: int) -> None:
        """The thread of a generation has ended; its device is let go of."""
        self.stuck.discard(generation)
        if generation == self._closing:
            self._closing = None

    def stop(self) -> Sequence[Action]:
        """It is to be closed for good."""
        had = self.state in {State.OPENING, State.OPEN, State.WELL}
        self.state = State.ENDED
        return (GiveUp(self.generation),) if had else ()

    def hears(self, generation: int) -> bool:
        """Whether what this generation says still counts."""
        return generation == self.generation and self.state in {State.OPENING, State.OPEN, State.WELL}

    @property
    def _patience_s(self) -> float:
        if self.state is State.WELL or not self.runs:
            return self._age_s
        return max(self._age_s, self.limits.first_s)

    def _learn(self, now_s: float) -> None:
        """The rhythm of its pictures: a stream's header is a guess, and a camera may send slower than it says."""
        if self._last_s is not None and self.runs and math.isfinite(self._age_s):
            self._pictures += 1
            interval_s = now_s - self._last_s
            self._mean_s += (interval_s - self._mean_s) / min(self._pictures, LEARNT)
            if self._pictures >= LEARNT:
                self._age_s = self.limits.age_for(self._mean_s)
        self._last_s = now_s

    def _give_up(self, now_s: float, sentence: str) -> Sequence[Action]:
        code = "camera.lost" if self.state is State.OPENING else "camera.frozen"
        self.stuck.add(self.generation)
        return (GiveUp(self.generation), *self._lose(now_s, code, sentence))

    def _lose(self, now_s: float, code: str, sentence: str) -> Sequence[Action]:
        if self.state is not State.OPENING:
            self.counts.losses += 1
        self.state = State.WAITING
        self.fault = sentence
        self._failures += 1
        self._open_due_s = now_s + self.backoff.pause_s(self._failures)
        self._picture_due_s = self._call_due_s = math.inf
        self._since_s = now_s if self._since_s is None else self._since_s
        if code in self._told:
            return ()
        self._told.add(code)
        return (StreamEvent(self.stream, code, now_s, sentence),)

    def _back(self, now_s: float) -> Sequence[Action]:
        since_s, self._since_s = self._since_s, None
        self._told.clear()
        if since_s is None:
            return ()
        sentence = f"it is back {now_s - since_s:.1f} s after it was lost"
        return (StreamEvent(self.stream, "camera.back", now_s, sentence),)
