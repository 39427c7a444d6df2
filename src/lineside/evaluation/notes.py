"""What a reader must know to trust the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineside.evaluation.classes import ClassMatch
    from lineside.evaluation.examine import Examined
    from lineside.evaluation.settings import EvaluationSettings
    from lineside.evaluation.truth import Dataset


class Session(Protocol):
    """What is told of the session that was judged."""

    @property
    def is_demoted(self) -> bool:
        """Whether it runs on another device than was asked for."""

    @property
    def sentence(self) -> str:
        """On which, and why."""


def demotions(truth: Session | None) -> tuple[str, ...]:
    """The note on a model that was judged on another device than was asked for."""
    return (truth.sentence,) if truth is not None and truth.is_demoted else ()


def notes_on(
    dataset: Dataset,
    match: ClassMatch,
    settings: EvaluationSettings,
    examined: Sequence[Examined],
    *,
    all_defects: bool,
    task: str = "detect",
) -> tuple[str, ...]:
    """One sentence for each assumption that was made on the way to the figures.

    Args:
        dataset: The data set.
        match: How its classes were matched with the model's.
        settings: How it was judged.
        examined: The pictures.
        all_defects: Every class is a defect.
        task: What the model answers.
    """
    if task == "classify":
        return (*_on_dataset(dataset, match), *_on_classes(settings, match))
    return (
        *_on_dataset(dataset, match),
        *_on_task(task, examined),
        *_on_truth(settings, examined),
        *_on_detections(settings, examined, all_defects=all_defects),
    )


def _on_dataset(dataset: Dataset, match: ClassMatch) -> Iterator[str]:
    if match.by == "order":
        yield (
            f"The classes were matched by order, because one side has no names: {match.names[0]} is class 0 of "
            f"the model, {match.names[-1]} is class {len(match.names) - 1}."
        )
    elif dataset.names_from == "the model":
        yield "The data set has no class names; its label numbers were read as the model's classes."
    if match.not_judged and dataset.kind != "folders":
        listed = ", ".join(match.not_judged[:8]) + (", …" if len(match.not_judged) > 8 else "")
        yield (
            f"{len(match.not_judged)} classes of the model are not in the data set and were left out, their "
            f"detections too: {listed}."
        )
    if dataset.unlabelled:
        yield (
            f"{dataset.unlabelled} of {len(dataset.pictures)} pictures have no label file; by the convention of "
            "YOLO folders they count as good."
        )


def _on_classes(settings: EvaluationSettings, match: ClassMatch) -> Iterator[str]:
    if match.not_judged:
        listed = ", ".join(match.not_judged[:8]) + (", …" if len(match.not_judged) > 8 else "")
        yield (
            f"{len(match.not_judged)} classes of the model have no folder in the data set: {listed}. An answer of "
            "one of them is wrong."
        )
    if not settings.defects:
        yield (
            "No class is named as a defect, so neither escape nor overkill is judged. Name the classes of bad "
            "parts with --defects."
        )


def _on_task(task: str, examined: Sequence[Examined]) -> Iterator[str]:
    if task == "pose":
        bare = sum(
            int((~(one.truth.keypoints[:, :, 2] > 0).any(axis=1)).sum())
            for one in examined
            if one.truth.keypoints is not None
        )
        if bare:
            yield f"{bare} true objects have no labelled keypoint; as in COCO they are ignored regions."


def _on_truth(settings: EvaluationSettings, examined: Sequence[Examined]) -> Iterator[str]:
    ignored = sum(int(one.truth.ignored.sum()) for one in examined)
    if ignored:
        small = f", those with a longer side under {settings.min_size_px:g} px among them"
        yield (
            f"{ignored} true boxes are ignored regions{small if settings.min_size_px else ''}: neither they nor "
            "the detections in them count for or against the model. A detection in one still rejects its picture."
        )


def _on_detections(
    settings: EvaluationSettings, examined: Sequence[Examined], *, all_defects: bool
) -> Iterator[str]:
    truncated = sum(one.found.truncated for one in examined)
    if truncated:
        told = " The weakest were lost, and a defect may be among them." if not all_defects else ""
        yield f"In {truncated} pictures a cap (of {settings.max_detections} boxes) cut detections off.{told}"
    if settings.multi_label and not all_defects:
        yield (
            "A box counted for every class that it reached, so a defect counts that is only a box's second "
            "guess. A line keeps each box's best class: use --single-label for its rates."
        )
