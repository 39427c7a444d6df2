"""What every link to a plant's control keeps, over the real protocol with a simulated control at its other end."""

from __future__ import annotations

import re
import socket
import sys
import threading
import types
from pathlib import Path

import pytest

from lineside.core import plugins
from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Reason
from lineside.outputs.plant.codes import NO_REASON, REASON_CODES, VERDICT_CODES
from lineside.outputs.plant.link import KINDS, LineState, PlantTrigger, open_link
from lineside.outputs.plant.signals import Control, Order, pack_control, unpack_status
from peers import until
from plc_rig import PEERS, refused_answer, running

MISSED = REASON_CODES[Reason.TRIGGER_MISSED]
PARTS = 200
TESTS = Path(__file__).parents[1]
WITHOUT_SIGNALS = {"opcua": "integration/test_opcua_link.py", "mqtt": "integration/test_mqtt_link.py"}
"""Kinds that have no handshake by signals, and where they are held to theirs."""
SERVERS = ["modbus_server", "tcp"]

each_kind = pytest.mark.parametrize("kind", PEERS)
numbered = pytest.mark.parametrize("kind", [kind for kind in PEERS if kind != "gpio"])

# The libraries' own doings: AdsLib is closed by its finaliser, snap7's server leaves its socket to it.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning")]


def same(status, answer):
    """Whether the control read what the line said."""
    reason = NO_REASON if answer.reason is None else REASON_CODES[answer.reason]
    return (
        (status.verdict, status.reason, status.count, status.score)
        == (VERDICT_CODES[answer.verdict], reason, answer.count, 500)
        and (status.inspection, status.answered_id) == (answer.inspection, answer.trigger)
        and (status.answered_product, status.answered_serial) == (answer.product, answer.serial)
    )


def test_every_kind_has_a_control_to_speak_with():
    assert {name.partition(" ")[0] for name in PEERS} | set(WITHOUT_SIGNALS) == set(plugins.own(KINDS))
    assert all((TESTS / file).exists() for file in WITHOUT_SIGNALS.values())


@each_kind
def test_every_part_is_answered_once_and_as_the_line_said(kind):
    with running(kind) as rig:
        parts = PARTS // 4 if kind == "ethernetip" else PARTS  # its peer needs 10 ms a request
        for number in range(1, parts + 1):
            rig.plc.part(number, product="caps-blue", serial=f"S{number}")
        assert len(rig.line.triggers) == parts
        assert not rig.line.refused
        verdicts = [status.verdict == 1 for status in rig.plc.answers]
        assert verdicts == [VERDICT_CODES[answer.verdict] == 1 for answer in rig.line.given]
        if rig.has_numbers:
            pairs = zip(rig.plc.answers, rig.line.given, strict=True)
            assert all(same(status, answer) for status, answer in pairs)
            assert [status.sequence for status in rig.plc.answers] == list(range(1, parts + 1))


@each_kind
def test_a_double_trigger_is_answered_too_and_is_no_pass(kind):
    with running(kind) as rig:
        rig.line.holds = True
        rig.plc.trigger(1)
        rig.plc.trigger(2)
        until(lambda: len(rig.line.refused) == 1, "a refusal")
        rig.line.give()
        first, second = rig.plc.acknowledge(), rig.plc.acknowledge()
        assert second.verdict == 0
        if rig.has_numbers:
            assert same(first, rig.line.given[0])
            assert (second.answered_id, second.reason, second.missed) == (2, MISSED, 1)
        rig.line.holds = False
        rig.plc.part(3)


@each_kind
def test_a_trigger_while_the_line_is_not_ready_is_answered_too(kind):
    with running(kind) as rig:
        rig.link.tell(LineState.STOPPING)
        rig.plc.wait(lambda status: not status.ready, "ready down")
        rig.plc.trigger(1)
        assert rig.plc.acknowledge().verdict == 0
        assert len(rig.line.refused) == 1
        assert not rig.line.triggers


@each_kind
def test_results_that_nobody_acknowledges_are_noted_and_the_next_part_is_served(kind):
    # Long enough for the second part to be acknowledged on a machine that is busy, with the slowest of the peers.
    with running(kind, acknowledge_timeout_s=5.0 if kind == "ethernetip" else 1.0) as rig:
        rig.plc.trigger(1)
        until(lambda: "plc.unacknowledged" in rig.line.notes, "a note")
        rig.plc.wait(lambda status: status.ready and not status.results_valid, "ready")
        rig.plc.part(2)
        if rig.has_numbers:
            assert (rig.plc.answers[-1].sequence, rig.plc.answers[-1].answered_id) == (2, 2)


@each_kind
def test_a_control_that_was_killed_is_served_again(kind):
    with running(kind) as rig:
        rig.plc.part(1)
        rig.line.holds = True
        rig.plc.trigger(2)
        rig.peer.kill()
        until(lambda: "plc.lost" in rig.line.notes, "plc.lost")
        rig.plc.power_up()
        assert rig.line.notes.count("plc.lost") == 1
        assert rig.line.notes[-2:] == ["plc.back", "plc.reset"]
        assert "reset" in str(refused_answer(rig.line))
        rig.line.holds = False
        status = rig.plc.part(3)
        if rig.has_numbers:
            assert same(status, rig.line.given[-1])
            assert status.answered_id == 3


@numbered
def test_an_answer_for_a_control_that_is_away_waits_for_it(kind):
    with running(kind) as rig:
        rig.line.holds = True
        rig.plc.trigger(1)
        rig.peer.kill()
        until(lambda: "plc.lost" in rig.line.notes, "plc.lost")
        if kind == "modbus_server":
            rig.line.give()  # it stands in our own registers
        else:
            refused_answer(rig.line)
        rig.peer.revive()
        assert same(rig.plc.acknowledge(), rig.line.given[0])


@numbered
def test_several_parts_on_the_way_are_answered_in_the_order_of_their_triggers(kind):
    with running(kind, depth=3) as rig:
        rig.line.holds = True
        for number in (11, 12, 13):
            rig.plc.wait(lambda status: status.ready, "ready")
            rig.plc.trigger(number)
        rig.plc.wait(lambda status: not status.ready, "no room")
        rig.line.held.reverse()
        for _ in range(3):
            rig.line.give()
        assert [rig.plc.acknowledge().answered_id for _ in range(3)] == [11, 12, 13]
        by_number = {answer.trigger: answer for answer in rig.line.given}
        assert all(same(status, by_number[status.answered_id]) for status in rig.plc.answers)


@numbered
def test_the_product_changes_between_two_parts(kind):
    with running(kind) as rig:
        rig.plc.part(1, product="caps")
        rig.plc.part(2, product="discs")
        assert [trigger.product for trigger in rig.line.triggers] == ["caps", "discs"]
        assert rig.line.products == ["caps", "discs"]


@numbered
def test_garbage_is_noted_and_changes_nothing(kind):
    with running(kind) as rig:
        rig.plc.part(1)
        rig.peer.babble()
        until(lambda: "plc.garbage" in rig.line.notes, "plc.garbage")
        rig.plc.set()
        rig.plc.part(2)
        assert len(rig.line.triggers) == 2


@each_kind
def test_a_closed_link_leaves_nothing_that_could_be_taken_for_ready(kind):
    before = threading.active_count()
    with running(kind) as rig:
        rig.plc.trigger(1)
        rig.plc.results()
        rig.link.close()
        rig.link.close()
        try:
            status = rig.peer.read()
        except Exception:  # noqa: BLE001 # whatever a library says of a server that is gone
            status = None
        if status is not None and kind not in SERVERS:
            assert (status.ready, status.results_valid, status.verdict) == (False, False, 0)
            assert status.fault
    until(lambda: threading.active_count() <= before, "no thread left")


@each_kind
def test_a_key_that_does_not_exist_is_refused_by_name(kind):
    name = kind.partition(" ")[0]
    with pytest.raises(SettingsError, match="colour"):
        open_link({"kind": name, "colour": "red"})


@each_kind
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("depth", 0),
        ("depth", 65),
        ("acknowledge_timeout_s", 0),
        ("lost_acknowledge", "maybe"),
        ("heartbeat_s", -1),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(kind, key, value):
    name = kind.partition(" ")[0]
    needed = {
        "modbus_client": {"host": "plc"},
        "s7": {"host": "plc"},
        "ads": {"host": "plc", "net_id": "1.2.3.4.1.1"},
        "ethernetip": {"host": "plc"},
        "gpio": {"trigger": 1, "results_valid": 2, "passed": 3},
    }.get(name, {})
    with pytest.raises(SettingsError, match=key):
        open_link({"kind": name, **needed, key: value})


@pytest.mark.parametrize("kind", SERVERS)
def test_a_port_in_use_is_named(kind):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        link = open_link({"kind": kind, "port": port})
        with pytest.raises(OutputError, match=str(port)):
            link.start(lambda event: None)
        link.close()


@pytest.mark.parametrize("kind", SERVERS)
def test_servers_are_heard_on_this_machine_alone_unless_told_otherwise(kind):
    settings = plugins.load(KINDS, kind).Settings()
    assert settings.host == "127.0.0.1"


def test_the_worked_example_of_the_documentation_is_a_link(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "plant-link.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    example = types.ModuleType("files_link")
    # Its settings' annotations are looked up there.
    sys.modules[example.__name__] = example
    try:
        exec(compile(code, str(page), "exec"), example.__dict__)
        (tmp_path / "control.bin").write_bytes(pack_control(Control(), Order.BIG))
        link = example.make({"folder": tmp_path})
        events = []
        link.start(events.append)
        link.tell(LineState.READY)

        def is_ready():
            told = tmp_path / "lineside.bin"
            status = unpack_status(told.read_bytes(), Order.BIG) if told.exists() else None
            return status is not None and status.ready

        until(is_ready, "ready")
        (tmp_path / "control.tmp").write_bytes(pack_control(Control(trigger=True, trigger_id=7), Order.BIG))
        (tmp_path / "control.tmp").rename(tmp_path / "control.bin")
        until(lambda: any(isinstance(event, PlantTrigger) for event in events), "a trigger")
        link.close()
        assert [event.id for event in events if isinstance(event, PlantTrigger)] == [7]
        assert example.describe({})[0].place == "control.bin, byte 0"
    finally:
        del sys.modules[example.__name__]
