"""From a float model and the user's pictures to a quantised file, judged before it is written."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from lineside.core.errors import DeadModelError, QuantisationError
from lineside.core.version import VERSION
from lineside.detector.detector import Detector
from lineside.engine.hardware import usable_cores
from lineside.engine.measure import measure
from lineside.engine.ort_session import run_once
from lineside.evaluation.agreement import CONFIDENCE, ask
from lineside.evaluation.judging import Judge, Judgement, figures
from lineside.evaluation.pictures import FEWEST, Choice, Digest, choose
from lineside.evaluation.quantising.calibration import Feeding, collect, ranges
from lineside.evaluation.quantising.outcome import Calibrated, Outcome
from lineside.evaluation.quantising.refusals import refusal, refuse_other, refuse_unfit
from lineside.evaluation.quantising.sensitivity import measure_sensitivity
from lineside.evaluation.quantising.trials import Looked, Subject
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile
from lineside.models.quantisable import described
from lineside.models.reading import read_model
from lineside.models.surgery import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lineside.engine.measure import Measurement
    from lineside.evaluation.pictures import Pictures
    from lineside.evaluation.quantising.calibration import Histogram
    from lineside.evaluation.quantising.quantiser import Ranges
    from lineside.evaluation.quantising.sensitivity import Measured, Sensitivity
    from lineside.evaluation.quantising.settings import QuantiseSettings
    from lineside.evaluation.truth import Dataset
    from lineside.models.reading import Reading

Progress = Callable[[str, int | None], AbstractContextManager[Callable[[], None]]]
"""A stage of the work begins: what is done, and in how many steps; the value is called after each."""

_ROUNDS = 4  # forms that are judged, each with half of the last one's tolerance
_RUNS = 30


@dataclass(slots=True, eq=False)
class Quantiser:
    """Quantises one model.

    Args:
        path: The float model, or `shipped:NAME`.
        pictures: The user's pictures.
        settings: How.
        truth: A data set to judge by, or `None` for the agreement with the float model.
        facts: Facts about the model set by hand.
        cache: Folder of prepared models.
        progress: Told of each stage.
        clock: Monotonic seconds.
        choose_ranges: How ranges are made of histograms; the calibration's own unless a test breaks it.
    """

    path: str | Path
    pictures: Pictures
    settings: QuantiseSettings
    truth: Dataset | None = None
    facts: ModelFacts | None = None
    cache: Path | None = None
    progress: Progress = field(default=lambda _doing, _total: nullcontext(lambda: None))
    clock: Callable[[], float] = monotonic
    choose_ranges: Callable[[dict[str, Histogram], str, Feeding], Ranges] = ranges

    def run(self) -> Outcome:
        """The quantised model, judged; nothing is written.

        Raises:
            QuantisationError: It cannot be quantised, the pictures are not the model's, or more is lost than allowed.
            ModelError, SettingsError, DeviceError, MissingRuntimeError: As for `Detector`.
            SourceError, DatasetError, ImageError: The pictures or the truth are bad.
            NotInstalledError: The runtime's quantiser, or with truth the evaluation's packages, are not installed.
        """
        file = ModelFile.read(self.path)
        self.facts = (self.facts or ModelFacts()).over(ModelFacts.beside(file.path))
        reading = read_model(file, facts=self.facts, run=run_once)
        subject = Subject.of(reading)
        refuse_unfit(subject, self.settings.precision)
        detector = Detector(file.path, facts=self.facts, cache=self.cache)
        choice = choose(self.pictures.total, self.settings.pictures)
        if self.settings.precision == "fp16":
            outcome = self._halved(subject, detector, choice)
        else:
            outcome = self._in_int8(subject, detector, choice)
        unreadable = {name: str(error) for name, error in self.pictures.unreadable.items()}
        notes = (*_notes(self, outcome, choice), *outcome.notes)
        return replace(outcome, unreadable=unreadable, notes=notes, held_out=choice.held_out)

    def _in_int8(self, subject: Subject, detector: Detector, choice: Choice) -> Outcome:
        calibrated = self._calibrated(subject, detector, choice)
        chosen = self.choose_ranges(calibrated.histograms, self.settings.method, Feeding(subject.reading))
        judge = self._judge(detector, choice)
        found = self._sensitivity(subject, chosen, calibrated)
        tolerance, judgement = self.settings.tolerance, None
        tried: set[frozenset[str]] = set()
        for _ in range(_ROUNDS):
            kept = found.in_float(tolerance)
            nodes = found.nodes - {name for one in kept for name in one.group.nodes}
            tolerance /= 2
            if not nodes or nodes in tried:
                continue
            tried.add(nodes)
            data = subject.int8(chosen, nodes)
            judgement, after = self._judged(judge, data, subject)
            if judgement.passes and after is not None:
                facts = self._facts(subject, judgement, calibrated, kept)
                return self._finished(subject, data, facts, judgement, kept, found, calibrated)
        raise refusal(subject, judgement, timed_out=found.timed_out)

    def _halved(self, subject: Subject, detector: Detector, choice: Choice) -> Outcome:
        judge = self._judge(detector, choice)
        data = subject.fp16()
        judgement, after = self._judged(judge, data, subject)
        if not judgement.passes or after is None:
            raise refusal(subject, judgement)
        return self._finished(subject, data, self._facts(subject, judgement, None, ()), judgement)

    def _calibrated(self, subject: Subject, detector: Detector, choice: Choice) -> Calibrated:
        """The histograms over the calibration pictures, each of which the float model looks at as well.

        Raises:
            QuantisationError: There are too few, or the float model finds nothing in any of them.
        """
        digest, looked = Digest(), Looked(subject.card.task)
        with self.progress("calibrating", len(choice.calibrating)) as advance:

            def images() -> Iterator[NDArray[np.uint8]]:
                for image in self.pictures.read(choice.calibrating):
                    digest.add(image)
                    looked.at(image, ask(detector, image))
                    yield image

            histograms = collect(subject.data, subject.tensors, Feeding(subject.reading), images(), advance)
        name = subject.reading.subject.name
        if looked.count < FEWEST:
            bad = f", {len(self.pictures.unreadable)} could not be read" if self.pictures.unreadable else ""
            raise QuantisationError(
                f"{self.pictures.name}: {looked.count} pictures to calibrate on{bad}; expected at least {FEWEST}, and "
                f"{self.settings.pictures} are better. Give more pictures with --data"
            )
        if not looked.seen and not self.settings.any_pictures:
            raise QuantisationError(
                f"{self.pictures.name}: {name} finds nothing above {CONFIDENCE} in any of {looked.count} pictures, so they "
                "are hardly what it was made for. Give pictures of the line with what it detects in them, correct how "
                "the model is fed, or use --any-pictures"
            )
        return Calibrated(
            self.settings.pictures,
            looked.count,
            str(digest),
            looked.seen,
            histograms,
            tuple(looked.images),
            tuple(looked.answers),
        )

    def _judge(self, detector: Detector, choice: Choice) -> Judge:
        truths = 0 if self.truth is None else len(self.truth.pictures)
        with self.progress("the float model", len(choice.judging) + truths) as advance:
            return Judge(
                detector,
                lambda: self.pictures.read(choice.judging),
                truth=self.truth,
                settings=self.settings.evaluation,
                max_drop=self.settings.max_drop,
                on_picture=advance,
            )

    def _sensitivity(self, subject: Subject, chosen: Ranges, calibrated: Calibrated) -> Sensitivity:
        until = self.clock() + self.settings.search_s
        with self.progress("fragile layers", None) as advance:
            return measure_sensitivity(
                subject.tail.last,
                subject.units,
                subject.damage(chosen, calibrated.images, calibrated.expected),
                tolerance=self.settings.tolerance,
                is_late=lambda: self.clock() >= until,
                on_group=lambda _: advance(),
            )

    def _judged(self, judge: Judge, data: bytes, subject: Subject) -> tuple[Judgement, ModelCard | None]:
        """A form judged as a file, opened as any user's is; its card, or `None` where it is dead."""
        with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
            path = Path(folder) / subject.card.file
            path.write_bytes(data)
            try:
                detector = Detector(path, facts=self.facts, cache=Path(folder) / "cache")
            except DeadModelError as fault:
                return judge.dead(str(fault)), None
            refuse_other(subject.card, detector.card)
            with self.progress("the quantised model", None) as advance:
                return judge(detector, advance), detector.card

    def _facts(
        self,
        subject: Subject,
        judgement: Judgement,
        calibrated: Calibrated | None,
        kept: tuple[Measured, ...],
    ) -> dict[str, str]:
        """What the file says of how it was made."""
        facts = {
            "lineside.quantised": self.settings.precision,
            "lineside.version": VERSION,
            "lineside.source_sha256": subject.card.sha256,
            "lineside.figures": json.dumps(figures(judgement)),
        }
        if calibrated is not None:
            facts |= {
                "lineside.method": self.settings.method,
                "lineside.pictures": str(calibrated.used),
                "lineside.pictures_sha256": calibrated.digest,
                "lineside.in_float": ", ".join(one.group.name for one in kept),
            }
        if subject.card.names_from == "by hand":
            facts["names"] = str(dict(enumerate(subject.card.names)))
        return facts

    def _finished(  # what is known of the form that passed
        self,
        subject: Subject,
        data: bytes,
        facts: dict[str, str],
        judgement: Judgement,
        kept: tuple[Measured, ...] = (),
        found: Sensitivity | None = None,
        calibrated: Calibrated | None = None,
    ) -> Outcome:
        original = subject.reading.subject.model
        content = described(data, original, facts)
        with tempfile.TemporaryDirectory(prefix="lineside-") as folder:
            path = Path(folder) / subject.card.file
            path.write_bytes(content)
            reading = read_model(ModelFile.read(path), facts=self.facts, run=run_once)
        with self.progress("measuring", None):
            speed = _speed(subject.reading, reading)
        card = ModelCard.of(reading)
        return Outcome(
            content, self.settings, subject.card, card, judgement, kept, found, calibrated, speed=speed
        )


def _speed(before: Reading, after: Reading) -> dict[str, Measurement]:
    """Both models as lineside runs them, taking turns, with every usable core."""
    models = {"float": prepare(before, run_once)[0], "quantised": prepare(after, run_once)[0]}
    feeds = before.subject.picture.feeds(before.planes)
    return measure(models, feeds, threads=usable_cores(), runs=_RUNS)


def _notes(quantiser: Quantiser, outcome: Outcome, choice: Choice) -> list[str]:
    """What a user should know of how it came about, one sentence each."""
    found = []
    calibrated = outcome.calibrated
    if calibrated is not None and calibrated.used < calibrated.asked:
        found.append(
            f"calibrated on {calibrated.used} pictures; {calibrated.asked} were asked for, and more are better"
        )
    if quantiser.pictures.unreadable:
        found.append(f"{len(quantiser.pictures.unreadable)} pictures could not be read and were left out")
    if calibrated is not None and not choice.held_out:
        found.append(
            "the pictures are so few that it was compared on those that it was calibrated on; judge it on others with "
            "lineside eval"
        )
    if outcome.sensitivity is not None and outcome.sensitivity.timed_out:
        found.append("the time for fragile layers ran out (--search-s); the rest was not measured alone")
    if outcome.settings.precision == "fp16":
        found.append(
            "fp16 is meant for GPUs and NPUs: on a CPU it is computed in float32, and not faster than that"
        )
    if outcome.sensitivity is not None and quantiser.truth is None:
        found.append("judged by its agreement with the float model alone; a data set with --truth says more")
    return found
