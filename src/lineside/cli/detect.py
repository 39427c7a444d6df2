"""`lineside detect`: what a model sees in pictures, folders and videos."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineside.cli import options
from lineside.cli.drawings import Drawings, frame_name, open_folder
from lineside.cli.progress import progress
from lineside.core.errors import LinesideError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lineside.capture.sources import FrameSource, Outcome
    from lineside.core.detections import Detections
    from lineside.core.frame import Frame
    from lineside.detector.detector import Detector, Timings
    from lineside.detector.slicing import SlicedDetector
    from lineside.dispatch.engine import Engine
    from lineside.dispatch.front import EngineDetector
    from lineside.outputs.folder import OutputFolder
    from lineside.outputs.records import Record
    from lineside.outputs.tables import Csv, JsonDocument, JsonLines


def detect(
    model: options.Model,
    source: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE…", help="Pictures, folders, patterns, videos.", show_default=False),
    ],
    *,
    confidence: Annotated[
        float | None,
        typer.Option(
            help="Only objects above it, 0 to 1. Default: 0.25; of a classifier every class.",
            show_default=False,
        ),
    ] = None,
    iou: options.Iou = 0.45,
    classes: options.Classes = None,
    max_detections: Annotated[
        int | None,
        typer.Option(
            help="At most so many a picture. Default: 300; of a classifier the 5 best classes.",
            show_default=False,
        ),
    ] = None,
    nms: options.Nms = None,
    class_aware: options.ClassAware = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of the table.")] = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON line a picture.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, one row a detection.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write JSON, JSON lines or CSV there.", show_default=False),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for annotated pictures and videos.", show_default=False)
    ] = None,
    scale_16bit: options.Scale16Bit = None,
    limit_px: options.LimitPx = None,
    slices: options.Slices = None,
    overlap: options.Overlap = None,
    whole: options.Whole = False,
    devices: options.Devices = None,
    all_devices: options.AllDevices = False,
    demotion: options.Demotion = "prefer",
    threads: options.Threads = None,
    family: options.Family = None,
    names: options.Names = None,
    size: options.Size = None,
    colour: options.Colour = None,
    scale: options.Scale = None,
    mean: options.Mean = None,
    deviation: options.Deviation = None,
    anchor: options.Anchor = None,
    rounding: options.Rounding = None,
    gain: options.Gain = None,
    pad_value: options.PadValue = None,
) -> None:
    """Find what a model was trained on in pictures, folders, patterns and videos.

    A picture that cannot be judged is told and counted; the others go on, and the exit code is 2.
    """
    from lineside.capture.sources import open_sources
    from lineside.cli.many_devices import wants_all

    form = _form(as_json=as_json, as_jsonl=as_jsonl, as_csv=as_csv, output=output)
    facts = options.facts(
        names=names,
        size=size,
        family=family,
        colour=colour,
        scale=scale,
        mean=mean,
        deviation=deviation,
        anchor=anchor,
        rounding=rounding,
        gain=gain,
        pad_value=pad_value,
    )
    reading = options.reading(limit_px=limit_px, scale_16bit=scale_16bit)
    sources = open_sources(source, reading=reading)
    with ExitStack() as stack:
        for one in sources:
            stack.callback(one.close)
        where = {"devices": devices, "demotion": demotion, "facts": facts}
        slicing = {"slices": slices, "overlap": overlap, "whole": whole}
        if wants_all(devices, all_devices=all_devices, threads=threads):
            engine, detector = _open_engine(stack, model, where, slicing)
        else:
            engine, detector = None, _open_detector(model, where | {"threads": threads}, slicing)
        settings = detector.thresholds(
            confidence=confidence,
            iou=iou,
            classes=options.class_list(classes),
            max_detections=max_detections,
            nms=nms,
            class_aware=class_aware,
        )
        run = _Run(detector, settings, sources, engine)
        table = _open_table(stack, form, output)
        folder = open_folder(save, sources)
        run.all(table, folder)
    _report(run, form, save)
    if run.failed:
        raise typer.Exit(2)


def _open_detector(
    model: Path, where: dict[str, Any], slicing: dict[str, Any]
) -> Detector | SlicedDetector | EngineDetector:
    from lineside.cli.opening import open_detector
    from lineside.detector.detector import Detector

    return options.sliced(open_detector(Detector, model, **where), **slicing)


def _open_engine(
    stack: ExitStack, model: Path, where: dict[str, Any], slicing: dict[str, Any]
) -> tuple[Engine, Detector | SlicedDetector | EngineDetector]:
    """The model on all devices; each slice of a picture goes to whichever is done with it first."""
    from lineside.cli.many_devices import open_engine
    from lineside.dispatch.front import EngineDetector

    engine = stack.enter_context(open_engine(model, **where))
    threads = 2 * engine.health().in_service  # one slice under way on each device, and one that waits
    return engine, options.sliced(EngineDetector(engine), **slicing, threads=threads)


def _form(*, as_json: bool, as_jsonl: bool, as_csv: bool, output: Path | None) -> str:
    chosen = [n for n, on in (("json", as_json), ("jsonl", as_jsonl), ("csv", as_csv)) if on]
    if len(chosen) > 1:
        raise SettingsError(f"expected one of --json, --jsonl and --csv; got --{' and --'.join(chosen)}")
    if output is not None and not chosen:
        raise SettingsError("--output: say in which form: --json, --jsonl or --csv")
    return chosen[0] if chosen else "table"


def _open_table(stack: ExitStack, form: str, output: Path | None) -> JsonLines | JsonDocument | Csv | None:
    from lineside.outputs.tables import Csv, JsonDocument, JsonLines

    table: JsonLines | JsonDocument | Csv
    match form:
        case "json":
            table = JsonDocument(output or sys.stdout)
        case "jsonl":
            table = JsonLines(output or sys.stdout)
        case "csv":
            table = Csv(output or sys.stdout)
        case _:
            return None
    stack.enter_context(table)
    return table


@dataclass(slots=True)
class _Run:
    """One pass over the sources: each picture becomes one record."""

    detector: Detector | SlicedDetector | EngineDetector
    settings: Any
    sources: list[FrameSource]
    engine: Engine | None = None
    records: list[Record] = field(default_factory=list)
    timings: list[Timings] = field(default_factory=list)
    pictures: int = 0
    failed: int = 0
    objects: int = 0

    def all(self, table: JsonLines | JsonDocument | Csv | None, folder: OutputFolder | None) -> None:
        """Judge everything; write what is asked for as it comes."""
        counts = [s.count for s in self.sources]
        total = None if None in counts else sum(c or 0 for c in counts)
        with progress("detecting", total) as advance:
            for source in self.sources:
                with ExitStack() as stack:
                    drawings = Drawings(stack, folder, source)
                    for record, frame in self._records(source):
                        if table is not None:
                            table.write(record)
                        elif len(self.records) < _MOST_ROWS:
                            self.records.append(record)
                        if frame is not None and not isinstance(record.result, LinesideError):
                            drawings.write(frame, partial(_drawn, frame, record.result))
                        advance()

    def _records(self, source: FrameSource) -> Iterator[tuple[Record, Frame | None]]:
        from lineside.core.frame import Frame
        from lineside.outputs.records import Record

        for outcome, found in self._looked_at(source):
            self.pictures += 1
            if not isinstance(outcome, Frame):
                self._say(f"{outcome.error} [{outcome.error.code}]")
                yield Record(outcome.stream, outcome.sequence, outcome.error, **self._where), None
                continue
            if isinstance(found, LinesideError):
                self._say(f"{frame_name(outcome)}: {found} [{found.code}]")
            else:
                self.objects += len(found)
            record = Record(frame_name(outcome), outcome.sequence, found, outcome.time_s, **self._where)
            yield record, outcome

    def _looked_at(self, source: FrameSource) -> Iterator[tuple[Outcome, Any]]:
        """Each picture with what is in it, in the source's order."""
        from lineside.core.frame import Frame
        from lineside.detector.slicing import SlicedDetector

        if self.engine is not None and not isinstance(self.detector, SlicedDetector):
            from lineside.cli.many_devices import in_order

            yield from in_order(self.engine, source, self.settings)
            return
        for outcome in source:
            found = None
            if isinstance(outcome, Frame):
                found, timing = self.detector.timed(outcome.image, self.settings)
                if self.engine is None:  # many devices' stages are not one after another
                    self.timings.append(timing)
            yield outcome, found

    @property
    def _where(self) -> dict[str, Any]:
        truth = self.detector.truth
        return {} if truth is None else {"device": truth.got, "is_demoted": truth.is_demoted}

    def _say(self, text: str) -> None:
        self.failed += 1
        typer.echo(f"error: {text}", err=True)


def _drawn(frame: Frame, found: Detections) -> NDArray[np.uint8]:
    from lineside.outputs.overlay import draw

    return draw(frame.image, found)


_MOST_ROWS = 1000


def _report(run: _Run, form: str, save: Path | None) -> None:
    """The table, the sums and the times; beside JSON or CSV on stdout they go to stderr."""
    from lineside.cli.detect_report import Summary, show_summary, show_table

    if form == "table":
        show_table(run.records, cut=run.pictures - len(run.records))
    summary = Summary(run.pictures, run.failed, run.objects, tuple(run.timings), save)
    show_summary(summary, to_stderr=form != "table")
