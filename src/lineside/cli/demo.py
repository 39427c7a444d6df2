"""`lineside demo`: a production line in a box, inspected live, with its truth known."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import options
from lineside.cli.demo_faults import FaultKind
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from lineside.capture.plant.plant import Plant
    from lineside.capture.plant.settings import PlantSettings
    from lineside.cli.demo_model import Asked
    from lineside.cli.demo_plant import DemoLine, DemoModel
    from lineside.line.parts import LoopSettings
    from lineside.line.pictures import FailurePictures
    from lineside.line.report import RunReport
    from lineside.line.statistics import Statistics

CONFIDENCE = 0.3
"""Confidence above which a detection of the shipped model counts as a defect; `docs/plant-model.md` has the rates."""

SHIPPED = "shipped:plant"
_EXPORTED = 500
_LATE_SHARE = 0.1
_PLANT, _DATASET = "The plant", "A data set"


def demo(
    *,
    seconds: Annotated[float, typer.Option(help="How long parts come.")] = 20.0,
    rate: Annotated[float, typer.Option(help="Parts a minute.")] = 180.0,
    deadline_ms: Annotated[float, typer.Option(help="From a part's trigger to its answer.")] = 200.0,
    fault: Annotated[
        FaultKind | None,
        typer.Option(help="Break it in the middle third, and watch.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="An .onnx file, or shipped:plant.")] = SHIPPED,
    confidence: Annotated[float, typer.Option(help="Detections above it are defects, 0 to 1.")] = CONFIDENCE,
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Where to run, on all of them at once, as cpu:0,cpu:1. Default: what lineside tune found for the model, else cpu.",
            show_default=False,
        ),
    ] = None,
    demotion: options.Demotion = "prefer",
    folder: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("demo-report"),
    product: Annotated[str, typer.Option(help="disc, cap or mixed.", rich_help_panel=_PLANT)] = "mixed",
    seed: Annotated[int, typer.Option(help="Of the parts.", rich_help_panel=_PLANT)] = 0,
    lighting: Annotated[str, typer.Option(help="day, night or evening.", rich_help_panel=_PLANT)] = "day",
    defects: Annotated[float, typer.Option(help="Share of bad parts.", rich_help_panel=_PLANT)] = 0.3,
    size: Annotated[str, typer.Option(help="Of the pictures.", rich_help_panel=_PLANT)] = "640x640",
    export_dataset: Annotated[
        Path | None,
        typer.Option(
            help="Write pictures and their truth (COCO) there, and end.",
            rich_help_panel=_DATASET,
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"How many. Default: {_EXPORTED}.", rich_help_panel=_DATASET, show_default=False
        ),
    ] = None,
) -> None:
    """Watch a line of drawn parts being inspected by two cameras and the model that comes with lineside.

    Every part's truth is known, so escapes and overkills are counted. Exit code 0 says that the line kept its
    promise: each part was answered once, and none passed without its proof, whatever was broken.
    """
    from rich.console import Console

    from lineside.capture.plant.plant import Plant
    from lineside.capture.plant.settings import PlantSettings
    from lineside.models.facts import parse_size

    console = Console()
    scene = PlantSettings(
        product=product, seed=seed, size=parse_size(size), lighting=lighting, defect_rate=defects
    )
    if export_dataset is not None:
        from lineside.cli.demo_export import export

        export(Plant(scene), export_dataset, pictures or _EXPORTED, console)
        return
    if pictures is not None:
        raise SettingsError("--pictures: expected together with --export-dataset DIR")
    from lineside.cli.demo_model import Asked
    from lineside.core.backoff import Backoff
    from lineside.line.parts import LoopSettings

    # Short pauses: a newcomer watches for seconds.
    how = LoopSettings(deadline_s=deadline_ms / 1e3, backoff=Backoff(0.1, 0.5))
    run = _Run(console, scene, how, Pace(rate, seconds), fault)
    report = run.inspect(Asked(model, devices, demotion, confidence), folder)
    _summarise(console, report, folder)
    if not report.is_kept:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How parts come.

    Attributes:
        parts_per_minute: How often.
        seconds: For how long.
    """

    parts_per_minute: float
    seconds: float


class _Run:
    """One run of the demo's line."""

    def __init__(
        self,
        console: Console,
        scene: PlantSettings,
        how: LoopSettings,
        pace: Pace,
        fault: FaultKind | None,
    ) -> None:
        from lineside.cli.demo_faults import FaultPlan
        from lineside.line.schedule import Schedule

        Schedule(0.0, pace.parts_per_minute, pace.seconds)  # refuses a bad one before anything is opened
        self._console = console
        self._scene = scene
        self._how = how
        self._pace = pace
        self._plan = FaultPlan(fault, seconds=pace.seconds, clock=time.monotonic)

    def inspect(self, asked: Asked, folder: Path) -> RunReport:
        """The report of the run; it is written."""
        from lineside.cli.demo_model import sentence
        from lineside.cli.demo_plant import build_line
        from lineside.line.pictures import FailurePictures

        pictures = FailurePictures(folder)
        model = asked.opened(self._plan)
        try:
            with self._console.status("drawing the plant"):
                plant = _plant(self._scene)
            built = build_line(
                plant,
                model,
                self._how,
                parts_per_minute=self._pace.parts_per_minute,
                plan=self._plan,
                sinks=[pictures],
            )
            self._console.print(
                f"{plant.settings.product} parts, cameras {' and '.join(plant.camera_names)}, {sentence(model.engine)}",
                soft_wrap=True,
                markup=False,
                highlight=False,
            )
            statistics = self._watch(built)
            report = self._report(built, statistics, model, pictures)
        finally:
            model.engine.close()
        report.write(folder)
        return report

    def _watch(self, built: DemoLine) -> Statistics:
        """Run the line in a thread, and show it. The interrupt key ends it early, not abruptly."""
        from lineside.cli.demo_screen import watch

        with ThreadPoolExecutor(1, thread_name_prefix="line") as pool:
            future = pool.submit(built.line.run, self._pace.seconds)

            def has_ended(seconds: float) -> bool:
                return bool(wait([future], seconds).done)

            try:
                watch(self._console, built.line.statistics, has_ended)
            except KeyboardInterrupt:
                self._console.print("ending: the parts on the line are still answered")
            finally:
                built.line.stop()
            return future.result()

    def _report(
        self,
        built: DemoLine,
        statistics: Statistics,
        model: DemoModel,
        pictures: FailurePictures,
    ) -> RunReport:
        from lineside.cli.demo_model import devices_of
        from lineside.cli.demo_plant import promises
        from lineside.line.report import RunReport

        scene, how, pace = self._scene, self._how, self._pace
        card = model.engine.card
        return RunReport(
            title="lineside demo",
            settings={
                "model": f"{card.file} (sha256 {card.sha256[:12]})",
                "device": devices_of(model.engine),
                "confidence": f"{model.confidence:g}",
                "product": scene.product,
                "seed": str(scene.seed),
                "lighting": scene.lighting,
                "size": str(scene.size),
                "share of bad parts": f"{scene.defect_rate:g}",
                "cameras": ", ".join(scene.cameras),
                "rate": f"{pace.parts_per_minute:g} parts a minute",
                "deadline": f"{how.deadline_s * 1e3:g} ms",
                "fault": str(self._plan.kind or "none"),
            },
            seconds=min(pace.seconds, statistics.elapsed_s) or pace.seconds,
            deadline_s=how.deadline_s,
            statistics=statistics,
            rows=built.gate.record.rows,
            promises=promises(built.gate, statistics),
            pictures=pictures.saved,
            fault=self._plan.window,
        )


def _plant(scene: PlantSettings) -> Plant:
    """The plant, with all drawn beforehand that its frames are put together from."""
    from lineside.capture.plant.plant import Plant

    plant = Plant(scene)
    plant.warm()
    return plant


def _summarise(console: Console, report: RunReport, folder: Path) -> None:
    from lineside.cli.demo_screen import table
    from lineside.core.verdict import Reason

    console.print(table(report.statistics))
    console.print()
    for promise in report.promises:
        mark = "[green]kept[/]  " if promise.is_kept else "[bold red]broken[/]"
        console.print(mark, promise.sentence, soft_wrap=True, highlight=False)
    if report.statistics.reasons.get(Reason.LATE, 0) > _LATE_SHARE * report.statistics.answered:
        console.print(
            "many parts were late: give this machine more time with --deadline-ms, or fewer parts with --rate"
        )
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, markup=False)
