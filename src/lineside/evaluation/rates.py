"""Escape and overkill: how many bad pictures pass, and how many good ones are rejected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.evaluation.examine import Examined

Quality = Literal["bad", "good", "neither"]
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class PictureScore:
    """What one picture says about the rates.

    Attributes:
        quality: `bad` with a true box of a defect class; `neither` when all of those are ignored; else `good`.
        score: The highest confidence of a detection of a defect class, wherever it is; `None` without any.
            The picture is judged bad at every threshold up to it.
    """

    quality: Quality
    score: float | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Escape and overkill at one threshold, with the pictures that they rest on.

    Attributes:
        threshold: A picture is judged bad when a detection of a defect class reaches it.
        escaped: Bad pictures judged good.
        bad: Bad pictures.
        overkilled: Good pictures judged bad.
        good: Good pictures.
    """

    threshold: float
    escaped: int
    bad: int
    overkilled: int
    good: int

    @property
    def escape(self) -> float | None:
        """Bad pictures judged good / bad pictures; `None` (not available) without bad pictures."""
        return self.escaped / self.bad if self.bad else None

    @property
    def overkill(self) -> float | None:
        """Good pictures judged bad / good pictures; `None` (not available) without good pictures."""
        return self.overkilled / self.good if self.good else None

    @property
    def escape_bound(self) -> float | None:
        """The true escape rate is not above this, with 95 % confidence."""
        return upper_bound(self.escaped, self.bad) if self.bad else None

    @property
    def overkill_bound(self) -> float | None:
        """The true overkill rate is not above this, with 95 % confidence."""
        return upper_bound(self.overkilled, self.good) if self.good else None


@dataclass(frozen=True, slots=True, eq=False)
class RateCurve:
    """Escape and overkill over the threshold. They change only where a picture's score is passed.

    Attributes:
        lowest: The confidence that the detector was asked for: no rate is known below it.
        thresholds: float64 (T,), ascending, up to 1. Counts hold above the threshold before, up to this one.
        escaped: Bad pictures judged good, int64 (T,).
        overkilled: Good pictures judged bad, int64 (T,).
        bad: Bad pictures.
        good: Good pictures.
        neither: Pictures whose true boxes of defect classes are all ignored.
    """

    lowest: float
    thresholds: NDArray[np.float64]
    escaped: NDArray[np.int64]
    overkilled: NDArray[np.int64]
    bad: int
    good: int
    neither: int

    def at(self, threshold: float) -> Rates:
        """The rates at any threshold from `lowest` to 1.

        Raises:
            SettingsError: The threshold is outside that range.
        """
        if not self.lowest <= threshold <= 1:
            raise SettingsError(f"rates are known for thresholds {self.lowest:g} to 1, not for {threshold:g}")
        step = int(np.searchsorted(self.thresholds, threshold, side="left"))
        return Rates(threshold, int(self.escaped[step]), self.bad, int(self.overkilled[step]), self.good)

    def range_of(self, step: int) -> tuple[float, float]:
        """The thresholds of equal rates of one step: above the first (or from `lowest`), up to the second."""
        return (float(self.thresholds[step - 1]) if step else self.lowest), float(self.thresholds[step])


def score_pictures(examined: Sequence[Examined], defects: NDArray[np.bool_]) -> tuple[PictureScore, ...]:
    """What each picture says about the rates.

    Args:
        examined: The pictures, with truth and detections.
        defects: Which classes are defects, bool (K,).
    """
    return tuple(_score(one, defects) for one in examined)


def _score(one: Examined, defects: NDArray[np.bool_]) -> PictureScore:
    true = defects[one.truth.class_index]
    quality: Quality = "good"
    if true.any():
        quality = "bad" if (true & ~one.truth.ignored).any() else "neither"
    scores = one.found.confidence[defects[one.found.class_index]]
    return PictureScore(quality, float(scores.max()) if len(scores) else None)


@dataclass(frozen=True, slots=True, eq=False)
class ClassEscapes:
    """Which defects escape at one threshold.

    Attributes:
        pictures: Bad pictures that hold a true box of the class, int64 (K,); 0 for classes that are no defects.
        escaped: How many of them are judged good, int64 (K,).
    """

    pictures: NDArray[np.int64]
    escaped: NDArray[np.int64]


def escapes_by_class(
    examined: Sequence[Examined],
    scores: Sequence[PictureScore],
    defects: NDArray[np.bool_],
    threshold: float,
) -> ClassEscapes:
    """The escapes at a threshold, by the classes of the defects in them; one with two counts for both.

    Args:
        examined: The pictures.
        scores: What each of them says about the rates.
        defects: Which classes are defects, bool (K,).
        threshold: Where a picture is judged bad.
    """
    held = np.zeros((len(examined), len(defects)), np.bool_)
    for row, one in zip(held, examined, strict=True):
        row[one.truth.class_index[~one.truth.ignored]] = True
    held &= defects
    escaped = np.array([score.score is None or score.score < threshold for score in scores])
    return ClassEscapes(held.sum(axis=0), held[escaped].sum(axis=0))


def rate_curve(scores: Sequence[PictureScore], lowest: float) -> RateCurve:
    """Escape and overkill over the threshold.

    Args:
        scores: One for each picture.
        lowest: The confidence that the detector was asked for.
    """
    bad, good = _sorted_scores(scores, "bad"), _sorted_scores(scores, "good")
    every = np.concatenate([bad, good, [1.0]])
    thresholds = np.unique(every[every >= lowest])
    return RateCurve(
        lowest=lowest,
        thresholds=thresholds,
        escaped=np.searchsorted(bad, thresholds, side="left").astype(np.int64),
        overkilled=(len(good) - np.searchsorted(good, thresholds, side="left")).astype(np.int64),
        bad=len(bad),
        good=len(good),
        neither=len(scores) - len(bad) - len(good),
    )


def _sorted_scores(scores: Sequence[PictureScore], quality: Quality) -> NDArray[np.float64]:
    chosen = (s.score for s in scores if s.quality == quality)
    # A picture without detections is judged good at every threshold, even at 0.
    return np.sort(np.array([-np.inf if score is None else score for score in chosen], np.float64))


def upper_bound(events: int, trials: int) -> float:
    """The rate that is not exceeded with 95 % confidence after `events` in `trials`.

    One-sided Clopper-Pearson bound (Clopper and Pearson, Biometrika 26, 1934): the rate at which so few
    events would be seen in 5 % of the cases, found by bisection.
    """
    if events >= trials:
        return 1.0
    counts = np.arange(events + 1)
    whole = math.lgamma(trials + 1)
    log_ways = np.array([whole - math.lgamma(i + 1) - math.lgamma(trials - i + 1) for i in counts.tolist()])
    low, high = events / trials, 1.0
    while high - low > 1e-9:
        rate = (low + high) / 2
        log_terms = log_ways + counts * math.log(rate) + (trials - counts) * math.log1p(-rate)
        if np.exp(log_terms).sum() > 1 - LEVEL:
            low = rate
        else:
            high = rate
    return high


def trials_to_prove(rate: float) -> int:
    """How many trials without an event show, with 95 % confidence, that the true rate is at most `rate`."""
    return math.ceil(math.log(1 - LEVEL) / math.log1p(-rate))
