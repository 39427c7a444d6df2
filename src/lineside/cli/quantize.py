"""`lineside quantize`: a model in int8 or fp16, judged before it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import judged, options
from lineside.cli.by_hand import by_hand
from lineside.core.errors import OutputError

if TYPE_CHECKING:
    from lineside.evaluation.quantising.settings import QuantiseSettings
    from lineside.models.facts import ModelFacts

_SEARCH = "How layers are chosen"


@by_hand()
def quantize(
    model: options.Model,
    *,
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help="Pictures of the line: a folder, a quoted pattern, a video, synthetic:PRODUCT, or a data set with truth "
            "(a COCO json file, or a YOLO folder), which then judges as well.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Default: NAME-int8.onnx in this folder.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of that name.")] = False,
    precision: Annotated[str, typer.Option(help="int8 or fp16.")] = "int8",
    pictures: Annotated[int, typer.Option(metavar="N", help="Pictures to calibrate on.")] = 200,
    method: Annotated[
        str, typer.Option(help="How the range of a tensor is chosen: mse, percentile, entropy or minmax.")
    ] = "mse",
    any_pictures: Annotated[
        bool, typer.Option("--any-pictures", help="Accept pictures in which the model finds nothing.")
    ] = False,
    truth: judged.Truth = None,
    images: judged.Images = None,
    max_drop: judged.MaxDrop = None,
    defects: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS,…",
            help="Classes that make a picture bad, for the escapes; may be repeated. Default: every class.",
            rich_help_panel=judged.PANEL,
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            help="By how much the answers may change when a group of layers alone is in int8.",
            rich_help_panel=_SEARCH,
        ),
    ] = 0.03,
    search_s: Annotated[
        float,
        typer.Option(metavar="S", help="Seconds to look for fragile layers.", rich_help_panel=_SEARCH),
    ] = 300.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on stdout in place of the tables.")
    ] = False,
    facts: options.Facts,
) -> None:
    """Make a model smaller and faster in int8 or fp16, and write it only if it is as good on your pictures."""
    from lineside.evaluation.quantising.settings import QuantiseSettings
    from lineside.evaluation.quantising.settings import precision as asked
    from lineside.evaluation.settings import EvaluationSettings

    settings = QuantiseSettings(
        precision=asked(precision),
        pictures=pictures,
        method=method,
        max_drop=max_drop,
        tolerance=tolerance,
        search_s=search_s,
        any_pictures=any_pictures,
        evaluation=EvaluationSettings(defects=tuple(defects or ())),
    )
    target = _target(model, output, settings.precision, overwrite=overwrite)
    _write(model, target, judged.Judged(data, truth, images), settings, facts, as_json=as_json)


def _target(model: Path, output: Path | None, precision: str, *, overwrite: bool) -> Path:
    """Where the file shall be written.

    Raises:
        OutputError: There is a file already, or it is the model itself.
    """
    from lineside.models import shipped

    source = shipped.resolve(model)
    target = output or Path(f"{source.stem}-{precision}.onnx")
    if target.suffix != ".onnx":
        raise OutputError(f"{target}: expected the name of an .onnx file (--output)")
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target}: this is the model itself; name another file with --output")
    if target.exists() and not overwrite:
        raise OutputError(
            f"{target}: there is a file already; name another with --output, or use --overwrite"
        )
    return target


def _write(  # the parts of the options, each checked
    model: Path,
    target: Path,
    data: judged.Judged,
    settings: QuantiseSettings,
    facts: ModelFacts,
    *,
    as_json: bool,
) -> None:
    """Quantise, write and tell."""
    from lineside.cli.progress import progress
    from lineside.cli.quantize_report import show
    from lineside.detector.detector import Detector
    from lineside.evaluation.quantising.outcome import document
    from lineside.evaluation.quantising.quantise import Quantiser
    from lineside.evaluation.quantising.report import write
    from lineside.outputs.files import make_folder

    make_folder(target.parent)
    pictures, truth = data.opened(Detector(model, facts=facts), settings.pictures)
    if truth is not None:
        from lineside.evaluation.coco_metrics import library

        library()  # a missing package is told before the work, not after it
    try:
        outcome = Quantiser(model, pictures, settings, truth=truth, facts=facts, progress=progress).run()
    finally:
        pictures.close()
    written = write(outcome, target, model)
    if as_json:
        typer.echo(json.dumps(document(outcome) | {"written": [str(path) for path in written]}, indent=2))
        return
    show(outcome, written)
