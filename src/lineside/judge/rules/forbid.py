"""`forbid`: no object of these classes may be in any view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.judge.counting import counted
from lineside.judge.objects import Objects, ObjectsTable
from lineside.judge.views import each_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.core.inspection import View
    from lineside.judge.judgement import Judgement
    from lineside.judge.rule import About


class Settings(ObjectsTable):
    """What must not be there."""


def make(settings: Settings, about: About) -> Forbid:
    """The rule that a table describes.

    Raises:
        SettingsError: It does not fit the model or the cameras.
    """
    return Forbid(Objects.of(settings, about), about.looked_at(settings.cameras))


@dataclass(frozen=True, slots=True)
class Forbid:
    """No object of these classes, in no view.

    Attributes:
        objects: What is forbidden.
        cameras: Whose views are looked at; `None` for all.
    """

    objects: Objects
    cameras: tuple[str, ...] | None = None

    @property
    def min_confidence(self) -> float:
        """Objects whose confidence is not above it are not looked at, 0 to 1."""
        return self.objects.min_confidence

    def judge(self, views: Sequence[View]) -> Judgement:
        """FAIL where one is surely there, PASS where none can be."""
        return each_view(views, self.cameras, self._look)

    def _look(self, view: View) -> Judgement:
        assert view.detections is not None
        return counted(self.objects.found(view.detections), 0, 0, self.objects.title)
