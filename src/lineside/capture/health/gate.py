"""The gate before the model: a picture that cannot be judged is told apart, with what is wrong with it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from lineside.capture.health.measures import EDGES_PX, measure
from lineside.core.documents import Table
from lineside.core.errors import ImageFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.capture.health.baseline import Baseline, Range
    from lineside.capture.health.measures import Measures


class Ailment(StrEnum):
    """What keeps a picture from being judged. The list is closed."""

    FORMAT = "format"
    """It is no picture, or has another size than the camera's pictures usually have, or no colour where they have some."""
    DEAD = "dead"
    """It shows nothing: one even surface, as of a covered lens or a sensor that failed."""
    FROZEN = "frozen"
    """It is the picture before, once more."""
    REPEATED = "repeated"
    """It is an older picture, once more."""
    DARK = "dark"
    """Darker than is usual."""
    BRIGHT = "bright"
    """Brighter than is usual."""
    SATURATED = "saturated"
    """More of it is white than is usual."""
    DEFOCUSED = "defocused"
    """Less sharp than is usual."""
    SHIFTED = "shifted"
    """What the camera sees has moved: the camera was pushed, or the parts lie elsewhere."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a picture.

    Attributes:
        ailment: In one word.
        detail: As a sentence, with what was measured and what is usual.
    """

    ailment: Ailment
    detail: str


class HealthSettings(Table):
    """How far from usual a picture may be. The defaults were found on the drawn plant; `docs/health.md` has the figures."""

    enabled: Annotated[
        bool, Field(description="whether pictures are looked at; without, a black one is judged")
    ] = True
    repeats: Annotated[bool, Field(description="whether a picture that comes again is refused")] = True
    focus: Annotated[
        float, Field(gt=0, le=5, description="below the lowest usual logarithm of sharpness")
    ] = 0.09
    level: Annotated[float, Field(gt=0, le=5, description="beyond the usual logarithms of the mean")] = 0.25
    saturated: Annotated[
        float, Field(gt=0, le=1, description="share of white above the highest usual one")
    ] = 0.01
    shift: Annotated[
        float, Field(gt=0, le=0.5, description="of the shorter side, that what is seen may move")
    ] = 0.2
    contrast: Annotated[float, Field(ge=0, le=64, description="grey values; an evener picture is dead")] = 2.0
    darkest: Annotated[float, Field(ge=0, le=255, description="mean grey value, where no baseline is")] = 6.0
    brightest: Annotated[float, Field(ge=0, le=255, description="mean grey value, where no baseline is")] = (
        245.0
    )
    whitest: Annotated[float, Field(ge=0, le=1, description="share of white, where no baseline is")] = 0.6


_REMEMBERED = 32  # pictures that none may repeat
_SEEN_TOGETHER = 5  # pictures in which a shift is looked for
_MOVED = 1.0  # how much better edges may fit elsewhere than where they belong: over several pictures
_MOVED_AT_ONCE = 1.25  # in one picture alone, where the part itself differs


@dataclass(slots=True)
class HealthGate:
    """Looks at each picture of one camera in turn.

    Without a baseline it knows what is absurd: a dead, frozen, repeated, black or white picture. With one it knows what is
    unusual too. A shift is told from the last five pictures together, at once where it is plain; all else from each picture
    alone. It keeps state: one gate a camera, one thread at a time.

    Args:
        settings: How far from usual a picture may be.
        baseline: What is usual; `None` where nobody knows.
    """

    settings: HealthSettings = field(default_factory=HealthSettings)
    baseline: Baseline | None = None
    _before: deque[int] = field(init=False, default_factory=lambda: deque(maxlen=_REMEMBERED))
    _fits: deque[NDArray[np.float32]] = field(
        init=False, default_factory=lambda: deque(maxlen=_SEEN_TOGETHER)
    )
    _usual: NDArray[np.complex64] | None = field(init=False, default=None)
    _near: NDArray[np.bool_] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.baseline is not None:
            self._usual = np.conj(np.fft.rfft2(self.baseline.edges))
            self._near = _near(self.baseline, self.settings.shift)

    def check(self, image: NDArray[np.uint8]) -> Finding | None:
        """What is wrong with the next picture, or `None` where it can be judged.

        Args:
            image: uint8 BGR (H, W, 3) or grey (H, W). It is not kept.
        """
        if not self.settings.enabled:
            return None
        try:
            measures = measure(image)
        except ImageFormatError as fault:
            return Finding(Ailment.FORMAT, str(fault))
        return self.judge(measures)

    def judge(self, measures: Measures) -> Finding | None:
        """The same for what was measured in the next picture already."""
        if not self.settings.enabled:
            return None
        repeat = self._repeat(measures)
        found = _dead(measures, self.settings) or self._form(measures) or repeat
        if found is not None:
            return found
        if self.baseline is None:
            return _absurd(measures, self.settings)
        for look in _LOOKS:
            if (found := look(measures, self.baseline, self.settings)) is not None:
                return found
        return self._shift(measures)

    def _form(self, measures: Measures) -> Finding | None:
        """Whether it has the form of the pictures that were learned from."""
        usual = self.baseline
        if usual is None:
            return None
        if measures.size != usual.size:
            return Finding(
                Ailment.FORMAT, f"a picture of {measures.size}; the baseline was learned from {usual.size}"
            )
        if usual.coloured and measures.is_grey:
            return Finding(Ailment.FORMAT, "a picture without colour; those of the baseline have some")
        return None

    def _repeat(self, measures: Measures) -> Finding | None:
        """Whether this picture came before. It is remembered either way."""
        before, mark = self._before, measures.fingerprint
        found = None
        if self.settings.repeats and before and before[-1] == mark:
            found = Finding(Ailment.FROZEN, "the same picture as before, to the last bit")
        elif self.settings.repeats and mark in before:
            back = len(before) - list(before).index(mark)
            found = Finding(Ailment.REPEATED, f"the same picture as {back} pictures before, to the last bit")
        before.append(mark)
        return found

    def _shift(self, measures: Measures) -> Finding | None:
        """Where the edges fit best: where they usually are, or elsewhere."""
        assert self._usual is not None
        assert self._near is not None
        fit = np.fft.irfft2(self._usual * np.fft.rfft2(measures.edges), s=(EDGES_PX, EDGES_PX)).astype(
            np.float32
        )
        self._fits.append(fit)
        now = self._elsewhere(fit)
        together = self._elsewhere(np.mean(self._fits, axis=0)) if len(self._fits) == _SEEN_TOGETHER else 0.0
        if now < _MOVED_AT_ONCE and together < _MOVED:
            return None
        return Finding(
            Ailment.SHIFTED,
            f"edges fit {max(now, together):.2f} times as well more than {self.settings.shift:.0%} of the picture away from "
            "where they usually are",
        )

    def _elsewhere(self, fit: NDArray[np.float32]) -> float:
        """How much better the edges fit far away than near."""
        near = max(float(fit[self._near].max()), 1e-6)
        return float(fit[~self._near].max()) / near if self._near is not None else 0.0


def _near(baseline: Baseline, share: float) -> NDArray[np.bool_]:
    """The places of a correlation that are less than a share of the shorter side away from no shift at all."""
    steps = (np.arange(EDGES_PX) + EDGES_PX // 2) % EDGES_PX - EDGES_PX // 2
    height, width = baseline.size.height, baseline.size.width
    down, across = steps[:, None] * height / EDGES_PX, steps[None] * width / EDGES_PX
    return np.asarray(np.hypot(down, across) <= share * min(height, width), np.bool_)


def _dead(measures: Measures, settings: HealthSettings) -> Finding | None:
    if measures.contrast > settings.contrast:
        return None
    grey = math.exp(measures.level) - 1
    detail = f"one even surface of grey value {grey:.0f}, with a contrast of {measures.contrast:.1f}"
    return Finding(Ailment.DEAD, f"{detail}; expected more than {settings.contrast:g}")


def _absurd(measures: Measures, settings: HealthSettings) -> Finding | None:
    grey = math.exp(measures.level) - 1
    if grey < settings.darkest:
        return Finding(
            Ailment.DARK, f"a mean grey value of {grey:.1f}; expected at least {settings.darkest:g}"
        )
    if grey > settings.brightest:
        return Finding(
            Ailment.BRIGHT, f"a mean grey value of {grey:.1f}; expected at most {settings.brightest:g}"
        )
    if measures.saturated > settings.whitest:
        share = f"{measures.saturated:.0%} of the pixels are white"
        return Finding(Ailment.SATURATED, f"{share}; expected at most {settings.whitest:.0%}")
    return None


def _light(measures: Measures, baseline: Baseline, settings: HealthSettings) -> Finding | None:
    usual = baseline.level
    grey = math.exp(measures.level) - 1
    about = f"a mean grey value of {grey:.0f}; usual is {_grey(usual)}"
    if measures.level < usual.low - settings.level:
        return Finding(Ailment.DARK, about)
    if measures.level > usual.high + settings.level:
        return Finding(Ailment.BRIGHT, about)
    return None


def _grey(usual: Range) -> str:
    return f"{math.exp(usual.low) - 1:.0f} to {math.exp(usual.high) - 1:.0f}"


def _white(measures: Measures, baseline: Baseline, settings: HealthSettings) -> Finding | None:
    if measures.saturated <= baseline.saturated.high + settings.saturated:
        return None
    share = f"{measures.saturated:.1%} of the pixels are white"
    return Finding(Ailment.SATURATED, f"{share}; usual is at most {baseline.saturated.high:.1%}")


def _sharp(measures: Measures, baseline: Baseline, settings: HealthSettings) -> Finding | None:
    if measures.focus >= baseline.focus.low - settings.focus:
        return None
    usual = f"{baseline.focus.low:.2f} to {baseline.focus.high:.2f}"
    return Finding(Ailment.DEFOCUSED, f"a sharpness of {measures.focus:.2f}; usual is {usual}")


_LOOKS: tuple[Callable[[Measures, Baseline, HealthSettings], Finding | None], ...] = (_light, _white, _sharp)
