"""The run loop: one thread that owns the ledger, and lets cameras, model, rules and outputs do their work."""

from __future__ import annotations

import math
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineside.core.backoff import Backoff
from lineside.core.errors import SettingsError
from lineside.core.verdict import Verdict
from lineside.judge.judge import Judgement
from lineside.line.border import Fault, attempt
from lineside.line.cameras import Camera, CameraStation
from lineside.line.events import (
    Answer,
    Capture,
    Detect,
    Detected,
    Judged,
    JudgePart,
    LateResult,
    Tick,
    Triggered,
)
from lineside.line.ledger import Ledger
from lineside.line.link import Link
from lineside.line.outbox import Outbox
from lineside.line.schedule import Schedule
from lineside.line.statistics import Tally
from lineside.line.worker import Model, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lineside.core.inspection import Inspection
    from lineside.judge.judge import Judge
    from lineside.line.events import Action, Event
    from lineside.line.outbox import Sink
    from lineside.line.station import Station
    from lineside.line.statistics import Statistics

_OPENING_S = 30.0
_STOPPING_S = 5.0


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a line runs.

    Attributes:
        parts_per_minute: How often a part comes.
        deadline_s: Seconds from a part's trigger to its answer.
        max_captures: Triggers that one camera may leave unanswered.
        max_frames: Pictures that may wait for the model.
        outbox: Inspections that may wait for the outputs.
        backoff: The pauses between attempts to open what was lost.

    Raises:
        SettingsError: A number is not positive.
    """

    parts_per_minute: float = 180.0
    deadline_s: float = 0.2
    max_captures: int = 4
    max_frames: int = 8
    outbox: int = 32
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        for name in ("parts_per_minute", "deadline_s", "max_captures", "max_frames", "outbox"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SettingsError(f"{name}: expected a number above 0; got {value!r}")


@dataclass(frozen=True, slots=True)
class Detection:
    """What the worker needs.

    Attributes:
        model: The open model.
        reopen: Opens it again after a fault.
    """

    model: Model
    reopen: Callable[[], Model]


class Line:
    """A line with its cameras, one model, its rules and its outputs. It runs once.

    Args:
        cameras: What opens each camera, by its name. Each runs in a thread of its own.
        detection: The model. It is run at the lowest confidence that a rule looks at, so that no rule is blinded.
        judge: The rules; its cameras are those of the line.
        settings: Rate, deadline and limits.
        gate: Hears every answer at once, in the line's thread: it must be quick.
        sinks: Get every inspection after its answer, in a thread of their own.
        clock: Monotonic seconds.

    Raises:
        SettingsError: The judge expects other cameras.
    """

    def __init__(
        self,
        cameras: Mapping[str, Callable[[], Camera]],
        detection: Detection,
        judge: Judge,
        settings: LineSettings,
        *,
        gate: Callable[[Inspection], None] | None = None,
        sinks: Sequence[Sink] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if set(cameras) != set(judge.cameras):
            raise SettingsError(
                f"line: expected the judge's cameras, {', '.join(judge.cameras)}; got {', '.join(cameras)}"
            )
        self.settings = settings
        self._judge = judge
        self._gate = gate
        self._clock = clock
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._is_stopping = threading.Event()
        self._tally = Tally(clock())
        self._ledger = Ledger(
            judge.cameras,
            deadline_s=settings.deadline_s,
            max_captures=settings.max_captures,
            max_frames=settings.max_frames,
        )
        self._outbox = Outbox(sinks, note=self._note, capacity=settings.outbox)
        self._stations = {name: self._station(name, opener) for name, opener in cameras.items()}
        link = Link("the session", detection.reopen, opened=detection.model, backoff=settings.backoff)
        thresholds = detection.model.thresholds(confidence=judge.min_confidence)
        self._worker = Worker(link, thresholds, post=self._inbox.put, note=self._note, clock=clock)

    def run(self, seconds: float) -> Statistics:
        """What the line did: parts come for so many seconds, and each of them is answered.

        Blocks. `stop` ends it earlier, from another thread.

        Args:
            seconds: How long parts come.
        """
        everyone = self._threads().values()
        for station in everyone:
            station.start()
        self._outbox.start()
        for station in everyone:
            station.tried.wait(_OPENING_S)
        self._tally.begin(self._clock())
        self._worker.note_demotion()
        try:
            self._loop(Schedule(self._clock(), self.settings.parts_per_minute, seconds))
        finally:
            self._end()
        return self.statistics()

    def stop(self) -> None:
        """No more parts are triggered; those that were are still answered. Any thread may call it."""
        self._is_stopping.set()
        self._inbox.put(Tick())

    def statistics(self) -> Statistics:
        """The line at this moment. Any thread may call it."""
        return self._tally.snapshot(
            self._clock(), dropped=self._outbox.dropped, output_faults=self._outbox.failed
        )

    def _threads(self) -> dict[str, Station[Any, Any]]:
        return {**{f"camera {n}": s for n, s in self._stations.items()}, "the session": self._worker}

    def _station(self, name: str, opener: Callable[[], Camera]) -> CameraStation:
        link = Link(f"camera {name}", opener, backoff=self.settings.backoff)
        return CameraStation(name, link, post=self._inbox.put, note=self._note, clock=self._clock)

    def _note(self, code: str, sentence: str) -> None:
        self._tally.note(self._clock(), code, sentence)

    def _loop(self, schedule: Schedule) -> None:
        while True:
            now_s = self._clock()
            if self._is_stopping.is_set():
                schedule.end(now_s)
            for part, at_s in schedule.due(now_s):
                self._tally.trigger()
                self._feed(Triggered(part, at_s))
            is_over = schedule.is_over(now_s)
            if is_over and not self._ledger.open_parts:
                return
            due_s = self._ledger.next_deadline_s
            wake_s = due_s if is_over else min(schedule.wake_s, due_s or math.inf)
            wait_s = None if wake_s is None else max(wake_s - self._clock(), 0.0)
            try:
                event: Event = self._inbox.get(timeout=wait_s)
            except queue.Empty:
                event = Tick()
            self._feed(event)

    def _feed(self, event: Event) -> None:
        for action in self._ledger.handle(event, self._clock()):
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Capture():
                self._stations[action.camera].put(action)
            case Detect():
                self._worker.put(action)
            case JudgePart():
                self._feed(self._judged(action))
            case Answer():
                self._answer(action.inspection)
            case LateResult():
                event = action.event
                self._tally.late(event.seconds if isinstance(event, Detected) else None)

    def _judged(self, action: JudgePart) -> Judged:
        start_s = self._clock()
        outcome = attempt("judge", lambda: self._judge(action.views))
        if isinstance(outcome, Fault):
            self._note("judge.failed", outcome.sentence)
            outcome = Judgement(Verdict.UNKNOWN, outcome.reason, outcome.sentence)
        return Judged(action.part, outcome, self._clock() - start_s)

    def _answer(self, inspection: Inspection) -> None:
        if self._gate is not None:
            gate = self._gate
            outcome = attempt("gate", lambda: gate(inspection))
            if isinstance(outcome, Fault):
                self._note(
                    "gate.failed",
                    f"part {inspection.part}: the gate did not take the answer: {outcome.sentence}",
                )
        self._tally.answer(inspection)
        self._outbox.offer(inspection)

    def _end(self) -> None:
        """Let every thread end; one that hangs is told, and left behind."""
        self._tally.end(self._clock())
        everyone = self._threads()
        for station in everyone.values():
            station.stop()
        for name, station in everyone.items():
            if not station.join(_STOPPING_S):
                self._note("line.hung", f"{name} did not end within {_STOPPING_S:g} s")
        if not self._outbox.close(_STOPPING_S * 6):
            self._note("output.hung", "the outputs did not end in time; some results are not written")
