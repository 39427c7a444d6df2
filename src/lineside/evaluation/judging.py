"""A changed model against the float one: by truth where there is some, else by how far they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DatasetError, ModelOutputError, SettingsError
from lineside.evaluation.agreement import agreement, ask
from lineside.evaluation.evaluation import DEFAULT_CONFIDENCE, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.detector.detector import Detector
    from lineside.evaluation.agreement import Agreement
    from lineside.evaluation.evaluation import Evaluation
    from lineside.evaluation.settings import EvaluationSettings
    from lineside.evaluation.truth import Dataset

MAX_DROP = 0.01
"""The most that is lost of mAP, or of a classifier's accuracy, unless set."""

MAX_DISAGREEMENT = 0.05
"""Without truth, the largest share of detections that one model has alone, unless set."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model reaches on a data set.

    Attributes:
        map50_95: COCO mAP; `None` of a classifier.
        map50: mAP at an IoU of 0.5; `None` of a classifier.
        accuracy: Of a classifier: the share of pictures whose best class is right.
        threshold: The confidence that the rates are of: the float model's suggested one.
        escape: Share of bad pictures judged good; `None` without any.
        overkill: Share of good pictures judged bad; `None` without any.
    """

    map50_95: float | None
    map50: float | None
    accuracy: float | None
    threshold: float
    escape: float | None
    overkill: float | None

    @classmethod
    def of(cls, evaluation: Evaluation, threshold: float) -> Scores:
        """The scores of an evaluation, with its rates at a threshold."""
        rates = evaluation.curve.at(max(threshold, evaluation.curve.lowest))
        top = evaluation.top
        return cls(
            map50_95=evaluation.map50_95,
            map50=evaluation.map50,
            accuracy=None if top is None else top.top1,
            threshold=threshold,
            escape=rates.escape,
            overkill=rates.overkill,
        )

    def drop_to(self, other: Scores) -> float:
        """By how much the other is worse: the larger of the losses in mAP and in mAP at 0.5, or of accuracy."""
        pairs = (
            (self.map50_95, other.map50_95),
            (self.map50, other.map50),
            (self.accuracy, other.accuracy),
        )
        return max(mine - (theirs or 0.0) for mine, theirs in pairs if mine is not None)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A changed model judged.

    Attributes:
        agreement: How far it agrees with the float model; `None` where it no longer answers.
        before: The float model's scores, where there is truth.
        after: The changed one's.
        allowed: The drop that was allowed.
        dead: Why it cannot be used at all, or an empty string.
    """

    agreement: Agreement | None
    before: Scores | None
    after: Scores | None
    allowed: float
    dead: str = ""

    @property
    def drop(self) -> float:
        """What is lost: of mAP or accuracy by truth, else of agreement; 1 of a dead model."""
        if self.dead or self.agreement is None:
            return 1.0
        if self.before is not None and self.after is not None:
            return self.before.drop_to(self.after)
        return 1 - self.agreement.agreement

    @property
    def passes(self) -> bool:
        """Whether no more is lost than allowed. What cannot be judged does not pass."""
        return not self.dead and self.drop <= self.allowed + 1e-9

    @property
    def lost(self) -> str:
        """What is lost, for people."""
        if self.dead:
            return self.dead
        if self.before is None:
            return f"{self.drop:.1%} of the detections are in one of the two models alone"
        what = "accuracy" if self.before.accuracy is not None else "mAP"
        return f"{100 * self.drop:.1f} points of {what} are lost"


class Judge:
    """Judges forms of one model by the same pictures.

    Args:
        detector: The float model.
        images: Makes the pictures that the answers are compared on, each time anew.
        count: How many they are at the most.
        truth: A data set to judge by, or `None`.
        settings: How it is judged.
        max_drop: What may be lost; `None` for `MAX_DROP` by truth, else `MAX_DISAGREEMENT`.

    Raises:
        SettingsError: The float model finds nothing to compare and there is no truth.
        DatasetError: Nothing is in the truth.
    """

    def __init__(  # what two models are compared by
        self,
        detector: Detector,
        images: Callable[[], Iterable[NDArray[np.uint8]]],
        *,
        truth: Dataset | None,
        settings: EvaluationSettings,
        max_drop: float | None,
        on_picture: Callable[[], None] = lambda: None,
    ) -> None:
        self._images, self._truth, self._settings = images, truth, settings
        self._task = detector.card.task
        usual = MAX_DISAGREEMENT if truth is None else MAX_DROP
        self.allowed = usual if max_drop is None else max_drop
        self._expected = tuple(self._asked(detector, on_picture))
        self.before: Scores | None = None
        if truth is not None:
            found = evaluate(detector, truth, settings, on_picture)
            rates = found.suggestion.rates
            self.before = Scores.of(found, DEFAULT_CONFIDENCE if rates is None else rates.threshold)
            if self.before.map50 is None and self.before.accuracy is None:
                raise DatasetError(
                    f"{truth.path}: no true object of the model's classes is in it, so it proves nothing. Give a data set "
                    "with what the model detects, or leave --truth out"
                )
        elif not agreement(zip(self._expected, self._expected, strict=True), self._task).expected:
            raise SettingsError(
                f"--data: {detector.card.file} finds nothing above 0.25 in the {len(self._expected)} pictures to compare on, so "
                "nothing would prove that another form of it answers as well. Give pictures with what it detects, or a data "
                "set with --truth"
            )

    def __call__(self, detector: Detector, on_picture: Callable[[], None] = lambda: None) -> Judgement:
        """A form of the model judged.

        Raises:
            NotInstalledError: There is truth, and the evaluation's packages are not installed.
            ImageError: A picture of the truth cannot be read.
        """
        try:
            answers = self._asked(detector, on_picture)
            agrees = agreement(zip(self._expected, answers, strict=True), self._task)
            after = None
            if self._truth is not None and self.before is not None:
                found = evaluate(detector, self._truth, self._settings, on_picture)
                after = Scores.of(found, self.before.threshold)
        except ModelOutputError as fault:
            return self.dead(str(fault))
        return Judgement(agrees, self.before, after, self.allowed)

    def dead(self, why: str) -> Judgement:
        """The judgement of a form that does not answer."""
        return Judgement(None, self.before, None, self.allowed, why)

    def _asked(self, detector: Detector, on_picture: Callable[[], None]) -> Iterator[Detections]:
        for image in self._images():
            yield ask(detector, image)
            on_picture()


def figures(judgement: Judgement) -> dict[str, Any]:
    """A judgement as a value that `json.dumps` takes."""
    agrees = judgement.agreement
    told: dict[str, Any] = {
        "drop": judgement.drop,
        "allowed": judgement.allowed,
        "judged_by": "truth" if judgement.before else "agreement",
        "agreement": None,
        "before": _scores(judgement.before),
        "after": _scores(judgement.after),
    }
    if agrees is not None:
        told["agreement"] = {
            "pictures": agrees.pictures,
            "agreement": _number(agrees.agreement),
            "recall": _number(agrees.recall),
            "precision": _number(agrees.precision),
            "expected": agrees.expected,
            "lost": agrees.lost,
            "found": agrees.found,
            "extra": agrees.extra,
            "overlap": _number(agrees.overlap),
            "drift": _number(agrees.drift),
            "same_verdict": agrees.verdicts,
        }
    return told


def _scores(scores: Scores | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    return None if scores is None else asdict(scores)


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 # NaN alone differs from itself
