"""What a line has done so far, as a value that does not change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.verdict import Reason, Verdict

STAGES = ("capture", "preprocess", "run", "postprocess", "judge", "total")
"""The stages whose times are kept, in the order a part goes through them; `total` is from trigger to answer."""


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
        runs: What runs there in truth, the entry of the priority list that answers first, and what its worker lives in.
    """

    name: str
    health: str = "healthy"
    detail: str = ""
    frames: int = 0
    faults: int = 0
    run: Quantiles | None = None
    runs: str = ""


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
        passed_over: Pictures of a live view (`delivery = "latest"`) that a newer one replaced before they became a part.
    """

    dropped: int = 0
    output_faults: int = 0
    unwritten: int = 0
    refused: int = 0
    lost_triggers: int = 0
    skipped: int = 0
    unnamed: int = 0
    passed_over: int = 0


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
                    "runs": d.runs,
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
