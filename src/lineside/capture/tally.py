"""What a feed counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.capture.camera import CameraStatistics, StreamEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.capture.camera import Camera
    from lineside.capture.watch import State, Watch
    from lineside.core.frame import Frame

TOLD_EVERY_S = 1.0
"""What happens with every picture is told so often at most, with its number."""

_RATED = 64


@dataclass(frozen=True, slots=True)
class FeedStatistics:
    """What a feed has done since it was started.

    Attributes:
        state: What the camera is doing.
        camera: The sum over all openings.
        frames: Pictures handed on.
        fps: Pictures a second, over the last ones.
        age_s: Seconds since the last picture; `None` before the first.
        opened: How often the camera was opened.
        losses: How often it was lost or given up.
        frozen: How often it was given up, because it said nothing.
        refused: How often it could not be opened.
        late: Pictures of an opening that had been given up; they were dropped.
        triggers: Triggers that were asked for.
        missed: Those of them without a picture.
        unasked: Pictures that a triggered camera sent without a trigger; they were dropped.
        stuck: Openings that were given up and whose library has not come back.
        fault: What was wrong last, or an empty string.
    """

    state: State
    camera: CameraStatistics
    frames: int
    fps: float
    age_s: float | None
    opened: int
    losses: int
    frozen: int
    refused: int
    late: int
    triggers: int
    missed: int
    unasked: int
    stuck: int
    fault: str


class Tally:
    """Numbers of one camera over all its openings; what becomes an event comes back from the call that counted it.

    Args:
        stream: The camera's id.
        clock: Monotonic seconds.

    Attributes:
        frames: Pictures handed on.
        triggers: Triggers asked for.
        missed: Those without a picture.
        unasked: Pictures that nobody asked for.
    """

    def __init__(self, stream: str, clock: Callable[[], float]) -> None:
        self.frames = 0
        self.triggers = 0
        self.missed = 0
        self.unasked = 0
        self._stream = stream
        self._clock = clock
        self._times: deque[float] = deque(maxlen=_RATED)
        self._past: list[CameraStatistics] = []
        self._shape: tuple[int, ...] | None = None
        self._gaps = 0
        self._clock_word = "own"
        self._looked_s = 0.0
        self._since: dict[str, int] = {}
        self._told_s: dict[str, float] = {}

    def add(self, frame: Frame, camera: Camera | None) -> Sequence[StreamEvent]:
        """A picture is handed on; tells a change of its form, and pictures that never came."""
        now_s = self._clock()
        self.frames += 1
        self._times.append(now_s)
        shape, self._shape = self._shape, frame.image.shape
        events: list[StreamEvent] = []
        if shape not in (None, frame.image.shape):
            events.append(
                self._event("camera.changed", f"pictures were {shape} and are {frame.image.shape} now")
            )
        if camera is not None and now_s >= self._looked_s + TOLD_EVERY_S:
            self._looked_s = now_s
            done = self.camera([camera.statistics()])
            gaps, self._gaps = self._gaps, done.missed
            if self._gaps > gaps:
                events.append(self._event("camera.missed", f"{self._gaps - gaps} pictures never came"))
            before, self._clock_word = self._clock_word, done.clock or "own"
            if self._clock_word != before:
                events.append(self._event("camera.clock", f"its clock: {self._clock_word}; before: {before}"))
        return events

    def incomplete(self, sentence: str) -> Sequence[StreamEvent]:
        """A picture could not be used."""
        return self._seldom("camera.incomplete", "pictures could not be used", sentence)

    def add_unasked(self) -> Sequence[StreamEvent]:
        """A picture came that nobody had asked for."""
        self.unasked += 1
        return self._seldom("camera.unasked", "pictures came that nobody had asked for", "they were dropped")

    def close(self, statistics: CameraStatistics) -> None:
        """An opening is over."""
        self._past = [self.camera([statistics])]

    def camera(self, running: Sequence[CameraStatistics]) -> CameraStatistics:
        """The sum over all openings; its clock as the newest of those that are not closed says."""
        every = [*self._past, *running]
        return CameraStatistics(
            frames=sum(each.frames for each in every),
            dropped=sum(each.dropped for each in every),
            incomplete=sum(each.incomplete for each in every),
            missed=sum(each.missed for each in every),
            clock=running[-1].clock if running else "",
            clock_offset_s=running[-1].clock_offset_s if running else None,
        )

    def statistics(self, watch: Watch, running: Sequence[CameraStatistics]) -> FeedStatistics:
        """All of it, with what the watch knows.

        Args:
            watch: The camera's.
            running: What the openings that are not closed have done.
        """
        counts = watch.counts
        return FeedStatistics(
            state=watch.state,
            camera=self.camera(running),
            frames=self.frames,
            fps=self.fps(),
            age_s=self.age_s(),
            opened=counts.opened,
            losses=counts.losses,
            frozen=counts.frozen,
            refused=counts.refused,
            late=counts.late,
            triggers=self.triggers,
            missed=self.missed,
            unasked=self.unasked,
            stuck=len(watch.stuck),
            fault=watch.fault,
        )

    def fps(self) -> float:
        """Pictures a second over the last ones; it falls when none come."""
        if len(self._times) < 2:
            return 0.0
        spent_s = max(self._clock(), self._times[-1]) - self._times[0]
        return (len(self._times) - 1) / spent_s if spent_s > 0 else 0.0

    def age_s(self) -> float | None:
        """Seconds since the last picture."""
        return self._clock() - self._times[-1] if self._times else None

    def _seldom(self, code: str, what: str, sentence: str) -> Sequence[StreamEvent]:
        self._since[code] = self._since.get(code, 0) + 1
        now_s = self._clock()
        if now_s < self._told_s.get(code, now_s - TOLD_EVERY_S) + TOLD_EVERY_S:
            return ()
        self._told_s[code] = now_s
        return (self._event(code, f"{self._since.pop(code)} {what}: {sentence}"),)

    def _event(self, code: str, sentence: str) -> StreamEvent:
        return StreamEvent(self._stream, code, self._clock(), sentence)
