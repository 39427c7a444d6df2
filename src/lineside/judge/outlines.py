"""Where the rules of a recipe look, for people: an outline in a view for each of their regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.judge.judgement import UndecidableError
from lineside.judge.regions import Region

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.inspection import View
    from lineside.judge.recipe import Recipe
    from lineside.judge.rule import About


def regions_of(recipe: Recipe, about: About, camera: str) -> list[tuple[str, Region]]:
    """The regions in which rules look at a camera's pictures, each with the place of its rule.

    Args:
        recipe: The recipe.
        about: What its rules are made for.
        camera: The view's name.
    """
    found = []
    for rule in recipe.rules:
        for leaf in rule.leaves():
            table, cameras = getattr(leaf.settings, "region", None), getattr(leaf.settings, "cameras", None)
            if table is not None and (cameras is None or camera in cameras):
                name = leaf.where.removeprefix(f"{recipe.file}: ")
                found.append((name, Region.of(table, about, cameras)))
    return found


class Outlines:
    """The outlines of a recipe's regions in a view. Any thread may call it.

    Args:
        recipe: The recipe, whose judge could be made.
        about: What its rules are made for.
    """

    def __init__(self, recipe: Recipe, about: About) -> None:
        self._regions = {name: regions_of(recipe, about, name) for name in about.cameras or ()}

    def __call__(self, view: View) -> Sequence[tuple[str, NDArray[np.floating[Any]]]]:
        """A name and corners (N, 2) in pixels each; one that is at an object which was not found has no place, and is left out."""
        seen = view.detections
        if seen is None:
            return ()
        found = []
        for name, region in self._regions.get(view.camera, ()):
            try:
                found.append((name, region.outline(seen)))
            except UndecidableError:
                continue  # the rule says so itself: the part is UNKNOWN
        return found
