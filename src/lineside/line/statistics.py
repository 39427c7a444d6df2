"""What a line has done so far: counted as it happens, shown as a value that does not change."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.verdict import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.core.inspection import Inspection

STAGES = ("capture", "preprocess", "run", "postprocess", "judge", "total")
"""The stages whose times are kept, in the order a part goes through them; `total` is from trigger to answer."""

_KEPT_TIMES = 8192
_KEPT_EVENTS = 500
_RECENT = 8
_RATE_OVER_S = 10.0


@dataclass(frozen=True, slots=True)
class LineEvent:
    """Something that the people at the line should hear of.

    Attributes:
        at_s: When, in seconds since the line began.
        code: A stable dotted name.
        sentence: What happened.
    """

    at_s: float
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RecentPart:
    """A part that was answered lately."""

    part: int
    verdict: Verdict
    reason: Reason | None
    detail: str
    total_s: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Times of one stage in seconds: the median, the 99th percentile and how many there were, of the latest."""

    p50_s: float
    p99_s: float
    count: int


@dataclass(frozen=True, slots=True)
class Against:
    """Verdicts against the truth, where the source knows it.

    Attributes:
        good: Parts that are truly good.
        bad: Parts that are truly bad.
        escapes: Bad parts that passed.
        overkills: Good parts that failed.
        matrix: Parts by truth, then by verdict.
    """

    good: int
    bad: int
    escapes: int
    overkills: int
    matrix: Mapping[Verdict, Mapping[Verdict, int]]


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device of the line.

    Attributes:
        name: Its name, as the priority list has it.
        health: How far it is trusted, in one word.
        detail: Why it is not healthy, or runs on another entry than the first; empty where all is well.
        frames: Pictures that it looked at.
        faults: How often it went out of service.
        run: Times of its runs, where it had one.
    """

    name: str
    health: str = "healthy"
    detail: str = ""
    frames: int = 0
    faults: int = 0
    run: Quantiles | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What others than the tally count.

    Attributes:
        dropped: Inspections that the outputs had no room for.
        output_faults: Inspections that an output could not take.
        unwritten: Answers that a link could not write to the plant.
        refused: Triggers that came twice or too early. Each was answered `trigger_missed`.
        lost_triggers: Numbers that the plant's control left out.
        skipped: Pictures of free-running cameras that came too soon after a part.
        unnamed: Pictures of wired cameras that no trigger of the plant's control named. Each was answered `trigger_missed`.
    """

    dropped: int = 0
    output_faults: int = 0
    unwritten: int = 0
    refused: int = 0
    lost_triggers: int = 0
    skipped: int = 0
    unnamed: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """A line at one moment.

    Attributes:
        elapsed_s: Seconds since it began.
        triggered: Parts that were triggered.
        answered: Parts that were answered, each once.
        parts_per_minute: Over the last ten seconds.
        verdicts: Parts by verdict.
        reasons: UNKNOWN parts by reason.
        stages: Times by stage; a stage that nothing went through is missing.
        against: Verdicts against the truth.
        late_results: Pictures and detections that came after their part's answer, and changed nothing.
        counts: What the outputs, the plant and the triggers count.
        devices: The devices.
        recent: The latest parts, newest first.
        events: The latest events, oldest first.
    """

    elapsed_s: float
    triggered: int
    answered: int
    parts_per_minute: float
    verdicts: Mapping[Verdict, int]
    reasons: Mapping[Reason, int]
    stages: Mapping[str, Quantiles]
    against: Against
    late_results: int
    counts: Counts
    devices: tuple[DeviceRow, ...]
    recent: tuple[RecentPart, ...]
    events: tuple[LineEvent, ...]

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, without the recent parts."""
        return {
            "elapsed_s": round(self.elapsed_s, 3),
            "triggered": self.triggered,
            "answered": self.answered,
            "parts_per_minute": round(self.parts_per_minute, 1),
            "verdicts": {str(v): n for v, n in self.verdicts.items()},
            "reasons": {str(r): n for r, n in self.reasons.items()},
            "stages_ms": {
                s: {"p50": round(q.p50_s * 1e3, 3), "p99": round(q.p99_s * 1e3, 3), "count": q.count}
                for s, q in self.stages.items()
            },
            "truth": {
                "good": self.against.good,
                "bad": self.against.bad,
                "escapes": self.against.escapes,
                "overkills": self.against.overkills,
                "matrix": {
                    str(t): {str(v): n for v, n in row.items()} for t, row in self.against.matrix.items()
                },
            },
            "late_results": self.late_results,
            **asdict(self.counts),
            "devices": [
                {
                    "name": d.name,
                    "health": d.health,
                    "detail": d.detail,
                    "frames": d.frames,
                    "faults": d.faults,
                    "run_ms": None
                    if d.run is None
                    else {"p50": round(d.run.p50_s * 1e3, 3), "p99": round(d.run.p99_s * 1e3, 3)},
                }
                for d in self.devices
            ],
            "events": [
                {"at_s": round(e.at_s, 3), "code": e.code, "sentence": e.sentence} for e in self.events
            ],
        }


class Tally:
    """Counts what a line does. Any thread may note an event or ask for a snapshot.

    Args:
        started_s: When the line began, in monotonic seconds.
    """

    def __init__(self, started_s: float) -> None:
        self._lock = threading.Lock()
        self._started_s = started_s
        self._ended_s = math.inf
        self._triggered = 0
        self._late_results = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._reasons: Counter[Reason] = Counter()
        self._pairs: Counter[tuple[Verdict, Verdict]] = Counter()
        self._times: dict[str, deque[float]] = {stage: deque(maxlen=_KEPT_TIMES) for stage in STAGES}
        self._runs: dict[str, deque[float]] = {}
        self._frames: Counter[str] = Counter()
        self._answered_s: deque[float] = deque(maxlen=_KEPT_TIMES)
        self._recent: deque[RecentPart] = deque(maxlen=_RECENT)
        self._events: deque[LineEvent] = deque(maxlen=_KEPT_EVENTS)

    def begin(self, now_s: float) -> None:
        """The line begins now, in monotonic seconds; what was noted while it was set up is at 0 s."""
        with self._lock:
            self._started_s = now_s

    def end(self, now_s: float) -> None:
        """The last part is answered; the time stands still from now on, in monotonic seconds."""
        with self._lock:
            self._ended_s = now_s

    def trigger(self) -> None:
        """A part was triggered."""
        with self._lock:
            self._triggered += 1

    def late(self, seconds: Mapping[str, float] | None = None) -> None:
        """Something came for a part that was answered already; its stages took so long all the same."""
        with self._lock:
            self._late_results += 1
            self._time(seconds or {})

    def note(self, now_s: float, code: str, sentence: str) -> None:
        """An event, in monotonic seconds."""
        with self._lock:
            self._events.append(LineEvent(max(now_s - self._started_s, 0.0), code, sentence))

    def answer(self, inspection: Inspection) -> None:
        """A part was answered."""
        with self._lock:
            self._verdicts[inspection.verdict] += 1
            if inspection.reason is not None:
                self._reasons[inspection.reason] += 1
            if inspection.truth is not None:
                self._pairs[inspection.truth.verdict, inspection.verdict] += 1
            for view in inspection.views:
                self._time(view.seconds)
                if view.device:
                    self._frames[view.device] += 1
                    runs = self._runs.setdefault(view.device, deque(maxlen=_KEPT_TIMES))
                    runs.append(view.seconds.get("run", 0.0))
            self._times["judge"].append(inspection.judge_s)
            self._times["total"].append(inspection.total_s)
            self._answered_s.append(inspection.answered_s)
            self._recent.appendleft(
                RecentPart(
                    inspection.part,
                    inspection.verdict,
                    inspection.reason,
                    inspection.detail,
                    inspection.total_s,
                )
            )

    def _time(self, seconds: Mapping[str, float]) -> None:
        for stage, spent_s in seconds.items():
            self._times.setdefault(stage, deque(maxlen=_KEPT_TIMES)).append(spent_s)

    def snapshot(
        self, now_s: float, counts: Counts | None = None, devices: Sequence[DeviceRow] = ()
    ) -> Statistics:
        """The line at this moment.

        Args:
            now_s: Monotonic seconds.
            counts: What others count.
            devices: How the devices stand; those that have answered are shown without it, too.
        """
        with self._lock:
            times = {stage: list(kept) for stage, kept in self._times.items() if kept}
            now_s = min(now_s, self._ended_s)
            elapsed_s = now_s - self._started_s
            return Statistics(
                elapsed_s=elapsed_s,
                triggered=self._triggered,
                answered=sum(self._verdicts.values()),
                parts_per_minute=_rate(self._answered_s, now_s, elapsed_s),
                verdicts={verdict: self._verdicts[verdict] for verdict in Verdict},
                reasons={reason: self._reasons[reason] for reason in Reason if self._reasons[reason]},
                stages={stage: _quantiles(kept) for stage, kept in times.items()},
                against=_against(self._pairs),
                late_results=self._late_results,
                counts=counts or Counts(),
                devices=self._devices(devices),
                recent=tuple(self._recent),
                events=tuple(self._events),
            )

    def _devices(self, standing: Sequence[DeviceRow]) -> tuple[DeviceRow, ...]:
        rows = {row.name: row for row in standing}
        for name in self._frames:
            rows.setdefault(name, DeviceRow(name))
        return tuple(
            replace(
                row,
                frames=self._frames[name],
                run=_quantiles(list(self._runs[name])) if name in self._runs else None,
            )
            for name, row in rows.items()
        )


def _quantiles(seconds: list[float]) -> Quantiles:
    p50, p99 = np.percentile(seconds, (50, 99)).tolist()
    return Quantiles(p50, p99, len(seconds))


def _rate(answered_s: deque[float], now_s: float, elapsed_s: float) -> float:
    """Answers a minute over the last seconds, or over all of a line that is younger."""
    window_s = min(elapsed_s, _RATE_OVER_S)
    if window_s <= 0:
        return 0.0
    return 60 * sum(1 for at in answered_s if at > now_s - window_s) / window_s


def _against(pairs: Counter[tuple[Verdict, Verdict]]) -> Against:
    matrix = {truth: {said: pairs[truth, said] for said in Verdict} for truth in Verdict}
    return Against(
        good=sum(matrix[Verdict.PASS].values()),
        bad=sum(matrix[Verdict.FAIL].values()),
        escapes=matrix[Verdict.FAIL][Verdict.PASS],
        overkills=matrix[Verdict.PASS][Verdict.FAIL],
        matrix=matrix,
    )
