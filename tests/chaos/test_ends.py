"""lineside itself is killed, started again, and told to end, as a process of its own with its plant's control beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

pytest.importorskip("pymodbus", reason="the extra modbus is not installed")

from chaos_line import learned, write_settings
from lineside.outputs.trace.reading import sound_records
from lineside.outputs.trace.verify import verify
from lineside.testing.plc.modbus import ModbusClientPlc
from lineside.testing.plc.simulator import PlcSimulator
from peers import free_port, listens, until

LONG_S = 120.0


def started(folder, port):
    call = [sys.executable, "-m", "lineside.cli.app", "run", "line.toml", "--log", "json", "--parts"]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(call, cwd=folder, env=os.environ, stderr=log)
    until(lambda: listens(port) or process.poll() is not None, "the port", LONG_S)
    assert process.poll() is None, (folder / "log").read_text()
    peer = ModbusClientPlc()
    peer.attach(SimpleNamespace(port=port))
    plc = PlcSimulator(peer, timeout_s=LONG_S)
    plc.power_up()
    return process, peer, plc


def traced(folder):
    """Run and number of each part in the trace."""
    records = [record for record in sound_records(folder / "trace") if record.get("kind") == "part"]
    return [(record["about"]["run"], record["part"]) for record in records]


def kept(folder):
    """The same of each result that the output has."""
    records = [json.loads(path.read_text()) for path in (folder / "kept").rglob("*.json")]
    return [(record["run"], record["part"]) for record in records]


def test_killed_it_falls_silent_and_goes_on_with_what_was_kept_and_told_to_end_it_answers_all(tmp_path):
    port = free_port()
    write_settings(tmp_path, learned(), port=port)
    process, peer, plc = started(tmp_path, port)
    try:
        for number in (1, 2, 3):
            plc.part(number)
        until(lambda: (tmp_path / "trace").exists() and len(traced(tmp_path)) == 3, "three parts", LONG_S)
        plc.trigger(4)
        process.kill()
        process.wait(LONG_S)
        assert not listens(port), "no heartbeat: the control rejects part 4"
        peer.close()
        before = traced(tmp_path)
        process, peer, plc = started(tmp_path, port)
        for number in (11, 12):
            plc.part(number)
        plc.trigger(13)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG_S) == 0
    finally:
        process.kill()
        process.wait(LONG_S)
        peer.close()
    after = traced(tmp_path)
    assert after[: len(before)] == before
    assert [part for _, part in after[len(before) :]] == [0, 1, 2], "the part on the line has its answer"
    assert verify(tmp_path / "trace").is_sound
    assert Counter(kept(tmp_path)) == Counter(after)
    assert "Traceback" not in (tmp_path / "log").read_text()
