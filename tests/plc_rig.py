"""A link with a line at one end and a control at the other."""

from __future__ import annotations

import importlib
import os
from contextlib import contextmanager

import pytest

from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    ProductChosen,
    TriggerRefused,
    open_link,
)
from lineside.testing.plc.simulator import PlcSimulator

PEERS = {
    "modbus_server": ("lineside.testing.plc.modbus", "ModbusClientPlc", {}),
    "modbus_client": ("lineside.testing.plc.modbus", "ModbusServerPlc", {}),
    "s7": ("lineside.testing.plc.s7", "S7Plc", {}),
    "ads": ("lineside.testing.plc.ads", "AdsPlc", {"timeout_s": 0.5}),
    "ethernetip": ("lineside.testing.plc.ethernetip", "LogixPlc", {}),
    "tcp": ("lineside.testing.plc.text", "TextPlc", {}),
    "tcp as client": ("lineside.testing.plc.text", "TextPlc", {"role": "client"}),
    "gpio": ("lineside.testing.plc.pins", "PinsPlc", {}),
}
"""The control's end of each kind of link."""


class StandInLine:
    """Answers every trigger: in turn PASS, FAIL, UNKNOWN; or holds the answers back.

    Attributes:
        holds: Triggers wait in `held` for `give`.
        given: Each answer.
    """

    def __init__(self):
        self.link = None
        self.holds = False
        self.held, self.given, self.events = [], [], []

    def hear(self, event):
        self.events.append(event)
        if not isinstance(event, PlantTrigger):
            return
        self.held.append(event)
        if not self.holds:
            self.give()

    def give(self):
        trigger = self.held.pop(0)
        number = len(self.given) + 1
        verdict = (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)[number % 3]
        answer = PlantAnswer(
            trigger.id,
            1000 + number,
            verdict,
            Reason.LATE if verdict is Verdict.UNKNOWN else None,
            number % 5,
            0.5,
            trigger.product or "",
            trigger.serial,
            order=trigger.order,
        )
        self.given.append(answer)
        self.link.answer(answer)
        return answer

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def triggers(self):
        return self.of(PlantTrigger)

    @property
    def refused(self):
        return self.of(TriggerRefused)

    @property
    def products(self):
        return [event.code for event in self.of(ProductChosen)]

    @property
    def notes(self):
        return [event.code for event in self.of(PlantNote)]


class Rig:
    """All three: `line`, `link`, `plc`, and the `peer` that the control speaks through."""

    def __init__(self, kind, **settings):
        module, name, more = PEERS[kind]
        try:
            self.peer = getattr(importlib.import_module(module), name)(**{**more, **settings})
        except ImportError as missing:
            if "plc" in os.environ.get("LINESIDE_EXPECT", "").split(","):
                pytest.fail(f"LINESIDE_EXPECT promises plc, but {missing}")
            pytest.skip(f"{kind}: {missing}")
        self.line = StandInLine()
        self.link = self.peer.link() if kind == "gpio" else open_link(self.peer.settings)
        self.line.link = self.link
        self.has_numbers = kind != "gpio"
        self.can_babble = kind != "gpio"
        self.plc = PlcSimulator(self.peer, timeout_s=20)

    def start(self):
        self.link.start(self.line.hear)
        self.link.tell(LineState.READY)
        self.peer.attach(self.link)
        self.plc.wait(lambda status: status.ready, "ready")

    def close(self):
        self.link.close()
        self.peer.close()


@contextmanager
def running(kind, **settings):
    rig = Rig(kind, **settings)
    try:
        rig.start()
        yield rig
    finally:
        rig.close()


def refused_answer(line):
    """The line gives an answer that cannot be written now; the refusal."""
    with pytest.raises(OutputError) as refusal:
        line.give()
    return refusal.value
