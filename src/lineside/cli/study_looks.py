"""Where the looks of a study come from: a recipe and pictures, or a line that runs."""

from __future__ import annotations

import signal
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError
from lineside.evaluation.repeatability import Look, StudiedPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.pictures import Reading
    from lineside.core.inspection import Inspection
    from lineside.judge.calibration import Plane
    from lineside.judge.recipe import Recipe


def is_line(file: Path) -> bool:
    """Whether a file is a line's settings and no recipe. What is wrong with it is told by who reads it."""
    try:
        return "line" in tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def planes_of(recipe: Recipe) -> dict[str, Plane]:
    """What turns px into mm, of the cameras that a recipe calibrates."""
    tables = recipe.document.camera
    return {name: one.calibration.plane() for name, one in tables.items() if one.calibration is not None}


def of_pictures(
    file: Path, sources: Sequence[str], times: int, reading: Reading, *, are_takes: bool, **where: Any
) -> list[StudiedPart]:
    """Each picture judged so many times; or all of them as takes of one part.

    Args:
        file: The recipe.
        sources: As for `lineside judge`.
        times: How often each is read and judged.
        reading: How files are read.
        are_takes: They all show one part.
        where: As for `RecipeModels.opened`.

    Raises:
        LinesideError: The recipe, a model or a source is not accepted.
    """
    from lineside.cli.judge import named_parts
    from lineside.cli.recipe_models import RecipeModels
    from lineside.judge.recipe import Recipe

    models = RecipeModels.opened(Recipe.read(file), **where)
    names: list[str] = []
    looks: dict[int, list[Look]] = {}
    for _ in range(times):
        parts = named_parts(models, sources, reading, adjusted=False)
        for number, (name, views, _none) in enumerate(parts):
            if number == len(names):
                names.append(name)
            said = models.judge(views)
            looks.setdefault(0 if are_takes else number, []).append(Look.of(said.verdict, said.reason, views))
    if not looks:
        raise SettingsError("expected at least one picture; the sources have none")
    planes = planes_of(models.recipe)
    shown = [f"{len(names)} takes"] if are_takes else names
    return [StudiedPart.of(name, looks[number], planes) for number, name in enumerate(shown)]


def of_line(file: Path, parts: int, times: int) -> tuple[list[StudiedPart], int]:
    """The answers of a line that runs until it has given enough: the first `times` are of the first part, and so on.

    The interrupt key ends it early; then there are fewer.

    Args:
        file: Its settings.
        parts: How many parts.
        times: How often each.

    Returns:
        The parts, and how many answers were lost on the way here.

    Raises:
        LinesideError: The line cannot be opened.
    """
    from lineside.line.line import Line

    line = Line.from_toml(file)
    looks: list[Look] = []
    codes: set[str] = set()

    def heard(inspection: Inspection) -> None:
        if len(looks) < parts * times:
            looks.append(Look.of(inspection.verdict, inspection.reason, inspection.views))
            codes.add(inspection.origin.product)
        if len(looks) >= parts * times:
            line.stop()

    line.hear(heard)
    before = signal.signal(signal.SIGINT, lambda *_: line.stop()) if _is_main() else None
    try:
        statistics = line.run()
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    planes = _planes_of_line(line.settings.document.recipes, line.settings.file, codes)
    groups = [looks[n * times : (n + 1) * times] for n in range(parts)]
    studied = [StudiedPart.of(f"part {n}", group, planes) for n, group in enumerate(groups, 1) if group]
    return studied, statistics.counts.dropped


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _planes_of_line(recipes: Any, file: Path, codes: set[str]) -> dict[str, Plane]:
    """Those of the one recipe that all looks were judged by; none where there were several."""
    from lineside.judge.recipe import Recipe

    if recipes is None or len(codes) != 1:
        return {}
    folder = file.parent / recipes.folder
    read = [Recipe.read(one) for one in sorted(folder.glob("*.toml"))]
    found = [one for one in read if codes <= set(one.codes)]
    return planes_of(found[0]) if len(found) == 1 else {}
