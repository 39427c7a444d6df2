"""How the demo opens its model: on every device of the list, the first of which can be broken."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from lineside.cli.demo_plant import DemoModel
from lineside.cli.progress import waiting
from lineside.line.board import Board
from lineside.line.desk import late_look

if TYPE_CHECKING:
    from lineside.cli.demo_faults import FaultPlan
    from lineside.dispatch.engine import Engine

_COOL_DOWN_S = 0.45  # the longest between two looks at a broken device: a newcomer watches for seconds
_LATE = 16  # pictures that may wait to be looked at after their answer; each is kept in memory


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants.

    Attributes:
        model: An .onnx file, or `shipped:NAME`.
        devices: The list; `None` for what was tuned, else the CPU.
        demotion: `prefer` or `require`.
        confidence: Objects above it are defects.
    """

    model: str
    devices: str | None
    demotion: str
    confidence: float

    def opened(self, plan: FaultPlan) -> DemoModel:
        """The model on its devices; what becomes of one at the start is told on stderr.

        Args:
            plan: What is broken on purpose, in the first device.

        Raises:
            LinesideError: As for an `Engine`.
        """
        from lineside.detector.usual import usual
        from lineside.dispatch.engine import Engine
        from lineside.dispatch.settings import Settings
        from lineside.dispatch.starting import Fittings, read_offer
        from lineside.testing.faults import breakable_staff

        board, inbox = Board(), queue.SimpleQueue[Any]()
        is_starting = [True]
        board.listen(lambda code, text: _warn(code, text) if is_starting[0] else None)
        start = usual(self.model, self.devices)
        for notice in start.notices:
            typer.echo(f"notice: {notice}", err=True)
        fittings = Fittings(
            settings=Settings(cool_down_most_s=_COOL_DOWN_S, late_limit=_LATE),
            demotion=self.demotion,
            note=board.post,
            late_result=late_look(inbox.put),
        )
        with waiting():
            offer = read_offer(start.model, start.facts, name="model")
            engine = Engine.of(breakable_staff(start.devices, plan, clock=time.monotonic), offer, fittings)
        is_starting[0] = False
        return DemoModel(engine, board, inbox, self.confidence)


def _warn(code: str, text: str) -> None:
    typer.echo(f"warning: {text} [{code}]", err=True)


def sentence(engine: Engine) -> str:
    """The model and its devices."""
    card = engine.card
    return (
        f"{card.file}: {card.family}, {len(card.names)} classes, {card.input.size}, on {devices_of(engine)}"
    )


def devices_of(engine: Engine) -> str:
    """The devices, with what is to be said of each."""
    found = []
    for device in engine.health().devices:
        entries = ", ".join(device.entries) or device.name
        troubles = [device.detail, *device.refused.values(), *device.demoted.values()]
        told = "; ".join(dict.fromkeys(trouble for trouble in troubles if trouble))
        found.append(f"{entries} ({told})" if told else entries)
    return " and ".join(found)
