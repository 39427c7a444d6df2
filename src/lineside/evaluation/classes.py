"""Which class of the data set is which class of the model, and which of them are defects."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lineside.core.errors import DatasetError, UnknownNameError, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.evaluation.truth import Dataset

_PLACEHOLDER = re.compile(r"(?:class|cls)?[\s_-]*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClassMatch:
    """How the classes of a data set and of a model belong together.

    Attributes:
        names: Class names of the data set (the model's, where the data set has numbers only).
        model_id: The model's class id of each of them.
        by: `name`, or `order` where one side has no names.
        not_judged: The model's classes that the data set does not label; their detections are left out.
    """

    names: tuple[str, ...]
    model_id: tuple[int, ...]
    by: Literal["name", "order"]
    not_judged: tuple[str, ...] = ()

    def index_of_model_id(self, class_count: int) -> NDArray[np.intp]:
        """The data set's class index of each model class, intp (class_count,); -1 where it has none."""
        index = np.full(class_count, -1, np.intp)
        index[list(self.model_id)] = np.arange(len(self.model_id))
        return index


def match_classes(dataset: Dataset, model_names: Sequence[str]) -> ClassMatch:
    """The classes of `dataset`, matched with the model's.

    They are matched by name, in any case of letters, where every name of the data set is one of the model's;
    by order where one side has placeholders ("0", "class 0") for names and the counts agree. COCO categories
    are ordered by their ids.

    Args:
        dataset: The data set.
        model_names: The model's class names, by class id.

    Raises:
        DatasetError: Neither is the case, or a name stands twice; the message names what differs.
    """
    names = dataset.names
    nameless = _are_placeholders(names) or _are_placeholders(model_names)
    if nameless and len(names) == len(model_names):
        shown = tuple(model_names) if _are_placeholders(names) else names
        return ClassMatch(shown, tuple(range(len(names))), "order")
    for whose, given in ((dataset.names_from, names), ("the model", model_names)):
        name, count = Counter(n.casefold().strip() for n in given).most_common(1)[0]
        if count > 1:
            raise DatasetError(
                f'{dataset.path}: the class name "{name}" stands {count} times in {whose}, so the classes cannot '
                "be matched by name. Make the names unique"
            )
    ids = {name.casefold().strip(): i for i, name in enumerate(model_names)}
    unknown = [name for name in names if name.casefold().strip() not in ids]
    if unknown:
        raise DatasetError(_difference(dataset, model_names, unknown, nameless=nameless))
    matched = tuple(ids[name.casefold().strip()] for name in names)
    rest = set(range(len(model_names))) - set(matched)
    return ClassMatch(names, matched, "name", tuple(model_names[i] for i in sorted(rest)))


def choose_defects(names: Sequence[str], wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Which classes are defects, bool (len(names),).

    Args:
        names: Class names of the data set.
        wanted: Names, in any case of letters; each may be several, separated by commas. None: every class.

    Raises:
        UnknownNameError: A wanted name is not among the names.
    """
    if not wanted:
        return np.ones(len(names), np.bool_)
    index = {name.casefold().strip(): i for i, name in enumerate(names)}
    chosen = np.zeros(len(names), np.bool_)
    for entry in wanted:
        # A name may hold a comma itself.
        parts = [entry] if entry.casefold().strip() in index else entry.split(",")
        for part in parts:
            key = part.casefold().strip()
            if key not in index:
                raise UnknownNameError(
                    f'--defects: no class "{part.strip()}" in the data set{near(part.strip(), names)}'
                )
            chosen[index[key]] = True
    return chosen


def _are_placeholders(names: Sequence[str]) -> bool:
    matches = (_PLACEHOLDER.fullmatch(name.strip()) for name in names)
    return all(match is not None and int(match[1]) == i for i, match in enumerate(matches))


def _difference(
    dataset: Dataset, model_names: Sequence[str], unknown: Sequence[str], *, nameless: bool
) -> str:
    if nameless:
        return (
            f"{dataset.path}: {len(dataset.names)} classes in {dataset.names_from}, {len(model_names)} in the "
            "model, and one side has no names, so they can be matched neither by name nor by order. "
            "Give the model the names of all its classes"
        )
    listed = ", ".join(f'"{name}"' for name in unknown[:5]) + (", …" if len(unknown) > 5 else "")
    return (
        f"{dataset.path}: {len(unknown)} of {len(dataset.names)} classes in {dataset.names_from} are not the "
        f"model's: {listed}{near(unknown[0], model_names)}. Rename them in the data set, or set the model's names"
    )
