"""`count`: there are exactly, at least or at most so many objects of these classes in each view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from lineside.judge.counting import counted
from lineside.judge.judgement import all_of
from lineside.judge.objects import Objects, ObjectsTable
from lineside.judge.views import each_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.core.inspection import View
    from lineside.judge.judgement import Judgement
    from lineside.judge.rule import About


class Settings(ObjectsTable):
    """How many there must be: `exactly`, or `at_least` and `at_most` or one of them."""

    exactly: int | None = Field(None, ge=0, strict=True)
    """Not more and not less."""
    at_least: int | None = Field(None, ge=0, strict=True)
    """Not less."""
    at_most: int | None = Field(None, ge=0, strict=True)
    """Not more."""
    per_class: bool = False
    """Whether each class is counted for itself, and not all of them together."""

    @model_validator(mode="after")
    def _is_a_limit(self) -> Settings:
        if self.exactly is not None and (self.at_least, self.at_most) != (None, None):
            raise ValueError("exactly, or at_least and at_most; not both")
        least, most = self.limits
        if (least, most) == (0, math.inf):
            raise ValueError("a number: exactly, at_least or at_most; every count would do")
        if least > most:
            raise ValueError(f"at_least not above at_most; got {least} and {most:g}")
        return self

    @property
    def limits(self) -> tuple[int, float]:
        """The fewest and the most that are accepted."""
        if self.exactly is not None:
            return self.exactly, self.exactly
        return self.at_least or 0, math.inf if self.at_most is None else self.at_most


def make(settings: Settings, about: About) -> Count:
    """The rule that a table describes.

    Raises:
        SettingsError: It does not fit the model or the cameras.
    """
    together = Objects.of(settings, about)
    groups = together.per_class(about.names) if settings.per_class else (together,)
    return Count(groups, *settings.limits, about.looked_at(settings.cameras))


@dataclass(frozen=True, slots=True)
class Count:
    """As many objects as there must be, in each view.

    Attributes:
        groups: What is counted, each for itself.
        at_least: So many of each must be there.
        at_most: No more of each may be there; infinity for any number.
        cameras: Whose views are looked at; `None` for all.
    """

    groups: tuple[Objects, ...]
    at_least: int
    at_most: float
    cameras: tuple[str, ...] | None = None

    @property
    def min_confidence(self) -> float:
        """Objects whose confidence is not above it are not looked at, 0 to 1."""
        return min(group.min_confidence for group in self.groups)

    def judge(self, views: Sequence[View]) -> Judgement:
        """FAIL where the fewest that there can be are too many or the most too few, PASS where both are right."""
        return each_view(views, self.cameras, self._look)

    def _look(self, view: View) -> Judgement:
        found = view.detections
        assert found is not None
        return all_of([counted(g.found(found), self.at_least, self.at_most, g.title) for g in self.groups])
