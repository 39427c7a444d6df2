"""`lineside convert`: a model file rewritten, and proven to answer as before."""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineside.cli import options
from lineside.cli.by_hand import by_hand
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lineside.models.conversion.convert import Conversion, Wishes
    from lineside.models.facts import ModelFacts
    from lineside.models.reading import Reading

_MOST_PICTURES = 32
_STEPS = "What is done. With none of these: all that leaves the answer as it is"


_Size = Annotated[
    str | None,
    typer.Option(
        help="Fix an open input size: 640 or 640x480 (width x height).",
        rich_help_panel=_STEPS,
        show_default=False,
    ),
]


@by_hand(size=_Size)
def convert_model(
    model: options.Model,
    output: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The new file.", show_default=False)],
    *,
    opset: Annotated[
        int | None, typer.Option(help="Operator set, 7 to 23.", rich_help_panel=_STEPS, show_default=False)
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Fix an open batch: 1.", rich_help_panel=_STEPS, show_default=False),
    ] = None,
    remove_nms: Annotated[
        bool, typer.Option("--remove-nms", help="Take out the NMS inside.", rich_help_panel=_STEPS)
    ] = False,
    unsigned: Annotated[
        bool,
        typer.Option("--unsigned", help="uint8 weights in layers on integers.", rich_help_panel=_STEPS),
    ] = False,
    fold: Annotated[
        bool,
        typer.Option("--fold", help="Fold normalisation and constants.", rich_help_panel=_STEPS),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Drop nodes and constants that nobody reads.", rich_help_panel=_STEPS),
    ] = False,
    outputs: Annotated[
        bool,
        typer.Option("--outputs", help="Drop outputs that the head does not need.", rich_help_panel=_STEPS),
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Pictures to prove it on, too: a picture, folder or pattern.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    facts: options.Facts,
) -> None:
    """Rewrite a model file, prove that it answers as before, and only then write it."""
    from lineside.models.conversion.convert import Wishes

    if batch not in {None, 1}:
        raise SettingsError(f"--batch: expected 1, as a line judges picture by picture; got {batch}")
    wishes = Wishes(
        opset=opset,
        size=facts.size is not None,
        batch=batch == 1,
        remove_nms=remove_nms,
        unsigned=unsigned,
        fold=fold,
        prune=prune,
        outputs=outputs,
    )
    source = _checked(model, output)
    before, conversion = _converted(source, facts, wishes, data or [])
    _write(conversion, output)
    document = _document(before, conversion, source, output)
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        _show(document, conversion)


def _checked(model: Path, output: Path) -> Path:
    """The path of the model, once the output is none of its own.

    Raises:
        SettingsError: The output is the model, or no .onnx file.
    """
    from lineside.models import shipped

    source = shipped.resolve(model)
    if output.suffix != ".onnx":
        raise SettingsError(f'OUT.onnx: expected the name of an .onnx file; got "{output}"')
    if output.resolve() == source.resolve() or (
        output.exists() and source.exists() and output.samefile(source)
    ):
        raise SettingsError(
            f"OUT.onnx: {output} is the model itself; name another file, the model stays as it is"
        )
    return source


def _converted(
    source: Path, facts: ModelFacts, wishes: Wishes, data: list[str]
) -> tuple[Reading, Conversion]:
    """The model as it was read, and rewritten.

    Raises:
        LinesideError: The model or a picture is bad, a step cannot be done, or the file would answer otherwise.
    """
    from lineside.engine import run_once
    from lineside.models.conversion.convert import convert
    from lineside.models.conversion.proof import Original
    from lineside.models.conversion.tensorrt import readable
    from lineside.models.file import ModelFile
    from lineside.models.reading import read_model

    with _status("reading") as told:
        file, stands_in = ModelFile.read(source), False
        if wishes.remove_nms:
            file, stands_in = readable(file)
        reading = read_model(file, facts=facts, run=run_once)
        pictures = list(_pictures(data, reading)) if data else []
        told("running the model as it is")
        original = Original(reading, facts, run_once, pictures, stands_in=stands_in, told=told)
        return reading, convert(original, wishes, run_once)


def _pictures(data: list[str], reading: Reading) -> Iterator[NDArray[np.uint8]]:
    """At most 32 of the user's pictures, spread over all of them, as the model is fed them.

    Raises:
        SourceError, ImageError: There are none, or one cannot be read.
    """
    from lineside.capture.sources import open_sources
    from lineside.core.frame import Frame
    from lineside.preprocess.letterbox import Slot, as_bgr

    with ExitStack() as stack:
        sources = open_sources(data)
        for one in sources:
            stack.callback(one.close)
        total = sum(source.count or 0 for source in sources)
        step = max(1, -(-total // _MOST_PICTURES))
        chosen = 0
        for number, outcome in enumerate(outcome for source in sources for outcome in source):
            if number % step or chosen == _MOST_PICTURES:
                continue
            if not isinstance(outcome, Frame):
                raise outcome.error
            slot = Slot(reading.subject.picture.size, reading.conventions)
            slot.fill(as_bgr(outcome.image))
            chosen += 1
            yield slot.planes


def _write(conversion: Conversion, output: Path) -> None:
    from lineside.outputs.files import replacing

    with replacing(output) as temporary:
        temporary.write_bytes(conversion.data)


@contextmanager
def _status(doing: str) -> Iterator[Callable[[str], None]]:
    """What is being done, on stderr where that is a terminal; and the function that says what comes next."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield status.update


def _document(before: Reading, conversion: Conversion, source: Path, output: Path) -> dict[str, Any]:
    """The report for programs."""
    from lineside.models.card import ModelCard

    inside = conversion.inside
    return {
        "model": str(source),
        "output": str(output),
        "sha256": hashlib.sha256(conversion.data).hexdigest(),
        "family": {"before": before.family, "after": conversion.card.family},
        "steps": [asdict(outcome) for outcome in conversion.outcomes],
        "proof": asdict(conversion.proof),
        "nms_inside_was": None if inside is None else asdict(inside) | {"options": inside.options()},
        "hints": {
            "before": [asdict(hint) for hint in ModelCard.of(before).hints],
            "after": [asdict(hint) for hint in conversion.card.hints],
        },
        "facts_by_hand": str(facts) if (facts := source.with_suffix(".toml")).is_file() else None,
    }


def _show(document: dict[str, Any], conversion: Conversion) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from lineside.cli.hints import show_hints

    console = Console()
    table = Table(title=escape(document["output"]), title_justify="left")
    for name in ("step", "", "what"):
        table.add_column(name, overflow="fold")
    for outcome in conversion.outcomes:
        done = "[green]done[/]" if outcome.done else "[yellow]not done[/]"
        table.add_row(outcome.step, done, escape(outcome.what))
    console.print(table)
    show_hints(conversion.card.hints, console)
    for sentence in _sentences(document, conversion):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _sentences(document: dict[str, Any], conversion: Conversion) -> Iterator[str]:
    proof, inside = conversion.proof, conversion.inside
    count = f", {proof.detections} detections" if proof.detections else ""
    yield f"proven on {proof.pictures} pictures{count}: {proof.apart}"
    if inside is not None:
        yield f"to find what the file found before: lineside detect {document['output']} … {inside.options()}"
    if document["facts_by_hand"]:
        yield f"the file is read with the facts of {document['facts_by_hand']}: copy it beside the new file, under its name"
    if not conversion.is_changed:
        yield "there was nothing to do; the new file answers as the old one, and holds the same"
