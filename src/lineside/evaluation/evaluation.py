"""A model judged on a data set: the whole of it, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import DatasetError
from lineside.evaluation.classes import choose_defects, match_classes
from lineside.evaluation.coco_metrics import library, measure, unmeasured
from lineside.evaluation.confusion import confusion, confusion_of_classes
from lineside.evaluation.examine import examine
from lineside.evaluation.notes import demotions, notes_on
from lineside.evaluation.operating_point import best_f1
from lineside.evaluation.rates import escapes_by_class, rate_curve, score_pictures
from lineside.evaluation.settings import EvaluationSettings
from lineside.evaluation.suggestion import suggest
from lineside.evaluation.top_classes import top_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.evaluation.classes import ClassMatch
    from lineside.evaluation.coco_annotations import Measure
    from lineside.evaluation.coco_metrics import CocoMetrics
    from lineside.evaluation.confusion import Confusion
    from lineside.evaluation.examine import Examined, Judged
    from lineside.evaluation.operating_point import OperatingPoint
    from lineside.evaluation.rates import ClassEscapes, PictureScore, RateCurve, Rates
    from lineside.evaluation.suggestion import Suggestion
    from lineside.evaluation.top_classes import TopClasses
    from lineside.evaluation.truth import Dataset, Truth

DEFAULT_CONFIDENCE = 0.25  # of a Detector that is not told another
EVEN = 0.5
_MEASURES: dict[str, Measure] = {
    "detect": "boxes",
    "segment": "masks",
    "pose": "keypoints",
    "obb": "oriented",
}
_NEEDED: dict[Measure, tuple[str, Callable[[Truth], object]]] = {
    "masks": ("masks", lambda truth: truth.outlines),
    "keypoints": ("keypoints", lambda truth: truth.keypoints),
    "oriented": ("oriented boxes", lambda truth: truth.corners),
}


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What is known about a model after it ran over a data set.

    Attributes:
        dataset: The data set.
        model: The model's card, as a dictionary.
        device: The report on the device that it ran on; `None` for a detector that has none.
        task: What the model answers, and is judged by: `detect`, `segment`, `pose`, `obb` or `classify`.
        settings: How it was judged.
        match: The data set's classes in the model.
        defects: Which classes are defects, bool (K,).
        examined: The pictures, with truth and detections.
        scores: What each picture says about the rates, in the same order.
        coco: Average precision, by the measure of the task; of a classifier all of it is NaN.
        boxes: Average precision of the boxes of masks and of keypoints; `None` of other tasks.
        top: The accuracy of a classifier; `None` of other tasks.
        operating_point: Precision and recall where F1 is best; `None` without truth, and of a classifier.
        confusion: What is taken for what.
        curve: Escape and overkill over the threshold.
        suggestion: The threshold for the line.
        notes: What a reader must know to trust the figures, sentences.
    """

    dataset: Dataset
    model: dict[str, Any]
    device: dict[str, Any] | None
    task: str
    settings: EvaluationSettings
    match: ClassMatch
    defects: NDArray[np.bool_]
    examined: tuple[Examined, ...]
    scores: tuple[PictureScore, ...]
    coco: CocoMetrics
    boxes: CocoMetrics | None
    top: TopClasses | None
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

        They are the suggested one, the one with the best F1, and the detector's default of 0.25 (of a classifier
        0.5, above which no other class can be the better one).
        """
        usual = DEFAULT_CONFIDENCE if self.top is None else EVEN
        thresholds = {usual} if self.curve.lowest <= usual else set()
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
    model = detector.card.to_dict()
    truth = getattr(detector, "truth", None)  # a replay of known boxes runs on no device
    task = model.get("task", "detect")
    _refuse_other_truth(dataset, task)
    match = match_classes(dataset, detector.names)
    defects = choose_defects(match.names, settings.defects)
    if task == "classify" and not settings.defects:
        defects[:] = False  # a class of the whole picture is no defect unless it is named as one
    examined = tuple(examine(detector, dataset, match, settings, on_picture))
    count = len(match.names)
    top = top_classes(examined, count) if task == "classify" else None
    by = _MEASURES.get(task, "boxes")
    coco = measure(examined, count, settings.max_detections, by) if top is None else unmeasured(top.pictures)
    has_boxes = by in {"masks", "keypoints"}
    scores = score_pictures(examined, np.append(defects, False))  # the data set has it not
    curve = rate_curve(scores, 0.0 if top else settings.confidence)
    return Evaluation(
        dataset=dataset,
        model=model,
        device=None if truth is None else truth.to_dict(),
        task=task,
        settings=settings,
        match=match,
        defects=defects,
        examined=examined,
        scores=scores,
        coco=coco,
        boxes=measure(examined, count, settings.max_detections) if has_boxes else None,
        top=top,
        operating_point=best_f1(coco, settings.confidence) if top is None else None,
        confusion=confusion_of_classes(top) if top else confusion(examined, count, settings.confidence),
        curve=curve,
        suggestion=suggest(curve, settings.max_escape),
        notes=(
            *demotions(truth),
            *notes_on(dataset, match, settings, examined, all_defects=bool(np.all(defects)), task=task),
        ),
    )


def _refuse_other_truth(dataset: Dataset, task: str) -> None:
    """Refuse a data set that was opened for another task.

    Raises:
        DatasetError: Its truth lacks what the task is judged by.
    """
    if (task == "classify") != (dataset.kind == "folders"):
        raise DatasetError(
            f"{dataset.path}: opened as {dataset.kind}, and the model's task is {task}. A classifier, and nothing "
            "else, is judged on a folder of pictures for each class: open_dataset(…, task=card.task)"
        )
    needed = _NEEDED.get(_MEASURES.get(task, "boxes"))
    if needed is None:
        return
    what, given = needed
    if any(given(picture.truth) is None for picture in dataset.pictures):
        raise DatasetError(
            f"{dataset.path}: its truth was read without {what}, by which a model for {task} is judged. "
            "Open it with the model's task: open_dataset(…, task=card.task)"
        )
