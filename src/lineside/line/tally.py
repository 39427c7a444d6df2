"""Counts what a line does, as it happens."""

from __future__ import annotations

import math
import threading
from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.verdict import Reason, Verdict
from lineside.line.latest import Latest
from lineside.line.statistics import (
    STAGES,
    Against,
    Counts,
    DeviceRow,
    LineEvent,
    Quantiles,
    RecentPart,
    Statistics,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.core.inspection import Inspection

_KEPT_TIMES = 8192
_KEPT_EVENTS = 500
_RECENT = 8
_RATE_OVER_S = 10.0


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
        self._times = {stage: Latest(_KEPT_TIMES) for stage in STAGES}
        self._runs: dict[str, Latest] = {}
        self._frames: Counter[str] = Counter()
        self._answered_s = Latest(_KEPT_TIMES)
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
                    _of(self._runs, view.device).append(view.seconds.get("run", 0.0))
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
            _of(self._times, stage).append(spent_s)

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
            times = {stage: kept.values() for stage, kept in self._times.items() if kept}
            now_s = min(now_s, self._ended_s)
            elapsed_s = now_s - self._started_s
            return Statistics(
                elapsed_s=elapsed_s,
                triggered=self._triggered,
                answered=sum(self._verdicts.values()),
                parts_per_minute=_rate(self._answered_s.values(), now_s, elapsed_s),
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
                run=_quantiles(self._runs[name].values()) if name in self._runs else None,
            )
            for name, row in rows.items()
        )


def _of(times: dict[str, Latest], name: str) -> Latest:
    """The times under a name, made where there are none."""
    if name not in times:
        times[name] = Latest(_KEPT_TIMES)
    return times[name]


def _quantiles(seconds: NDArray[np.float64]) -> Quantiles:
    p50, p99 = np.percentile(seconds, (50, 99)).tolist()
    return Quantiles(p50, p99, len(seconds))


def _rate(answered_s: NDArray[np.float64], now_s: float, elapsed_s: float) -> float:
    """Answers a minute over the last seconds, or over all of a line that is younger."""
    window_s = min(elapsed_s, _RATE_OVER_S)
    if window_s <= 0:
        return 0.0
    return 60 * int(np.count_nonzero(answered_s > now_s - window_s)) / window_s


def _against(pairs: Counter[tuple[Verdict, Verdict]]) -> Against:
    matrix = {truth: {said: pairs[truth, said] for said in Verdict} for truth in Verdict}
    return Against(
        good=sum(matrix[Verdict.PASS].values()),
        bad=sum(matrix[Verdict.FAIL].values()),
        escapes=matrix[Verdict.FAIL][Verdict.PASS],
        overkills=matrix[Verdict.PASS][Verdict.FAIL],
        matrix=matrix,
    )
