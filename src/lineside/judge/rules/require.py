"""`require`: objects of each of these classes must be there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

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
    """What must be there."""

    classes: list[str] = Field(min_length=1)
    """Names of the classes; each of them must be there."""
    at_least: int = Field(1, ge=1, strict=True)
    """So many of each."""
    views: Literal["each", "any"] = "each"
    """Whether each view must show a class, or one of them is enough."""


def make(settings: Settings, about: About) -> Require:
    """The rule that a table describes.

    Raises:
        SettingsError: It does not fit the model or the cameras.
    """
    groups = Objects.of(settings, about).per_class(about.names)
    cameras = about.looked_at(settings.cameras)
    return Require(groups, settings.at_least, one_is_enough=settings.views == "any", cameras=cameras)


@dataclass(frozen=True, slots=True)
class Require:
    """Objects of each class, in each view or in one of them.

    Attributes:
        groups: What must be there, a class each.
        at_least: So many of each.
        one_is_enough: Whether one view with them is enough; another class may be in another view.
        cameras: Whose views are looked at; `None` for all.
    """

    groups: tuple[Objects, ...]
    at_least: int
    one_is_enough: bool = False
    cameras: tuple[str, ...] | None = None

    @property
    def min_confidence(self) -> float:
        """Objects whose confidence is not above it are not looked at, 0 to 1."""
        return min(group.min_confidence for group in self.groups)

    def judge(self, views: Sequence[View]) -> Judgement:
        """PASS where all are surely there, FAIL where one cannot be."""
        return all_of([self._of_one(group, views) for group in self.groups])

    def _of_one(self, group: Objects, views: Sequence[View]) -> Judgement:
        def look(view: View) -> Judgement:
            assert view.detections is not None
            return counted(group.found(view.detections), self.at_least, math.inf, group.title)

        return each_view(views, self.cameras, look, one_is_enough=self.one_is_enough)
