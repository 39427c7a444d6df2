"""A model judged on a data set: the whole of it, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.evaluation.classes import choose_defects, match_classes
from lineside.evaluation.coco_metrics import library, measure
from lineside.evaluation.confusion import confusion
from lineside.evaluation.examine import examine
from lineside.evaluation.notes import notes_on
from lineside.evaluation.operating_point import best_f1
from lineside.evaluation.rates import escapes_by_class, rate_curve, score_pictures
from lineside.evaluation.settings import EvaluationSettings
from lineside.evaluation.suggestion import suggest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.evaluation.classes import ClassMatch
    from lineside.evaluation.coco_metrics import CocoMetrics
    from lineside.evaluation.confusion import Confusion
    from lineside.evaluation.examine import Examined, Judged
    from lineside.evaluation.operating_point import OperatingPoint
    from lineside.evaluation.rates import ClassEscapes, PictureScore, RateCurve, Rates
    from lineside.evaluation.suggestion import Suggestion
    from lineside.evaluation.truth import Dataset

DEFAULT_CONFIDENCE = 0.25  # of a Detector that is not told another


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What is known about a model after it ran over a data set.

    Attributes:
        dataset: The data set.
        model: The model's card, as a dictionary.
        settings: How it was judged.
        match: The data set's classes in the model.
        defects: Which classes are defects, bool (K,).
        examined: The pictures, with truth and detections.
        scores: What each picture says about the rates, in the same order.
        coco: Average precision.
        operating_point: Precision and recall where F1 is best; `None` without truth.
        confusion: What is taken for what.
        curve: Escape and overkill over the threshold.
        suggestion: The threshold for the line.
        notes: What a reader must know to trust the figures, sentences.
    """

    dataset: Dataset
    model: dict[str, Any]
    settings: EvaluationSettings
    match: ClassMatch
    defects: NDArray[np.bool_]
    examined: tuple[Examined, ...]
    scores: tuple[PictureScore, ...]
    coco: CocoMetrics
    operating_point: OperatingPoint | None
    confusion: Confusion
    curve: RateCurve
    suggestion: Suggestion
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The class names, in the order of every per-class figure."""
        return self.match.names

    @property
    def map50_95(self) -> float | None:
        """COCO mAP: the mean of `coco.ap50_95` over the classes with truth; `None` without any."""
        return mean_of(self.coco.ap50_95)

    @property
    def map50(self) -> float | None:
        """The mean of `coco.ap50` over the classes with truth; `None` without any."""
        return mean_of(self.coco.ap50)

    @property
    def map75(self) -> float | None:
        """The mean of `coco.ap75` over the classes with truth; `None` without any."""
        return mean_of(self.coco.ap75)

    @property
    def mean_precision(self) -> float | None:
        """The mean precision at the best F1, over the classes with truth that are found at all."""
        point = self.operating_point
        return mean_of(point.precision[self.coco.truths > 0]) if point else None

    @property
    def mean_recall(self) -> float | None:
        """The mean recall at the best F1, over the classes with truth."""
        return mean_of(self.operating_point.recall) if self.operating_point else None

    @property
    def mean_f1(self) -> float | None:
        """The highest mean F1 of the classes with truth."""
        return mean_of(self.operating_point.f1) if self.operating_point else None

    @property
    def shown_rates(self) -> tuple[Rates, ...]:
        """Escape and overkill at the thresholds that a reader asks about, ascending.

        They are the suggested one, the one with the best F1, and the detector's default of 0.25.
        """
        thresholds = {DEFAULT_CONFIDENCE} if self.curve.lowest <= DEFAULT_CONFIDENCE else set()
        if self.suggestion.rates:
            thresholds.add(self.suggestion.rates.threshold)
        if self.operating_point:
            thresholds.add(self.operating_point.threshold)
        return tuple(self.curve.at(threshold) for threshold in sorted(thresholds))

    @property
    def class_escapes(self) -> ClassEscapes | None:
        """The escapes of each defect class at the suggested threshold; `None` without one."""
        if not self.suggestion.rates:
            return None
        threshold = self.suggestion.rates.threshold
        return escapes_by_class(self.examined, self.scores, self.defects, threshold)


def mean_of(values: NDArray[np.float64]) -> float | None:
    """The mean of the values that are not NaN; `None` when all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def evaluate(
    detector: Judged,
    dataset: Dataset,
    settings: EvaluationSettings | None = None,
    on_picture: Callable[[], None] = lambda: None,
) -> Evaluation:
    """The detector, judged on the data set.

    Args:
        detector: What is judged: a `lineside.Detector`, or anything that answers like one.
        dataset: Pictures with their truth, from `open_dataset`.
        settings: How to judge; the defaults of `EvaluationSettings` if left out.
        on_picture: Called after each picture.

    Raises:
        NotInstalledError: faster-coco-eval is not installed.
        DatasetError: The data set does not fit the model, or its pictures do not fit its boxes.
        UnknownNameError: A defect class is not in the data set.
        ImageError: A picture cannot be read or judged.
    """
    settings = settings or EvaluationSettings()
    library()  # a missing package is told before the pictures, not after them
    match = match_classes(dataset, detector.names)
    defects = choose_defects(match.names, settings.defects)
    examined = tuple(examine(detector, dataset, match, settings, on_picture))
    coco = measure(examined, len(match.names), settings.max_detections)
    scores = score_pictures(examined, defects)
    curve = rate_curve(scores, settings.confidence)
    return Evaluation(
        dataset=dataset,
        model=detector.card.to_dict(),
        settings=settings,
        match=match,
        defects=defects,
        examined=examined,
        scores=scores,
        coco=coco,
        operating_point=best_f1(coco, settings.confidence),
        confusion=confusion(examined, len(match.names), settings.confidence),
        curve=curve,
        suggestion=suggest(curve, settings.max_escape),
        notes=notes_on(dataset, match, settings, examined, all_defects=bool(np.all(defects))),
    )
