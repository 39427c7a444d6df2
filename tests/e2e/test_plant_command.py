"""`lineside plant`: the maps, and a link that a control can be tried with."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys

import pytest

LINESIDE = [sys.executable, "-m", "lineside.cli.app"]


def run(*arguments, timeout_s=60):
    return subprocess.run(
        [*LINESIDE, "plant", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_the_protocols_are_listed():
    done = run("map")
    assert done.returncode == 0
    assert {"modbus_server", "s7", "tcp"} <= set(done.stdout.split())


def test_a_map_names_every_signal_and_every_number():
    done = run("map", "modbus_server", "--set", "status_address=200", "--json")
    document = json.loads(done.stdout)
    places = {row["name"]: row["place"] for row in document["signals"]}
    assert places["trigger"] == "0.0"
    assert places["verdict"] == "210"
    assert {"register": "reason", "number": 10, "word": "trigger_missed"} in document["codes"]
    assert "trigger_missed" in run("map", "s7").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["map", "modbus"], "modbus_server"),
        (["map", "s7", "--set", "db=0"], "db"),
        (["map", "s7", "--set", "db"], "KEY=VALUE"),
        (["listen"], "kind"),
        (["listen", "--kind", "tcp", "--port", "99999"], "port"),
        (["listen", "--kind", "tcp", "--verdict", "GOOD"], "PASS"),
        (["listen", "--kind", "tcp", "--reason", "lat"], 'did you mean "late"'),
        (["listen", "no-such-file.toml"], "no-such-file.toml"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(arguments, expected):
    done = run(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_code_4():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("listen", "--kind", "tcp", "--port", port)
    assert done.returncode == 4
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_control_can_be_tried(tmp_path):
    file = tmp_path / "plant.toml"
    file.write_text('[[plant]]\nkind = "tcp"\nport = 0\n')
    command = [*LINESIDE, "plant", "listen", str(file), "--verdict", "fail", "--after-ms", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as listening:
        first = listening.stdout.readline()
        port = int(re.search(r"port (\d+)", first).group(1))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as control,
            control.makefile("r", newline="\n") as lines,
        ):
            control.sendall(b"TRIGGER 7 product=caps serial=S1\nnonsense\n")
            result = next(line for line in lines if line.startswith("RESULT"))
            assert "id=7 verdict=FAIL reason=- " in result
            assert "product=caps serial=S1" in result
            control.sendall(b"ACK 1\n")
            assert next(line for line in lines if line.startswith("GONE")) == "GONE 1\n"
        listening.send_signal(signal.SIGINT)
        said, errors = listening.communicate(timeout=30)
    assert listening.returncode == 0, errors
    for expected in (
        "trigger   7, product caps, serial S1",
        "answer    7: FAIL",
        "plc.garbage",
        "1 parts answered",
    ):
        assert expected in said, said


def test_after_a_kill_the_heartbeat_stands_still_and_after_a_tidy_end_nothing_is_ready():
    peers = pytest.importorskip("lineside.testing.plc.s7")
    from lineside.testing.plc.simulator import PlcSimulator

    peer = peers.S7Plc()
    plc = PlcSimulator(peer, timeout_s=30)
    port, db = peer.settings["port"], peer.settings["db"]
    command = [*LINESIDE, "plant", "listen", "--kind", "s7", "--port", str(port), "--set", "host=127.0.0.1"]
    command += ["--set", f"db={db}", "--set", "heartbeat_s=0.05"]
    try:
        for end in (signal.SIGTERM, signal.SIGKILL):
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as listening:
                plc.wait(lambda status: status.ready, "ready")
                plc.part(1)
                first = peer.read().heartbeat
                plc.wait(lambda status, first=first: status.heartbeat != first, "a heartbeat")
                listening.send_signal(end)
                _, errors = listening.communicate(timeout=30)
            left = peer.read()
            if end == signal.SIGTERM:
                assert (listening.returncode, left.ready, left.fault) == (0, False, True), errors
            with pytest.raises(TimeoutError):
                PlcSimulator(peer, timeout_s=0.3).wait(
                    lambda now, at=left: now.heartbeat != at.heartbeat, "a beat"
                )
    finally:
        peer.close()
