"""`lineside recipe`: recipes checked and shown, and a camera calibrated for one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import options
from lineside.core.documents import parsed
from lineside.core.errors import LinesideError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.judge.recipe import Recipe

recipes = typer.Typer(
    help="Check and show the recipes of products, and calibrate a camera for them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Cameras = Annotated[
    str | None,
    typer.Option(
        help="The line's cameras, a comma list. Default: those that the recipe names.", show_default=False
    ),
]


@recipes.command("check")
def check(
    path: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="A recipe, or a folder of them.", show_default=False)
    ],
    *,
    cameras: Cameras = None,
    models: Annotated[
        bool,
        typer.Option("--models/--no-models", help="Read the models' classes and check the rules with them."),
    ] = True,
) -> None:
    """Say whether recipes can be used: every key, the classes of their models, their pictures, and no code twice.

    Every recipe of a folder is looked at, and every fault is told. The exit code is 2 where there is one.
    """
    from lineside.judge.recipe import Recipe
    from lineside.judge.recipe_book import Recipes

    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise SettingsError(f"{path}: expected recipes, files that end with .toml; there is none")
    line = None if cameras is None else tuple(one.strip() for one in cameras.split(","))
    good: list[Recipe] = []
    failed = 0
    for file in files:
        try:
            recipe = Recipe.read(file)
            _check(recipe, line, models=models)
            Recipes.of([*good, recipe])
        except LinesideError as fault:
            failed += 1
            typer.echo(f"error: {fault} [{fault.code}]", err=True)
            continue
        good.append(recipe)
    _show_list(good)
    if failed:
        raise typer.Exit(2)


def _check(recipe: Recipe, cameras: Sequence[str] | None, *, models: bool) -> None:
    """Refuse a recipe that cannot be used.

    Raises:
        LinesideError: It cannot.
    """
    from lineside.cli.recipe_models import adjustments, check_thresholds, only_camera, read_card

    line = cameras or only_camera(recipe)
    if models:
        card = read_card(recipe.model_path)
        later = {stage.name: read_card(recipe.stage_path(stage.name)).names for stage in recipe.stages}
        judge = recipe.judge(recipe.planned(card.names, later), line)
        check_thresholds(recipe, judge, card)
    else:
        recipe.cameras_of(line)
    pictures = [
        (f"golden[{n}]", file) for n, one in enumerate(recipe.golden) for file in one.pictures.values()
    ]
    for key, file in pictures:
        if not file.is_file():
            raise SettingsError(f"{recipe.file}: {key}: expected a picture; there is no file {file}")
    adjustments(recipe)
    _check_baselines(recipe)


def _check_baselines(recipe: Recipe) -> None:
    """Refuse what cannot be read of the cameras' usual pictures.

    Raises:
        SettingsError: There is such.
    """
    from lineside.capture.health.baseline import load_baseline
    from lineside.capture.health.gate import HealthSettings

    for camera, table in recipe.document.baseline.items():
        parsed(HealthSettings, table.health, f"{recipe.file}: baseline.{camera}.health")
        file = recipe.baseline_file(camera)
        if file is not None:
            load_baseline(file)


def _show_list(good: Sequence[Recipe]) -> None:
    if not good:
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for column in ("recipe", "codes", "model", "stages", "rules", "golden", "sha256"):
        table.add_column(column, overflow="fold")
    for recipe in good:
        stages = ", ".join(stage.name for stage in recipe.stages)
        cells = (recipe.title, ", ".join(recipe.codes), recipe.model.path, stages)
        counts = (str(len(recipe.rules)), str(len(recipe.golden)), recipe.sha256[:12])
        table.add_row(*(escape(cell) for cell in cells), *counts)
    Console().print(table)


@recipes.command("show")
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recipe's file.", show_default=False)],
    *,
    picture: Annotated[
        str | None,
        typer.Option(
            help="Draw the rules' regions into it, as PICTURE or CAMERA=PICTURE. Default: the first golden part's.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for the drawn pictures.", show_default=False)
    ] = None,
    devices: options.Devices = None,
) -> None:
    """Show a recipe's rules, and with --save where they look: regions, and the objects that they are anchored to."""
    from lineside.judge.recipe import Recipe

    recipe = Recipe.read(file)
    _show_rules(recipe)
    if save is None:
        if picture is not None:
            raise SettingsError("--picture: say where to draw it: --save FOLDER")
        return
    from lineside.cli.judge import by_camera
    from lineside.cli.recipe_drawing import drawn
    from lineside.cli.recipe_models import RecipeModels, read_views
    from lineside.outputs.folder import OutputFolder

    if picture is not None:
        pictures = by_camera(picture) or {"": Path(picture)}
    elif recipe.golden:
        pictures = dict(recipe.golden[0].pictures)
    else:
        raise SettingsError(f"{file}: golden: there is none to draw into; give --picture")
    models = RecipeModels.opened(recipe, devices=devices)
    folder = OutputFolder(save, inputs=[str(one) for one in pictures.values()])
    reading = options.reading(limit_px=None, scale_16bit=None)
    for view in read_views(models, pictures, reading, adjusted=picture is None):
        if view.frame is None:
            raise SettingsError(f"{view.camera}: {view.detail}")
        canvas, missing = drawn(models, view)
        for sentence in missing:
            typer.echo(f"notice: not drawn: {sentence}", err=True)
        typer.echo(f"{view.camera}: {folder.write_picture(view.frame.stream, canvas)}")


def _show_rules(recipe: Recipe) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    console.print(
        f"[bold]{escape(recipe.title)}[/]: codes {escape(', '.join(recipe.codes))}, model {escape(recipe.model.path)}"
    )
    for stage in recipe.document.stage:
        console.print(
            f"then {escape(stage.path)} on {escape(', '.join(stage.on))}, as {escape(stage.title)}/…"
        )
    table = Table()
    for column in ("rule", "kind", "settings"):
        table.add_column(column, overflow="fold")
    for number, rule in enumerate(recipe.rules):
        settings = rule.settings.model_dump(exclude_unset=True, by_alias=True, mode="json")
        told = "\n".join(f"{key}: {value}" for key, value in settings.items() if value is not None)
        table.add_row(f"rule\\[{number}]", rule.kind, escape(told))
    console.print(table)


@recipes.command("calibrate")
def calibrate(
    picture: Annotated[
        Path,
        typer.Argument(metavar="PICTURE", help="A checkerboard on the parts' plane.", show_default=False),
    ],
    *,
    columns: Annotated[int, typer.Option(help="Inner corners in a row.", show_default=False)],
    rows: Annotated[int, typer.Option(help="Inner corners in a column.", show_default=False)],
    square_mm: Annotated[float, typer.Option(help="Side of a square in mm.", show_default=False)],
    max_error_mm: Annotated[float, typer.Option(help="So far may a corner be from the plane.")] = 0.5,
) -> None:
    """Write the table `calibration` of a camera from a picture of a checkerboard that lies where the parts lie."""
    from lineside.capture.pictures import read_picture
    from lineside.core.geometry import Size
    from lineside.judge.calibration import Plane, checkerboard_points

    image = read_picture(picture)
    px, mm = checkerboard_points(image, columns, rows, square_mm)
    size = Size(*image.shape[:2])
    plane = Plane.through(px, mm, max_error_mm, size)
    points = ",\n".join(
        f"  {{ px = [{x:.3f}, {y:.3f}], mm = [{u:g}, {v:g}] }}"
        for (x, y), (u, v) in zip(px.tolist(), mm.tolist(), strict=True)
    )
    typer.echo(f"# [camera.ID.calibration] from {picture.name}, {plane.error_mm:.3f} mm off at most")
    typer.echo(
        f"picture = [{size.width}, {size.height}]\nmax_error_mm = {max_error_mm:g}\npoints = [\n{points},\n]"
    )
