"""The pictures of a recipe: what was found, and the regions of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.judge.judgement import UndecidableError
from lineside.judge.outlines import regions_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lineside.cli.recipe_models import RecipeModels
    from lineside.core.inspection import View
    from lineside.judge.regions import Region


def drawn(models: RecipeModels, view: View) -> tuple[NDArray[np.uint8], list[str]]:
    """A view's picture with what was found and where the rules look; and why a region is not drawn, a sentence each.

    Args:
        models: The open recipe.
        view: One with a picture.
    """
    from lineside.outputs.outlines import draw_outlines
    from lineside.outputs.overlay import draw

    assert view.frame is not None
    if view.detections is None:
        return view.frame.image.copy(), [f"{view.camera}: {view.detail}"]
    outlines: list[tuple[str, NDArray[Any]]] = []
    missing = []
    for name, region in regions(models, view.camera):
        try:
            outlines.append((name, region.outline(view.detections)))
        except UndecidableError as doubt:
            missing.append(f"{view.camera}: {name}: {doubt}")
    return draw(draw_outlines(view.frame.image, outlines), view.detections), missing


def regions(models: RecipeModels, camera: str) -> list[tuple[str, Region]]:
    """The regions in which rules look at a camera's pictures, each with the place of its rule."""
    about = models.recipe.about(models.stages, models.judge.cameras)
    return regions_of(models.recipe, about, camera)


class PartDrawings:
    """Writes the annotated pictures of parts.

    Args:
        models: The open recipe.
        save: The folder; `None` writes nothing.

    Raises:
        OutputError: It cannot be made.
    """

    def __init__(self, models: RecipeModels, save: Path | None) -> None:
        from lineside.outputs.folder import OutputFolder

        self._models = models
        inputs = [str(path) for one in models.recipe.golden for path in one.pictures.values()]
        self._inputs = set(inputs)
        self._folder = None if save is None else OutputFolder(save, inputs=inputs)

    def write(self, views: Sequence[View]) -> None:
        """Write the pictures of one part.

        Raises:
            OutputError: One cannot be written.
        """
        for view in views if self._folder is not None else ():
            if view.frame is not None and self._folder is not None:
                self._folder.write_picture(_name(view), drawn(self._models, view)[0])


def _name(view: View) -> str:
    from lineside.cli.drawings import frame_name

    assert view.frame is not None
    if view.frame.time_s is None or view.frame.part is not None:
        return frame_name(view.frame)
    from pathlib import PurePath

    stream = PurePath(view.frame.stream)
    return str(stream.with_name(f"{stream.stem}-{view.frame.sequence:06d}.png"))
