"""From settings to the parts of a line. What is wired to what stands here and nowhere else."""

from __future__ import annotations

import itertools
import math
import queue
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.capture.adjust import Adjustment, AdjustmentSettings
from lineside.capture.camera import TriggerMode
from lineside.capture.feed import Feed
from lineside.capture.health.baseline import load_baseline
from lineside.capture.health.gate import HealthGate
from lineside.capture.watch import Limits
from lineside.core import plugins
from lineside.core.delivery import Delivery
from lineside.line.ejecting import EjectorThread
from lineside.line.ejector import Ejector, EjectorSettings
from lineside.line.feeds import FeedStation
from lineside.line.joining import Joiner
from lineside.line.models import Models
from lineside.line.newest import Newest
from lineside.line.outside import Outside
from lineside.line.paired import Paired
from lineside.line.pairing import Pairer, PairWindow
from lineside.line.parts import LoopSettings, Parts
from lineside.line.plant import Plant
from lineside.line.preparing import looked_at
from lineside.line.schedule import Schedule
from lineside.line.standing import absence_of, device_rows
from lineside.line.triggers import Asked, ByThemselves, Timed
from lineside.outputs import parcel
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings
from lineside.outputs.plant.link import open_link
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.trace.writer import TraceWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.core.frame import Frame
    from lineside.core.inspection import Inspection
    from lineside.line.board import Board
    from lineside.line.feeds import Ears
    from lineside.line.products import Product
    from lineside.line.settings.document import CameraTable
    from lineside.line.settings.reading import LineSettings
    from lineside.line.triggers import Triggers

_OUTBOX_S = 10.0
_OPEN_S = 60.0  # models are opened beside the cameras, and a busy start makes slow cameras slower
_CAPTURES = 8  # triggers that a camera may leave unanswered
_FRAMES = 64  # pictures that may wait for the engines, which answer each by its deadline


@dataclass(frozen=True, slots=True)
class Built:
    """A line that is put together and not yet running.

    Attributes:
        parts: For the loop.
        how: Deadline and limits.
        models: The engines and the products.
        cameras: The stations by the camera's name.
        outbox: Where results wait; `None` without any output.
        closing: Closes what the loop does not.
    """

    parts: Parts
    how: LoopSettings
    models: Models
    cameras: Mapping[str, FeedStation]
    outbox: DurableOutbox | None
    closing: ExitStack


def build(settings: LineSettings, board: Board, run: str, outside: Outside | None = None) -> Built:
    """The line of some settings. Models are opened, cameras and links are not yet.

    Args:
        settings: They.
        board: Where everybody tells what people should hear.
        run: The run's name, which no other run of the line has.
        outside: Where cameras, engines and the time of day come from; `None` for where they are.

    Raises:
        LinesideError: Something of it cannot be opened. What was opened before is closed again.
    """
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    deadline_s = settings.document.line.deadline_ms / 1e3
    outside = outside or Outside()
    with ExitStack() as stack:
        outbox = _outbox(settings, board, run, outside)
        if outbox is not None:
            stack.callback(outbox.close, _OUTBOX_S)
        trace_table = settings.document.trace
        links = [open_link(table) for table in settings.document.plant]
        ejector = _ejector(settings, board, outside)
        if ejector is not None:
            stack.callback(ejector.close)
        models = stack.enter_context(Models(settings, board, inbox.put, outside.engine))
        trace = (
            None if trace_table is None else _trace(settings, board, {"run": run, **models.about}, outside)
        )
        if trace is not None:
            stack.callback(trace.close, _OUTBOX_S)
        asks = settings.trigger in {TriggerMode.SOFTWARE, TriggerMode.PLC}
        cameras = _cameras(settings, board, inbox.put, outside, asks=asks)
        parts = Parts(
            views=tuple(settings.views),
            stations={view: cameras[camera] for view, camera in settings.views.items()},
            products=models.products,
            triggers=_triggers(
                settings, lambda camera: cameras[camera].away, devices=len(device_rows(models.engines))
            ),
            inbox=inbox,
            board=board,
            plant=Plant(links, post=inbox.put, note=board.post) if links else None,
            ejector=ejector,
            record=_recording(outbox, trace),
            late=(lambda _late: None) if trace is None else trace.append_late,
            devices=lambda: device_rows(models.engines),
            absence=lambda: absence_of(models.engines),
            dress=partial(_dress, cameras),
        )
        captures = _CAPTURES if asks else 1024
        how = LoopSettings(deadline_s=deadline_s, max_captures=captures, max_frames=_FRAMES)
        return Built(parts, how, models, cameras, outbox, stack.pop_all())
    raise AssertionError("unreachable")


def _cameras(
    settings: LineSettings, board: Board, post: Callable[[Any], None], outside: Outside, *, asks: bool
) -> dict[str, FeedStation]:
    """The line's cameras by name, not yet open."""
    return {
        table.id: FeedStation(
            table.id,
            _feed(settings, table, outside),
            post=post,
            note=board.post,
            prepare=_prepare(settings, table),
            asks=asks,
        )
        for table in settings.document.camera
    }


def _dress(cameras: Mapping[str, FeedStation], product: Product) -> None:
    for name, outfit in product.outfits.items():
        cameras[name].dress(outfit)


def _recording(
    outbox: DurableOutbox | None, trace: TraceWriter | None
) -> Callable[[Inspection, Mapping[str, Any]], None]:
    """Hand an answer to the outbox and the trace, neither of which waits."""

    def record(inspection: Inspection, about: Mapping[str, Any]) -> None:
        if outbox is not None:
            outbox.offer(inspection, about)
        if trace is not None:
            trace.append(inspection, about)

    return record


def _trace(settings: LineSettings, board: Board, about: Mapping[str, Any], outside: Outside) -> TraceWriter:
    table = settings.document.trace
    assert table is not None
    how = TraceSettings.model_validate(table.model_dump(exclude={"folder"}))
    return TraceWriter(
        settings.path(table.folder),
        {"line": settings.document.line.name, **about},
        settings=how,
        note=board.post,
        wall=outside.wall_clock,
    )


def _feed(settings: LineSettings, table: CameraTable, outside: Outside) -> Callable[[Ears], Feed]:
    how = replace(settings.camera(table), wall_clock=outside.wall_clock)

    def made(ears: Ears) -> Feed:
        return Feed(
            how,
            outside.camera,
            on_frame=ears.on_frame,
            on_event=ears.on_event,
            on_missed=ears.on_missed,
            limits=Limits(open_s=_OPEN_S),
        )

    return made


def _prepare(settings: LineSettings, table: CameraTable) -> Callable[[Frame], Frame]:
    """What is done to each picture of a camera: it is looked at, and adjusted where that was asked for."""
    baseline = None if table.baseline is None else load_baseline(settings.path(table.baseline))
    adjustment = Adjustment(table.adjust or AdjustmentSettings(), table.id)
    return looked_at(HealthGate(table.health, baseline), adjustment)


def _triggers(
    settings: LineSettings, away: Callable[[str], str], *, devices: int
) -> Callable[[float, float | None], Triggers]:
    """What makes parts come, from a moment on and for some seconds.

    Args:
        settings: The line's.
        away: Why a camera is known to be lost; an empty text where it is not.
        devices: How many there are: of a live view so many parts are open at once.
    """
    line = settings.document.line
    least_s = line.least_ms / 1e3

    def made(start_s: float, seconds: float | None) -> Triggers:
        ends_s = math.inf if seconds is None else start_s + seconds
        if settings.trigger is TriggerMode.SOFTWARE:
            return Timed(Schedule(start_s, line.parts_per_minute or 1.0, seconds))
        if settings.trigger is TriggerMode.PLC:
            return Asked(least_s=least_s, ends_s=ends_s)
        if line.pair_ms is not None:
            numbers = itertools.count()
            window = PairWindow(line.pair_ms / 1e3, line.pair_lag_ms / 1e3, settings.grace_s, settings.join_s)
            pairer = Pairer(settings.shots, window, numbers=numbers, away=away)
            return Paired(Asked(least_s=least_s, ends_s=ends_s, numbers=numbers), pairer)
        joiner = Joiner(settings.shots, window_s=settings.join_s, grace_s=settings.grace_s, least_s=least_s)
        rate = line.parts_per_minute
        is_live = settings.document.camera[0].delivery is Delivery.LATEST
        newest = Newest(max(devices, 1), settings.join_s) if is_live else None
        return ByThemselves(joiner, least_s=60 / rate if rate else 0.0, ends_s=ends_s, newest=newest)

    return made


def _ejector(settings: LineSettings, board: Board, outside: Outside) -> EjectorThread | None:
    table = settings.document.ejector
    if table is None:
        return None
    delay = table.delay_pulses if table.delay_ms is None else table.delay_ms / 1e3
    how = EjectorSettings(delay or 0.0, table.pulse_ms / 1e3, table.heartbeat_ms / 1e3)
    valve = outside.switch(table.output)
    heartbeat = None if table.heartbeat is None else outside.switch(table.heartbeat)
    position = None
    if table.encoder is not None:
        from lineside.line.encoder import Encoder

        position = Encoder(settings.path(table.encoder))
    ejector = Ejector(how, valve, note=board.post, heartbeat=heartbeat, position=position)
    return EjectorThread(ejector, note=board.post)


def _outbox(settings: LineSettings, board: Board, run: str, outside: Outside) -> DurableOutbox | None:
    if not settings.outputs:
        return None
    table = settings.document.outbox
    limits = OutboxSettings.model_validate(table.model_dump(exclude={"folder"}))
    sinks = {name: _absolute(one, settings.file.parent) for name, one in settings.outputs.items()}
    return DurableOutbox(
        settings.path(table.folder),
        sinks,
        line=settings.document.line.name,
        run=run,
        settings=limits,
        note=board.post,
        wall=outside.wall_clock,
    )


def _absolute(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """An output's table with its paths from the settings' folder."""
    fields = plugins.load(parcel.KINDS, str(table["kind"])).Settings.model_fields
    paths = {name for name, field in fields.items() if field.annotation in {Path, Path | None}}
    return {
        name: str(folder / value) if name in paths and isinstance(value, str) else value
        for name, value in table.items()
    }
