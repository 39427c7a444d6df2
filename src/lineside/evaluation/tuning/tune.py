"""The search: every form is judged on the user's pictures first, and only those that keep the answers are measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lineside.core.errors import LinesideError, SettingsError
from lineside.detector.detector import Detector
from lineside.evaluation.judging import Judge
from lineside.evaluation.tuning.candidates import BATCHES, Candidate, candidates
from lineside.evaluation.tuning.measuring import Stopwatch
from lineside.evaluation.tuning.race import ENOUGH_RUNS, Race
from lineside.models.facts import ModelFacts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lineside.evaluation.judging import Judgement
    from lineside.evaluation.truth import Dataset
    from lineside.evaluation.tuning.candidates import Form
    from lineside.evaluation.tuning.race import Figures
    from lineside.evaluation.tuning.settings import TuneSettings

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[], None]]]
"""A stage of the work begins: what is done, and in how many steps; the value is called after each."""

JUDGING, FIRST_RACE, SECOND_RACE = 0.4, 0.2, 0.4
"""Shares of the time: for judging the forms, for the race of those that passed, for the race of the best in all their settings."""

_ENOUGH_FOR_A_START = 40
_FINALISTS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one candidate.

    Attributes:
        candidate: The candidate.
        precision: What it computes in; empty where it could not be opened.
        sha256: SHA-256 of its file; empty where it could not be opened.
        judgement: Its answers beside the reference's; `None` where they were not compared.
        figures: Its times; `None` where it was not measured.
        out: Why it was not chosen; empty for the chosen one.
    """

    candidate: Candidate
    precision: str = ""
    sha256: str = ""
    judgement: Judgement | None = None
    figures: Figures | None = None
    out: str = ""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search found.

    Attributes:
        rows: Every candidate, the chosen one first, then the measured ones by speed, then the others.
        chosen: The chosen one; `None` where none keeps the deadline.
        settings: What was asked for.
        pictures: Pictures that the answers were compared on.
        reference: The reference's file, and what it ran on.
    """

    rows: tuple[Row, ...]
    chosen: Row | None
    settings: TuneSettings
    pictures: int
    reference: str

    def refusal(self) -> SettingsError:
        """The error of a search that chose nothing."""
        deadline_ms = self.settings.deadline_s * 1e3
        measured = [row for row in self.rows if row.figures is not None]
        if not measured:
            reasons = "; ".join(f"{row.candidate.name}: {row.out}" for row in self.rows[:6])
            return SettingsError(f"--devices: no candidate keeps the answers. {reasons}")
        best = min(measured, key=lambda row: row.figures.p99_s if row.figures else 0.0)
        assert best.figures is not None
        p99_ms = best.figures.p99_s * 1e3
        return SettingsError(
            f"--deadline-ms: no candidate keeps {deadline_ms:g} ms. The best, {best.candidate.name}, has a 99th percentile of "
            f"{p99_ms:.1f} ms (median {best.figures.p50_s * 1e3:.1f} ms). Take a deadline above that, a smaller model or input "
            "size, or another device"
        )


@dataclass(slots=True, eq=False)
class Tuner:
    """Finds the fastest way to run a model that keeps its answers.

    Args:
        path: The model's file, the reference on the CPU.
        forms: What is tried, from `candidates.forms`.
        settings: How.
        images: Pictures to compare and to measure on, uint8 BGR; empty where the user gave none.
        truth: A data set to judge by, or `None` for the agreement with the reference.
        facts: Facts about the model set by hand.
        cache: Folder of prepared models.
        cores: Cores that this process may use.
        progress: Told of each stage.
        clock: Monotonic seconds.
        open_as: Opens a candidate; a `Detector` unless a test puts something else there.
    """

    path: Path
    forms: Sequence[Form]
    settings: TuneSettings
    images: Sequence[NDArray[np.uint8]]
    cores: int
    truth: Dataset | None = None
    facts: ModelFacts = field(default_factory=ModelFacts)
    cache: Path | None = None
    progress: Progress = field(default=lambda _doing, _total: nullcontext(lambda: None))
    clock: Callable[[], float] = perf_counter
    open_as: Callable[..., Detector] = Detector
    _rows: dict[Candidate, Row] = field(init=False, default_factory=dict)
    _open: dict[Candidate, Detector] = field(init=False, default_factory=dict)

    def run(self) -> Tuned:
        """What was found. Nothing is written.

        Raises:
            SettingsError: The reference finds nothing in the pictures, so that nothing would prove anything.
            LinesideError: The reference cannot be opened, or the truth cannot be judged by.
        """
        reference = self.open_as(self.path, devices="cpu", facts=self.facts, cache=self.cache)
        thresholds = reference.thresholds()
        images = self.images or (_stand_in(reference),)
        self._judge_all(reference)
        watch = Stopwatch(images, callers=self.settings.callers, clock=self.clock)
        kept = self._race(
            "a first look", list(self._open), thresholds, watch, _ENOUGH_FOR_A_START, FIRST_RACE
        )
        finalists = self._in_all_settings(kept[:_FINALISTS], reference)
        order = self._race("measuring", finalists, thresholds, watch, ENOUGH_RUNS, SECOND_RACE)
        return self._told(order, f"{self.path.name} on {reference.truth.got} in {reference.truth.precision}")

    def _judge_all(self, reference: Detector) -> None:
        """Open every form, and keep open those whose answers are the reference's within the tolerance."""
        judge = self._judge(reference)
        until = self.clock() + JUDGING * self.settings.budget_s
        with self.progress("judging", len(self.forms)) as advance:
            for form in self.forms:
                first = Candidate(form)
                row = self._opened(first)
                if row.out or _is_reference(form, self._open[first], reference):
                    pass
                elif judge is None:
                    row = replace(
                        row, out="its answers cannot be judged without pictures; give some with --data"
                    )
                elif self.clock() > until and self._open_forms() > 1:
                    row = replace(row, out="not judged: the time was over; give it more with --seconds")
                else:
                    row = self._judged(judge, first, row)
                self._note(first, row)
                advance()

    def _judge(self, reference: Detector) -> Judge | None:
        """Who judges; `None` where there is nothing to judge by.

        Raises:
            SettingsError: The reference finds nothing in the pictures, and there is no truth.
        """
        if not self.images and self.truth is None:
            return None
        return Judge(
            reference,
            lambda: self.images,
            truth=self.truth,
            settings=self.settings.evaluation,
            max_drop=self.settings.tolerance,
        )

    def _judged(self, judge: Judge, candidate: Candidate, row: Row) -> Row:
        try:
            judgement = judge(self._open[candidate])
        except LinesideError as fault:
            return replace(row, out=f"its answers cannot be judged: {fault}")
        out = (
            "" if judgement.passes else f"rejected: {judgement.lost}, at most {judgement.allowed:.1%} may be"
        )
        return replace(row, judgement=judgement, out=out)

    def _opened(self, candidate: Candidate) -> Row:
        """Open a candidate, which nothing may be passed over for; a row that says what came of it."""
        form = candidate.form
        facts = self.facts if form.size is None else replace(self.facts, size=form.size)
        try:
            detector = self.open_as(
                form.path, devices=[candidate.placement], facts=facts, cache=self.cache, demotion="require"
            )
        except LinesideError as fault:
            return Row(candidate, out=f"cannot be opened: {fault} [{fault.code}]")
        self._open[candidate] = detector
        return Row(candidate, _precision(detector), detector.card.sha256)

    def _open_forms(self) -> int:
        return sum(not row.out for row in self._rows.values())

    def _note(self, candidate: Candidate, row: Row) -> None:
        self._rows[candidate] = row
        if row.out:
            self._open.pop(candidate, None)

    def _in_all_settings(self, kept: Sequence[Candidate], reference: Detector) -> list[Candidate]:
        """The best forms with every number of threads and pictures a run."""
        several = reference.card.input.dynamic_batch and not reference.card.nms_inside
        batches = BATCHES if several else BATCHES[:1]
        every = []
        for first in kept:
            known = self._rows[first]
            mine = candidates(first.form, cores=self.cores, batches=batches, callers=self.settings.callers)
            for candidate in mine:
                row = known if candidate == first else self._opened(candidate)
                self._note(candidate, replace(row, judgement=known.judgement))
                if not row.out:
                    every.append(candidate)
            if first not in mine:
                self._note(first, replace(known, out="measured again with each number of threads"))
        return every

    def _race(  # one race, with all that it needs
        self,
        doing: str,
        who: Sequence[Candidate],
        thresholds: Any,
        watch: Stopwatch,
        enough_runs: int,
        share: float,
    ) -> list[Candidate]:
        """Let candidates race, note their figures, and tell who is left: the best within the deadline first."""
        named = {candidate.name: candidate for candidate in who}
        race = Race(list(named), deadline_s=self.settings.deadline_s, enough_runs=enough_runs)
        until = self.clock() + share * self.settings.budget_s
        with self.progress(doing, None) as advance:
            for name in race.turns():
                candidate = named[name]
                try:
                    race.add(name, watch.burst(self._open[candidate], thresholds, candidate.batch))
                except LinesideError as fault:
                    race.drop(name, f"failed while it was measured: {fault} [{fault.code}]")
                advance()
                if self.clock() > until:
                    break
        figures = race.figures()
        for name, candidate in named.items():
            found = figures.get(name)
            row = replace(self._rows[candidate], figures=found, out=race.why(name))
            self._note(candidate, row)
        return [named[name] for name in race.order()]

    def _told(self, order: Sequence[Candidate], reference: str) -> Tuned:
        best = order[0] if order else None
        figures = None if best is None else self._rows[best].figures
        kept = figures is not None and figures.p99_s <= self.settings.deadline_s
        rows = []
        for candidate, row in self._rows.items():
            told = row
            if not row.out and candidate is not best:
                told = replace(row, out="slower than the chosen one" if kept else "misses the deadline")
            elif not row.out and not kept:
                told = replace(row, out="misses the deadline")
            rows.append(told)
        rows.sort(key=_by_speed)
        chosen = self._rows[best] if kept and best is not None else None
        return Tuned(tuple(rows), chosen, self.settings, len(self.images), reference)


def _by_speed(row: Row) -> tuple[bool, bool, float]:
    pace = row.figures.pictures_per_s if row.figures else 0.0
    return bool(row.out), row.figures is None, -pace


def _precision(detector: Detector) -> str:
    """What a form computes in: the file's own precision where that is narrower than float32, else the device's."""
    of_file, of_device = detector.card.precision, detector.truth.precision
    return (
        of_device if of_file == "fp32" else f"{of_file}, {of_device}" if of_device != "float32" else of_file
    )


def _is_reference(form: Form, detector: Detector, reference: Detector) -> bool:
    """Whether a form computes what the reference does: the same file at its own size in the same precision."""
    return (
        form.size is None
        and detector.card.sha256 == reference.card.sha256
        and detector.truth.precision == reference.truth.precision
    )


def _stand_in(reference: Detector) -> NDArray[np.uint8]:
    from lineside.models.probe import probe_picture

    return probe_picture(reference.card.input.size)
