"""How often a classifier's best class, and its five best, hold the true one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.evaluation.examine import Examined

FEW = 5


@dataclass(frozen=True, slots=True, eq=False)
class TopClasses:
    """The accuracy of a classifier.

    Attributes:
        pictures: Pictures of each class, int64 (K,).
        first: How many of them have it as their best class, int64 (K,).
        among_five: How many have it among their five best, int64 (K,).
        answered: How often each class is the best one, int64 (K,).
        counts: int64 (K, K + 1): row is the true class, column the best one; the last column counts classes that
            the data set does not have, and pictures without any answer.
    """

    pictures: NDArray[np.int64]
    first: NDArray[np.int64]
    among_five: NDArray[np.int64]
    answered: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def top1(self) -> float:
        """The share of pictures whose best class is the true one."""
        return float(self.first.sum() / self.pictures.sum())

    @property
    def top5(self) -> float:
        """The share of pictures with the true class among their five best."""
        return float(self.among_five.sum() / self.pictures.sum())

    @property
    def recall(self) -> NDArray[np.float64]:
        """Pictures of a class that are told to be of it, float64 (K,); NaN without any."""
        return _ratio(self.first, self.pictures)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Pictures told to be of a class that are of it, float64 (K,); NaN where none is."""
        return _ratio(self.first, self.answered)

    @property
    def f1(self) -> NDArray[np.float64]:
        """The harmonic mean of both, float64 (K,); NaN without pictures."""
        f1 = _ratio(2 * self.first, self.pictures + self.answered)
        f1[self.pictures == 0] = np.nan
        return f1


def top_classes(examined: Sequence[Examined], class_count: int) -> TopClasses:
    """The accuracy of a classifier over pictures, each of one class.

    Args:
        examined: The pictures; what was found are all classes, best first.
        class_count: Number of classes of the data set K.
    """
    true = np.array([one.truth.class_index[0] for one in examined], np.intp)
    best = np.array([(*one.found.class_index[:1], class_count)[0] for one in examined], np.intp)
    five = np.array(
        [k in one.found.class_index[:FEW] for k, one in zip(true, examined, strict=True)], np.bool_
    )
    counts = np.zeros((class_count, class_count + 1), np.int64)
    np.add.at(counts, (true, best), 1)
    return TopClasses(
        pictures=counts.sum(axis=1),
        first=counts.diagonal().copy(),
        among_five=np.bincount(true[five], minlength=class_count).astype(np.int64),
        answered=counts[:, :class_count].sum(axis=0),
        counts=counts,
    )


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
