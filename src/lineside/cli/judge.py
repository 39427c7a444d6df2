"""`lineside judge`: what a recipe says of pictures, without a line."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineside.cli import options
from lineside.core.errors import ImageError, SettingsError
from lineside.core.verdict import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineside.capture.pictures import Reading
    from lineside.capture.sources import FrameSource
    from lineside.cli.recipe_models import RecipeModels
    from lineside.core.inspection import View
    from lineside.judge.judge import Judgement
    from lineside.judge.recipe import Golden


def judge_pictures(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe's file.", show_default=False)],
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…",
            help="Pictures, folders, patterns, videos: each picture is a part. Or one part's pictures by camera, as top=A.png,side=B.png.",
            show_default=False,
        ),
    ] = None,
    *,
    golden: Annotated[
        bool, typer.Option("--golden", help="Judge the recipe's golden pictures, and compare.")
    ] = False,
    adjusted: Annotated[
        bool,
        typer.Option(
            "--adjusted", help="The pictures are as the rules see them, cropped and rotated already."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of the table.")] = False,
    save: Annotated[
        Path | None, typer.Option(help="Folder for annotated pictures.", show_default=False)
    ] = None,
    scale_16bit: options.Scale16Bit = None,
    limit_px: options.LimitPx = None,
    devices: options.Devices = None,
    demotion: options.Demotion = "prefer",
    threads: options.Threads = None,
) -> None:
    """Judge pictures by a recipe, each as a part of its own, or a recipe by its golden pictures.

    The exit code is 0 where every part passes, or with --golden where every verdict is the one that the recipe expects, and 1
    where one does not: a part that is UNKNOWN has not passed.
    """
    from lineside.cli.recipe_models import RecipeModels
    from lineside.judge.recipe import Recipe

    if bool(source) == golden:
        raise SettingsError("expected pictures, or --golden for those of the recipe; one of them")
    read = Recipe.read(recipe)
    if golden and not read.golden:
        raise SettingsError(f"{recipe}: golden: expected at least one table with pictures and their verdict")
    reading = options.reading(limit_px=limit_px, scale_16bit=scale_16bit)
    models = RecipeModels.opened(read, devices=devices, demotion=demotion, threads=threads)
    parts = (
        _golden_parts(models, reading)
        if golden
        else named_parts(models, source or [], reading, adjusted=adjusted)
    )
    judged = _all(models, parts, save)
    _report(judged, as_json=as_json)
    if not all(one.is_right for one in judged):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPart:
    """What was said of one part.

    Attributes:
        name: Its pictures' names.
        views: What was seen in them, without the pictures themselves.
        judgement: What the rules say of it.
        expected: Its golden pictures' table; `None` where it has none.
    """

    name: str
    views: tuple[dict[str, Any], ...]
    judgement: Judgement
    expected: Golden | None = None

    @property
    def is_right(self) -> bool:
        """Whether it passes, or is judged as expected."""
        said, expected = self.judgement, self.expected
        if expected is None:
            return said.verdict is Verdict.PASS
        return said.verdict == expected.verdict and expected.reason in (None, said.reason)

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/recipes.md`."""
        said = self.judgement
        about: dict[str, Any] = {
            "part": self.name,
            "verdict": str(said.verdict),
            "reason": None if said.reason is None else str(said.reason),
            "detail": said.detail,
        }
        if self.expected is not None:
            wanted = self.expected
            about |= {
                "expected": wanted.verdict,
                "expected_reason": None if wanted.reason is None else str(wanted.reason),
                "as_expected": self.is_right,
            }
        return {**about, "views": list(self.views)}


def named_parts(
    models: RecipeModels, arguments: Sequence[str], reading: Reading, *, adjusted: bool
) -> Iterator[tuple[str, list[View], None]]:
    """Each part that the arguments name, with its views."""
    from lineside.capture.sources import open_sources
    from lineside.cli.recipe_models import read_views

    for argument in arguments:
        pictures = by_camera(argument)
        if pictures:
            yield argument, read_views(models, pictures, reading, adjusted=adjusted), None
            continue
        with ExitStack() as stack:
            sources = open_sources([argument], reading=reading)
            for source in sources:
                stack.callback(source.close)
            by_name = {source.name.rpartition("/")[2]: source for source in sources}
            if len(sources) > 1 and set(by_name) == set(models.judge.cameras):
                yield from _together(models, by_name, adjusted=adjusted)
                continue
            for source in sources:
                yield from _pictures(models, source, adjusted=adjusted)


def _together(
    models: RecipeModels, sources: Mapping[str, FrameSource], *, adjusted: bool
) -> Iterator[tuple[str, list[View], None]]:
    """Each part of a drawn plant, with the views of all its cameras."""
    from lineside.cli.drawings import frame_name
    from lineside.core.frame import Frame

    for outcomes in zip(*sources.values(), strict=True):
        frames = [outcome for outcome in outcomes if isinstance(outcome, Frame)]
        if len(frames) < len(sources) or len({frame.part for frame in frames}) > 1 or frames[0].part is None:
            raise SettingsError(f"{outcomes[0].stream}: expected pictures of one part from each camera")
        views = [models.view(name, one, adjusted=adjusted) for name, one in zip(sources, frames, strict=True)]
        yield ", ".join(frame_name(frame) for frame in frames), views, None


def _pictures(
    models: RecipeModels, source: FrameSource, *, adjusted: bool
) -> Iterator[tuple[str, list[View], None]]:
    """Each picture of a source as a part of its own; one that cannot be read is a part too."""
    from lineside.cli.drawings import frame_name
    from lineside.cli.recipe_models import sole_camera
    from lineside.core.frame import Frame
    from lineside.core.inspection import View

    camera = sole_camera(models.judge.cameras)
    for outcome in source:
        if isinstance(outcome, Frame):
            is_video = outcome.time_s is not None and outcome.part is None
            name = f"{frame_name(outcome)} #{outcome.sequence}" if is_video else frame_name(outcome)
            yield name, [models.view(camera, outcome, adjusted=adjusted)], None
            continue
        reason = Reason.IMAGE_UNHEALTHY if isinstance(outcome.error, ImageError) else Reason.NO_FRAME
        yield outcome.stream, [View(camera, reason=reason, detail=str(outcome.error))], None


def by_camera(argument: str) -> dict[str, Path]:
    """`top=A.png,side=B.png` as files by camera; nothing where the argument is no such list.

    Raises:
        SettingsError: A camera is named twice.
    """
    if "=" not in argument or Path(argument).exists() or argument.partition("=")[0].find(":") >= 0:
        return {}
    pairs = [one.partition("=")[::2] for one in argument.split(",")]
    pictures = {camera: Path(path) for camera, path in pairs if camera and path}
    if len(pictures) < len(pairs):
        raise SettingsError(f'"{argument}": expected CAMERA=PICTURE,… with each camera once')
    return pictures


def _golden_parts(models: RecipeModels, reading: Reading) -> Iterator[tuple[str, list[View], Golden]]:
    from lineside.cli.recipe_models import read_views

    for golden in models.recipe.golden:
        name = ", ".join(path.name for path in golden.pictures.values())
        yield name, read_views(models, golden.pictures, reading, adjusted=True), golden


def _all(
    models: RecipeModels, parts: Iterator[tuple[str, list[View], Any]], save: Path | None
) -> list[JudgedPart]:
    """Judge each part and draw its pictures; none is kept in memory."""
    from lineside.cli.recipe_drawing import PartDrawings

    drawings = PartDrawings(models, save)
    judged = []
    for name, views, expected in parts:
        drawings.write(views)
        said = models.judge(views)
        judged.append(JudgedPart(name, tuple(view.to_dict() for view in views), said, expected))
    if not judged:
        raise SettingsError("expected at least one picture; the sources have none")
    return judged


_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.UNKNOWN: "yellow"}


def _report(judged: Sequence[JudgedPart], *, as_json: bool) -> None:
    """The verdicts on stdout: a table, or one JSON document."""
    if as_json:
        import json

        typer.echo(json.dumps([one.to_dict() for one in judged], indent=2))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    has_expected = any(one.expected is not None for one in judged)
    table = Table()
    for column in ("part", "verdict", *(("expected",) if has_expected else ()), "grounds"):
        table.add_column(column, overflow="fold")
    for one in judged:
        said = one.judgement
        verdict = f"{said.verdict} ({said.reason})" if said.reason is not None else str(said.verdict)
        cells = [escape(one.name), f"[{_COLOURS[said.verdict]}]{verdict}[/]"]
        if one.expected is not None:
            wanted = (
                f"{one.expected.verdict} ({one.expected.reason})"
                if one.expected.reason
                else one.expected.verdict
            )
            cells.append(wanted if one.is_right else f"[red]{wanted}[/]")
        table.add_row(*cells, escape(said.detail))
    console = Console()
    console.print(table)
    sums = Counter(one.judgement.verdict for one in judged)
    told = ", ".join(f"{sums[verdict]} {verdict}" for verdict in Verdict)
    wrong = sum(not one.is_right for one in judged)
    console.print(f"{told}; {wrong} not as expected" if has_expected else told)
