"""`lineside eval`: a model judged on a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import options
from lineside.cli.by_hand import by_hand

if TYPE_CHECKING:
    from lineside.evaluation.evaluation import Evaluation
    from lineside.evaluation.examine import Judged
    from lineside.evaluation.settings import EvaluationSettings
    from lineside.evaluation.truth import Dataset

_ESCAPE = "Escape and overkill"


@by_hand()
def evaluate(
    model: options.Model,
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET",
            help="A COCO json file, a YOLO folder with images/ and labels/, or of a classifier a folder of "
            "pictures for each class.",
            show_default=False,
        ),
    ],
    *,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a COCO file's pictures. Default: looked for beside it.", show_default=False
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Lowest confidence of a detection.")] = 0.001,
    iou: Annotated[float, typer.Option(help="Overlap above which NMS keeps one box.")] = 0.7,
    max_detections: Annotated[int, typer.Option(help="Boxes kept in one picture.")] = 300,
    nms: options.Nms = None,
    single_label: Annotated[
        bool, typer.Option("--single-label", help="A box counts only for its best class, as on the line.")
    ] = False,
    min_size: Annotated[
        float, typer.Option(metavar="PX", help="Ignore true boxes whose longer side is shorter.")
    ] = 0.0,
    scale_16bit: Annotated[
        float | None,
        typer.Option(
            help="The value of 16-bit pictures that becomes 255, for instance 4095.", show_default=False
        ),
    ] = None,
    defects: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS,…",
            help="Classes that make a picture bad; may be repeated. Default: every class.",
            rich_help_panel=_ESCAPE,
            show_default=False,
        ),
    ] = None,
    max_escape: Annotated[
        float, typer.Option(help="Highest escape rate of the suggested threshold.", rich_help_panel=_ESCAPE)
    ] = 0.01,
    report: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the report.")] = Path("eval-report"),
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on stdout in place of the tables.")
    ] = False,
    slices: options.Slices = None,
    overlap: options.Overlap = None,
    whole: options.Whole = False,
    devices: options.Devices = None,
    demotion: options.Demotion = "prefer",
    threads: options.Threads = None,
    facts: options.Facts,
) -> None:
    """Judge a model on a data set: mAP or accuracy, precision and recall, confusion, escape and overkill."""
    from lineside.cli.opening import open_detector
    from lineside.detector.detector import Detector
    from lineside.evaluation.dataset import open_dataset
    from lineside.evaluation.settings import EvaluationSettings

    settings = EvaluationSettings(
        confidence=confidence,
        iou=iou,
        max_detections=max_detections,
        multi_label=not single_label,
        defects=tuple(defects or ()),
        max_escape=max_escape,
        min_size_px=min_size,
        scale_16bit=scale_16bit,
        nms=nms,
        slices=options.slices_text(slices=slices, overlap=overlap, whole=whole),
    )
    opened = open_detector(Detector, model, devices=devices, demotion=demotion, threads=threads, facts=facts)
    detector = options.sliced(opened, slices=slices, overlap=overlap, whole=whole)
    card = opened.card
    pictures = open_dataset(
        dataset,
        images=images,
        model_names=detector.names,
        task=card.head.task,
        keypoints=card.head.keypoints[0],
    )
    report_on(detector, pictures, settings, report, as_json=as_json)


def report_on(
    detector: Judged, dataset: Dataset, settings: EvaluationSettings, folder: Path, *, as_json: bool
) -> None:
    """Judge a detector, write the report folder, and show the figures on stdout.

    Args:
        detector: What is judged.
        dataset: On what.
        settings: How.
        folder: The report folder.
        as_json: The report's document in place of tables.

    Raises:
        LinesideError: As `evaluation.evaluate` and `report.write_report` say.
    """
    from lineside.evaluation.plots import library
    from lineside.evaluation.report import prepare_folder, write_report

    library()  # a missing package or a folder that cannot be written is told before the work, not after it
    prepare_folder(folder)
    evaluation = _with_progress(detector, dataset, settings)
    document = write_report(evaluation, folder)
    if as_json:
        typer.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    from rich.console import Console

    from lineside.evaluation.tables import print_tables

    console = Console()
    print_tables(evaluation, console)
    console.print(f"Report: {folder / 'report.md'}", markup=False, highlight=False, soft_wrap=True)


def _with_progress(detector: Judged, dataset: Dataset, settings: EvaluationSettings) -> Evaluation:
    from rich.console import Console
    from rich.progress import Progress

    from lineside.evaluation.evaluation import evaluate as judge

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("pictures", total=len(dataset.pictures))
        return judge(detector, dataset, settings, on_picture=lambda: progress.advance(task))
