"""The demo's line: the plant's cameras, a model whose every class is forbidden, and what it must have kept."""

from __future__ import annotations

import queue
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineside.capture.plant.camera import PlantCamera
from lineside.cli.demo_faults import FaultKind, FaultPlan, breakable_camera
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judge, open_rule
from lineside.line.cameras import CameraStation
from lineside.line.link import Link
from lineside.line.loop import Loop
from lineside.line.parts import Parts
from lineside.line.products import OneProduct, Product
from lineside.line.record import RunRecord
from lineside.line.report import Promise
from lineside.line.schedule import Schedule
from lineside.line.standing import device_rows
from lineside.line.triggers import Timed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.capture.plant.plant import Plant
    from lineside.core.inspection import Inspection
    from lineside.dispatch.engine import Engine
    from lineside.line.board import Board
    from lineside.line.cameras import Camera
    from lineside.line.outbox import Sink
    from lineside.line.parts import LoopSettings
    from lineside.line.statistics import Statistics


_RECOVERY_S = 5.0
"""A line that has not recovered by then, after its fault is over, has not kept its promise."""

_CONSEQUENCES = {
    FaultKind.CAMERA: Reason.NO_FRAME,
    FaultKind.DEVICE: Reason.DEVICE_LOST,
    FaultKind.MODEL: Reason.MODEL_UNHEALTHY,
}


@dataclass(slots=True)
class Gate:
    """Where the answers go: it keeps them, and looks at each PASS again before it lets the part through.

    Attributes:
        plan: What is broken on purpose.
        record: The answers.
        unproven: Parts that passed without their proof. There must be none.
        touched: Parts that lost a view to it.
    """

    plan: FaultPlan
    record: RunRecord = field(default_factory=RunRecord)
    unproven: list[int] = field(default_factory=list)
    touched: int = 0

    def __call__(self, inspection: Inspection) -> None:
        """Take an answer."""
        self.record(inspection)
        is_touched = self.plan.took(inspection)
        self.touched += is_touched or self._has_suffered(inspection)
        if inspection.verdict is Verdict.PASS and (is_touched or not is_proven(inspection)):
            self.unproven.append(inspection.part)

    def _has_suffered(self, inspection: Inspection) -> bool:
        """Whether a view is missing for the reason that the fault gives."""
        reason = None if self.plan.kind is None else _CONSEQUENCES[self.plan.kind]
        return any(view.reason is not None and view.reason is reason for view in inspection.views)


def is_proven(inspection: Inspection) -> bool:
    """Whether every view holds detections in a picture of this very part, and the answer came in time."""
    return inspection.answered_s <= inspection.deadline_s and all(
        view.detections is not None and view.frame is not None and view.frame.part == inspection.part
        for view in inspection.views
    )


@dataclass(frozen=True, slots=True)
class DemoLine:
    """A line that is ready to run, and who hears its answers."""

    line: Loop
    gate: Gate


@dataclass(frozen=True, slots=True)
class DemoModel:
    """What looks at the pictures.

    Attributes:
        engine: The open model on its devices.
        board: Where the engine tells what becomes of its devices.
        inbox: Where it tells of late results.
        confidence: Objects above it are forbidden.
    """

    engine: Engine
    board: Board
    inbox: queue.SimpleQueue[Any]
    confidence: float


def build_line(
    plant: Plant,
    model: DemoModel,
    settings: LoopSettings,
    *,
    parts_per_minute: float,
    plan: FaultPlan,
    sinks: Sequence[Sink],
) -> DemoLine:
    """The plant's cameras, the engine and one rule: no object of any class, in any view.

    Args:
        plant: What the cameras look at.
        model: Looks at their pictures.
        settings: Deadline and limits.
        parts_per_minute: How often a part comes.
        plan: What is broken on purpose.
        sinks: Get every inspection.

    Raises:
        SettingsError: A setting is not accepted.
    """
    cameras = plant.camera_names
    names = model.engine.card.names
    rule = {"kind": "forbid", "classes": list(names), "min_confidence": model.confidence}
    judge = Judge([open_rule(rule, names)], names=names, cameras=cameras)
    gate = Gate(plan)
    inbox = model.inbox

    def station(number: int, name: str) -> CameraStation:
        link = Link(f"camera {name}", _opener(plant, number, name, plan), backoff=settings.backoff)
        return CameraStation(name, link, post=inbox.put, note=model.board.post, clock=time.monotonic)

    def triggers(start_s: float, seconds: float | None) -> Timed:
        plan.begin()
        return Timed(Schedule(start_s, parts_per_minute, seconds))

    parts = Parts(
        views=cameras,
        stations={name: station(number, name) for number, name in enumerate(cameras)},
        products=OneProduct(Product("", judge, model.engine, {"confidence": judge.min_confidence})),
        triggers=triggers,
        inbox=inbox,
        board=model.board,
        gate=gate,
        sinks=sinks,
        devices=lambda: device_rows([model.engine]),
        absence=model.engine.absence,
    )
    return DemoLine(Loop(parts, settings), gate)


def _opener(plant: Plant, number: int, name: str, plan: FaultPlan) -> Callable[[], Camera]:
    """What opens a camera. The fault pulls the cable of the first one."""

    def opened() -> Camera:
        return PlantCamera(plant, number)

    return opened if number else breakable_camera(opened, name, plan)


def promises(gate: Gate, statistics: Statistics) -> list[Promise]:
    """What the line must have kept, and whether it did."""
    times = Counter(row.part for row in gate.record.rows)
    once = sorted(times) == list(range(statistics.triggered)) and set(times.values()) <= {1}
    kept = [
        Promise(
            once,
            f"every part was answered exactly once: {len(gate.record.rows)} answers for {statistics.triggered} parts",
        ),
        Promise(
            not gate.unproven,
            "no part passed without its proof"
            + (f": {len(gate.unproven)} did, the first was part {gate.unproven[0]}" if gate.unproven else ""),
        ),
    ]
    if gate.plan.kind is not None:
        kept.append(
            Promise(
                not gate.unproven,
                f"the broken {gate.plan.kind} cost {gate.touched} parts a view, and "
                f"{'some' if gate.unproven else 'none'} of them passed",
            )
        )
        kept.append(Promise(*_recovery(gate)))
    return kept


def _recovery(gate: Gate) -> tuple[bool, str]:
    """Whether parts could be told apart again after the fault."""
    after = [row for row in gate.record.rows if row.at_s >= gate.plan.end_s]
    known = next((row for row in after if row.verdict is not Verdict.UNKNOWN), None)
    if known is not None:
        return (
            True,
            f"after the fault the line recovered by itself: part {known.part} was judged {known.verdict}",
        )
    had_time = any(row.at_s >= gate.plan.end_s + _RECOVERY_S for row in after)
    if had_time:
        return False, f"no part was judged within {_RECOVERY_S:g} s after the fault, nor later"
    return True, "the run ended before a part could be judged after the fault"
