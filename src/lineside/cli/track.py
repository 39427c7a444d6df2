"""`lineside track`: which object is which over a stream, and how many crossed a line or were in a zone."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli import options
from lineside.cli.by_hand import by_hand
from lineside.core.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.pictures import Reading
    from lineside.capture.sources import FrameSource
    from lineside.tracking.counting import LineCounter, ZoneCounter

_FOLLOWING, _COUNTING = "Following", "Counting"


@by_hand()
def track(
    model: options.Model,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A video, or a folder or pattern of its frames.", show_default=False
        ),
    ],
    *,
    line: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X1,Y1,X2,Y2",
            help="Count who crosses this line: 'in' is from its left hand to its right. May be repeated.",
            rich_help_panel=_COUNTING,
            show_default=False,
        ),
    ] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'X,Y X,Y X,Y…'",
            help="Count who is inside these corners. May be repeated.",
            rich_help_panel=_COUNTING,
            show_default=False,
        ),
    ] = None,
    point: Annotated[
        str,
        typer.Option(
            help="The point of a box that crosses: centre, top, bottom, left or right.",
            rich_help_panel=_COUNTING,
        ),
    ] = "centre",
    confirm: Annotated[
        int,
        typer.Option(
            metavar="FRAMES",
            help="An object gets an id when it was seen in so many in a row.",
            rich_help_panel=_FOLLOWING,
        ),
    ] = 3,
    keep: Annotated[
        int,
        typer.Option(
            metavar="FRAMES",
            help="For so many it keeps its id without being seen.",
            rich_help_panel=_FOLLOWING,
        ),
    ] = 30,
    motion: Annotated[
        str | None,
        typer.Option(
            metavar="DX,DY",
            help="How far parts move from frame to frame, in pixels, where it is known. A fast belt needs it.",
            rich_help_panel=_FOLLOWING,
            show_default=False,
        ),
    ] = None,
    low_confidence: Annotated[
        float | None,
        typer.Option(
            help="Known objects go on with detections above it. Default: 0.1.",
            rich_help_panel=_FOLLOWING,
            show_default=False,
        ),
    ] = None,
    same_class: Annotated[
        bool,
        typer.Option(
            "--same-class",
            help="An object never changes its class. Default: its class is what most frames say.",
            rich_help_panel=_FOLLOWING,
        ),
    ] = False,
    confidence: Annotated[float, typer.Option(help="Only objects above it begin, 0 to 1.")] = 0.25,
    iou: options.Iou = 0.45,
    classes: options.Classes = None,
    max_detections: Annotated[int, typer.Option(help="At most so many a frame.")] = 300,
    nms: options.Nms = None,
    class_aware: options.ClassAware = None,
    slices: options.Slices = None,
    overlap: options.Overlap = None,
    whole: options.Whole = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The counts and objects as one JSON document.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, one row an object a frame.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write JSON or CSV there.", show_default=False)
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for the annotated video or pictures.", show_default=False)
    ] = None,
    scale_16bit: options.Scale16Bit = None,
    limit_px: options.LimitPx = None,
    devices: options.Devices = None,
    demotion: options.Demotion = "prefer",
    threads: options.Threads = None,
    facts: options.Facts,
) -> None:
    """Follow the objects of a stream: each has one id, is counted once, and crosses lines and zones.

    A frame that cannot be judged is told and counted; objects keep their ids through it, and the exit code is 2.
    """
    from lineside.cli.opening import open_detector
    from lineside.cli.track_report import Form, show
    from lineside.cli.track_run import TrackRun
    from lineside.detector.detector import Detector
    from lineside.tracking.settings import TrackerSettings
    from lineside.tracking.tracker import Tracker

    form = Form.chosen(as_json=as_json, as_csv=as_csv, output=output)
    reading = options.reading(limit_px=limit_px, scale_16bit=scale_16bit)
    low = min(0.1, confidence) if low_confidence is None else low_confidence
    tracker = Tracker(
        TrackerSettings(
            confidence=confidence,
            low_confidence=low,
            confirm_frames=confirm,
            keep_frames=keep,
            motion_px=_motion(motion),
            class_aware=same_class,
        )
    )
    lines, zones = _lines(line or (), point), _zones(zone or (), point)
    with ExitStack() as stack:
        stream = _open_stream(stack, source, reading)
        opened = open_detector(
            Detector, model, devices=devices, demotion=demotion, threads=threads, facts=facts
        )
        detector = options.sliced(opened, slices=slices, overlap=overlap, whole=whole)
        settings = detector.thresholds(
            confidence=low,
            iou=iou,
            classes=options.class_list(classes),
            max_detections=max_detections,
            nms=nms,
            class_aware=class_aware,
        )
        run = TrackRun(detector, settings, stream, tracker, lines, zones)
        run.all(form, save)
    show(run, form, save)
    if run.failed:
        raise typer.Exit(2)


def _open_stream(stack: ExitStack, source: str, reading: Reading) -> FrameSource:
    """The one stream that an argument names.

    Raises:
        SourceError: It names several.
    """
    from lineside.capture.sources import open_sources

    opened = open_sources([source], reading=reading)
    for one in opened:
        stack.callback(one.close)
    if len(opened) > 1:
        raise SourceError(
            f'"{source}": expected one stream of frames, found {len(opened)}: '
            f"{', '.join(one.name for one in opened[:4])}. Track them one by one."
        )
    return opened[0]


def _lines(texts: Sequence[str], point: str) -> list[LineCounter]:
    from lineside.tracking.counting import LineCounter

    return [LineCounter(_numbers("--line", text, 4, "160,240,160,0"), point=point) for text in texts]


def _zones(texts: Sequence[str], point: str) -> list[ZoneCounter]:
    from lineside.tracking.counting import ZoneCounter

    corners = [[_numbers("--zone", pair, 2, "'0,0 100,0 100,50'") for pair in text.split()] for text in texts]
    return [ZoneCounter(polygon, point=point) for polygon in corners]


def _motion(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    x, y = _numbers("--motion", text, 2, "12,0")
    return x, y


def _numbers(option: str, text: str, count: int, example: str) -> list[float]:
    """The numbers of a comma list.

    Raises:
        SettingsError: They are no numbers, or not so many.
    """
    try:
        found = [float(piece) for piece in text.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(math.isfinite(v) for v in found):
        raise SettingsError(f'{option}: expected {count} numbers in pixels, as {example}; got "{text}"')
    return found
