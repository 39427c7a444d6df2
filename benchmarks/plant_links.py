"""How long an answer takes to a control: from when the line gives it to when the control reads it as valid, over each protocol.

Beside it, in turns within one run, a bare exchange of the same library with the same control: one write of the results' bytes, or
for `modbus_server` one read of them, which is the least that its control needs. Control and lineside share one process.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from lineside.core.verdict import Verdict
from lineside.outputs.plant.link import LineState, PlantAnswer, PlantTrigger
from lineside.outputs.plant.signals import RESULTS_WORD, STATUS_WORDS
from plc_rig import Rig

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS = (
    STATUS_WORDS - RESULTS_WORD
)  # of results, which are zero while they are not valid, and are written so again


def main() -> None:
    """Measure each kind, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=500)
    parser.add_argument("--kinds", default="modbus_server,modbus_client,s7,ads,ethernetip,tcp")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{asked.parts} parts each (ethernetip: a fifth), {os.cpu_count()} cores, load {load:.1f}, ms\n")
    print("| kind | answer p50 | p99 | bare p50 | p99 | ratio of p50 |\n|---|---|---|---|---|---|")
    for kind in asked.kinds.split(","):
        parts = asked.parts // 5 if kind == "ethernetip" else asked.parts  # its peer needs 10 ms a request
        answers, bare = _measured(kind, parts)
        print(
            f"| {kind} | {median(answers):.2f} | {_p99(answers):.2f} | {median(bare):.2f} | {_p99(bare):.2f} "
            f"| {median(answers) / median(bare):.1f} |"
        )


def _measured(kind: str, parts: int) -> tuple[list[float], list[float]]:
    rig = Rig(kind)
    given_s: list[float] = []

    def heard(event: object) -> None:
        if isinstance(event, PlantTrigger):
            given_s.append(monotonic())
            answer = PlantAnswer(event.id, len(given_s), Verdict.PASS, None, order=event.order)
            rig.link.answer(answer)

    answers, bare = [], []
    try:
        rig.link.start(heard)
        rig.link.tell(LineState.READY)
        rig.peer.attach(rig.link)
        rig.plc.wait(lambda status: status.ready, "ready")
        exchange, close = _bare(kind, rig)
        for number in range(1, parts + 1):
            rig.plc.wait(lambda status: status.ready and not status.results_valid, "ready")
            rig.plc.set(trigger_id=number, trigger=True, acknowledge=False)
            if kind == "modbus_server":
                rig.peer.read()  # what came with the write; a request of its own is what is measured
            _until_valid(rig)
            answers.append((monotonic() - given_s[-1]) * 1e3)
            rig.plc.set(trigger=False, acknowledge=True)
            rig.plc.wait(lambda status: not status.results_valid, "results_valid down")
            rig.plc.set(acknowledge=False)
            begun_s = monotonic()
            exchange()
            bare.append((monotonic() - begun_s) * 1e3)
        close()
    finally:
        rig.close()
    return answers, bare


def _until_valid(rig: Rig) -> None:
    while not ((status := rig.peer.read()) and status.results_valid):
        sleep(0.00005)


def _bare(kind: str, rig: Rig) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One exchange by the library alone, and what closes it."""
    at = rig.peer.settings
    if kind == "tcp":
        return rig.peer.read, (lambda: None)
    if kind == "modbus_server":
        client = rig.peer._client  # noqa: SLF001 # its `read` may give what came with the last write
        return (lambda: client.read_holding_registers(100, count=STATUS_WORDS)), (lambda: None)
    if kind == "modbus_client":
        client = importlib.import_module("pymodbus.client").ModbusTcpClient(at["host"], port=at["port"])
        client.connect()
        return (lambda: client.write_registers(100 + RESULTS_WORD, [0] * _WORDS)), client.close
    if kind == "s7":
        client = importlib.import_module("snap7.client").Client()
        client.connect(at["host"], 0, 1, at["port"])
        return (
            lambda: client.db_write(at["db"], 100 + 2 * RESULTS_WORD, bytearray(2 * _WORDS))
        ), client.disconnect
    if kind == "ads":
        return _ads_write(rig.link), (lambda: None)
    plc = importlib.import_module("pylogix").PLC(at["host"], port=at["port"])
    return (lambda: plc.Write(f"Lineside_Status[{RESULTS_WORD}]", [0] * _WORDS, 0xC3)), plc.Close


def _ads_write(link: Any) -> Callable[[], Any]:
    """AdsLib has one route to a control, and one caller at a time: the link's own connection, in turn with it."""
    kind = importlib.import_module("pyads").PLCTYPE_BYTE * (2 * _WORDS)
    registers = link._registers  # noqa: SLF001 # there is no other way to it
    handle = registers._handles["GVL_Lineside.results"]  # noqa: SLF001 # the same

    def write() -> None:
        with link._wire:  # noqa: SLF001 # the same
            registers._connection.write_by_name("", [0] * (2 * _WORDS), kind, handle=handle)  # noqa: SLF001 # the same

    return write


def _p99(values: list[float]) -> float:
    return sorted(values)[min(int(len(values) * 0.99), len(values) - 1)]


if __name__ == "__main__":
    main()
