"""The run loop: one thread that owns the ledger, and lets triggers, cameras, engine, rules and outputs do their work."""

from __future__ import annotations

import math
import queue
import threading
import time
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.line.border import Fault, attempt
from lineside.line.chosen import Chosen
from lineside.line.desk import Desk, looker
from lineside.line.events import (
    Absence,
    Answer,
    Capture,
    Detect,
    Detected,
    DevicesChanged,
    FrameArrived,
    FrameCame,
    GiveUp,
    JudgePart,
    LateLook,
    LateResult,
    PlantAsked,
    ProductsChanged,
    Say,
    Stumble,
    Tick,
    Triggered,
)
from lineside.line.ledger import Ledger
from lineside.line.outbox import Outbox
from lineside.line.statistics import Counts
from lineside.line.supervision import Supervision
from lineside.line.tally import Tally
from lineside.line.telling import Telling
from lineside.outputs.plant.link import LineState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.core.inspection import Inspection
    from lineside.line.events import Action, Event, News
    from lineside.line.parts import LoopSettings, Parts, Station
    from lineside.line.statistics import Statistics
    from lineside.line.triggers import Triggers

_OPENING_S = 60.0
_STOPPING_S = 5.0
_BEAT_S = 0.25
_LOOK_S = 0.02
_RESERVE_S = 0.002  # of the deadline, for the rules and the plant
_RESERVE = 0.1  # the same as a share of it, where it is short


class Loop:
    """A line that runs once.

    Args:
        parts: What it is made of.
        settings: Deadline and limits.
        clock: Monotonic seconds.

    Attributes:
        beat_s: When the loop last came round: an old time tells that it hangs.

    Raises:
        SettingsError: A view has no camera.
    """

    def __init__(
        self, parts: Parts, settings: LoopSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if set(parts.views) != set(parts.stations):
            raise SettingsError(
                f"line: expected a camera for each view, {', '.join(parts.views)}; got {', '.join(parts.stations)}"
            )
        self._parts = parts
        self._clock = clock
        self._inbox = parts.inbox
        self._note = parts.board.post
        self._is_stopping = threading.Event()
        self._patience_s = math.inf
        self._chosen = Chosen(parts.products, dress=parts.dress, clock=clock, note=self._note)
        self._supervision = Supervision(self._note)
        self._triggers: Triggers | None = None
        self._tally = Tally(clock())
        self._ledger = Ledger(
            parts.views,
            deadline_s=settings.deadline_s,
            max_captures=settings.max_captures,
            max_frames=settings.max_frames,
            reserve_s=min(_RESERVE_S, _RESERVE * settings.deadline_s),
        )
        self._desk = Desk(self._inbox.put)
        self._outbox = Outbox(parts.sinks, note=self._note, capacity=settings.outbox)
        self._telling = Telling(parts, self._tally, self._outbox, clock)
        self.beat_s = clock()
        parts.board.listen(self._hear_notice)

    def run(self, seconds: float | None = None, *, ready: Callable[[], None] = lambda: None) -> Statistics:
        """What the line did: parts come for so many seconds, and each of them is answered.

        Blocks. `stop` ends it earlier, from another thread or a signal's handler.

        Args:
            seconds: How long parts come; `None` for until it is stopped.
            ready: Is called once parts can come.

        Raises:
            OutputError: A link to the plant can never work.
            LinesideError: Something failed in a way that only people can mend. Every part was answered before.
        """
        parts = self._parts
        stations: list[Station] = []
        self._outbox.start()
        try:
            self._expect()
            if parts.ejector is not None:
                parts.ejector.start()
            if parts.plant is not None:
                parts.plant.start()
            for station in dict.fromkeys(parts.stations.values()):
                station.start()
                stations.append(station)
            self._await(stations)
            self._tally.begin(self._clock())
            self._triggers = parts.triggers(self._clock(), seconds)
            self._say(LineState.READY)
            ready()
            self._loop(self._triggers)
        finally:
            self._end(stations)
        if self._supervision.error is not None:
            raise self._supervision.error
        return self.statistics()

    def stop(self, *, patience_s: float = math.inf) -> None:
        """No more parts are judged that come from now on; those on the line are still answered. Any thread may call it.

        Args:
            patience_s: After so many seconds what is still open is answered `stopping`; else each part has its whole deadline.
        """
        self._patience_s = min(self._patience_s, self._clock() + patience_s)
        self._is_stopping.set()
        self._inbox.put(Tick())

    def hear(self, listener: Callable[[Inspection], None]) -> None:
        """Have every answer told to a listener, in the thread of the outputs. Call it before `run`."""
        self._outbox.add(listener)

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._is_stopping.is_set()

    @property
    def state(self) -> LineState:
        """What the plant's control is told."""
        return LineState.STARTING if self._parts.plant is None else self._parts.plant.state

    def statistics(self) -> Statistics:
        """The line at this moment. Any thread may call it."""
        plant, triggers = self._parts.plant, self._triggers
        counts = Counts(
            dropped=self._outbox.dropped,
            output_faults=self._outbox.failed,
            unwritten=0 if plant is None else plant.unwritten,
            refused=(0 if plant is None else plant.refused) + getattr(triggers, "too_many", 0),
            lost_triggers=getattr(triggers, "lost", 0),
            skipped=getattr(triggers, "skipped", 0),
            unnamed=getattr(triggers, "unnamed", 0),
            passed_over=getattr(triggers, "passed_over", 0),
        )
        return self._tally.snapshot(self._clock(), counts, self._parts.devices())

    def _await(self, stations: Sequence[Station]) -> None:
        """Give every camera its time to open, unless the line is stopped meanwhile."""
        until_s = self._clock() + _OPENING_S
        for station in stations:
            while not station.is_tried and self._clock() < until_s:
                self._beat()
                if self._is_stopping.wait(_LOOK_S):
                    return

    def _loop(self, triggers: Triggers) -> None:
        while True:
            now_s = self.beat_s = self._clock()
            if self.is_stopping:
                self._halt(triggers, now_s)
            if self._parts.plant is not None:
                self._parts.plant.work(now_s)
            triggers.open_parts = self._ledger.open_parts
            for due in triggers.due(now_s):
                self._handle(due)
            is_over = triggers.is_over(now_s)
            if is_over and not self._ledger.open_parts:
                return
            due_s = self._ledger.next_deadline_s
            wake_s = min(now_s + _BEAT_S, math.inf if due_s is None else due_s, self._telling.alive(now_s))
            if not is_over:
                wake_s = min(wake_s, triggers.wake_s)
            event: Event | News
            try:
                event = self._inbox.get(timeout=max(wake_s - self._clock(), 0.0))
            except queue.Empty:
                event = Tick()
            self._handle(event)

    def _halt(self, triggers: Triggers, now_s: float) -> None:
        if not triggers.is_stopping:
            triggers.stop(now_s)
            self._say(LineState.STOPPING)
        if now_s >= self._patience_s:
            self._handle(GiveUp(Reason.STOPPING, "the line was told to stop"))

    def _handle(self, event: Event | News) -> None:
        """Take an event. A fault of the line's own is told, and the parts that it concerns are late, not lost."""
        outcome = attempt("the line", lambda: self._take(event))
        if isinstance(outcome, Fault):
            self._note("line.fault", outcome.sentence)

    def _hear_notice(self, code: str, sentence: str) -> None:
        self._tally.note(self._clock(), code, sentence)
        if code.startswith("device."):
            self._inbox.put(DevicesChanged())

    def _take(self, event: Event | News) -> None:
        match event:
            case Triggered():
                self._begin(event)
            case FrameArrived():
                self._feed(self._chosen.prepared(event))
            case Detected():
                self._supervision.worked(looker(event.camera))
                self._feed(event)
            case FrameCame() | PlantAsked():
                self._hear(event)
            case DevicesChanged() | LateLook() | ProductsChanged() | Say() | Stumble():
                self._take_news(event)
            case _:
                self._feed(event)

    def _take_news(self, news: DevicesChanged | LateLook | ProductsChanged | Say | Stumble) -> None:
        """News that the ledger does not hear as they are."""
        match news:
            case DevicesChanged():
                self._feed(Absence(self._parts.absence()))
            case ProductsChanged():
                self._expect()
            case LateLook():
                self._telling.late(news)
            case Say():
                if not self.is_stopping:
                    self._say(news.state)
            case Stumble():
                if self._supervision.failed(news.who, news.fault, patience=news.patience):
                    self._is_stopping.set()

    def _hear(self, news: FrameCame | PlantAsked) -> None:
        if self._triggers is None:  # the line is not ready: no control may have asked, and no picture counts
            return
        self._triggers.open_parts = self._ledger.open_parts
        for event in self._triggers.take(news, self._clock()):
            if (
                isinstance(event, Triggered)
                and isinstance(news, PlantAsked)
                and self._parts.plant is not None
            ):
                self._parts.plant.asked(event.part, news)
            self._take(event)

    def _expect(self) -> None:
        plant = self._parts.plant
        self._chosen.expect(plant.product or "" if plant is not None else "")

    def _begin(self, event: Triggered) -> None:
        """Choose the rules for a part that came; what the plant chooses later is for later parts."""
        plant, origin = self._parts.plant, event.origin
        code = origin.product or (plant.product_of(event.part) if plant is not None else "")
        self._tally.trigger()
        self._telling.begun(event.part, event.at_s)
        self._feed(self._chosen.begin(event, code))

    def _feed(self, event: Event) -> None:
        for action in self._ledger.handle(event, self._clock()):
            self._do(action)

    def _do(self, action: Action) -> None:
        match action:
            case Capture():
                self._parts.stations[action.camera].put(action)
            case Detect():
                product = self._chosen.of(action.part)
                self._desk.put(action, product.engine, product.asked)
            case JudgePart():
                self._feed(self._chosen.judged(action))
            case Answer():
                inspection = action.inspection
                self._telling.answer(inspection, self._chosen.leave(inspection.part))
            case LateResult():
                self._telling.late(action)

    def _beat(self) -> None:
        self.beat_s = self._clock()

    def _say(self, state: LineState) -> None:
        if self._parts.plant is not None:
            self._parts.plant.tell(state)

    def _end(self, stations: Sequence[Station]) -> None:
        """Let every thread end; one that hangs is told, and left behind."""
        self._tally.end(self._clock())
        self._telling.close(self._beat)
        for station in stations:
            station.stop()
        for station in stations:
            if not station.join(_STOPPING_S):
                name = getattr(station, "name", "a camera")
                self._note("line.hung", f"{name} did not end within {_STOPPING_S:g} s")
        if not self._outbox.close(_STOPPING_S * 6):
            self._note("output.hung", "the outputs did not end in time; some results are not written")
