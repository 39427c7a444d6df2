"""What a Modbus client can do to the server of a link, and what it cannot."""

from __future__ import annotations

import pytest

from lineside.outputs.plant.signals import CONTROL_WORDS, STATUS_WORDS
from peers import until
from plc_rig import running

CONTROL, STATUS = 0, 100


@pytest.fixture
def rig():
    with running("modbus_server", silence_s=0.3) as rig:
        yield rig


@pytest.fixture
def client(rig):
    return rig.peer._client


def test_a_control_may_write_word_by_word(rig, client):
    client.write_register(CONTROL + 3, 7)
    client.write_registers(CONTROL + 4, [0x6361, 0x7073])
    client.write_register(CONTROL, 1)
    until(lambda: rig.line.triggers, "a trigger")
    assert (rig.line.triggers[0].id, rig.line.triggers[0].product) == (7, "caps")
    assert client.read_holding_registers(CONTROL, count=CONTROL_WORDS).registers[:6] == [
        1,
        0,
        0,
        7,
        0x6361,
        0x7073,
    ]
    assert client.read_input_registers(STATUS, count=STATUS_WORDS).registers[9] == 7


@pytest.mark.parametrize("address", [STATUS, STATUS + 10, CONTROL + CONTROL_WORDS, 60, 5000, 65535])
def test_nothing_but_the_controls_own_block_can_be_written(rig, client, address):
    assert client.write_registers(address, [1]).isError()
    assert client.write_registers(CONTROL + CONTROL_WORDS - 1, [1, 1]).isError()
    assert rig.peer.read().ready
    assert not rig.line.events


def test_coils_are_refused(rig, client):
    assert client.write_coil(0, True).isError()
    assert client.read_coils(0, count=1).isError()
    assert not rig.line.events


def test_a_control_that_asks_nothing_is_lost_and_its_trigger_falls(rig, client):
    rig.line.holds = True
    client.write_register(CONTROL, 1)
    until(lambda: rig.line.notes == ["plc.lost"], "plc.lost")
    assert client.read_holding_registers(CONTROL, count=1).registers == [0]
    assert rig.line.notes == ["plc.lost", "plc.back"]
    client.write_register(CONTROL, 1)
    until(lambda: rig.line.refused, "the second trigger, which came too early")


def test_bytes_at_random_end_nothing(rig):
    import random
    import socket

    dice = random.Random(1)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", rig.link.port), timeout=5) as other:
            other.sendall(dice.randbytes(dice.randrange(1, 400)))
    rig.plc.part(1)
    assert rig.line.triggers[-1].id == 1


def test_a_control_without_the_registers_is_lost_with_the_reason():
    from lineside.outputs.plant.link import open_link

    with running("modbus_client") as rig:
        events = []
        at = {**rig.peer.settings, "control_address": 400, "status_address": 500}
        link = open_link(at)
        link.start(events.append)
        until(lambda: events, "a note")
        link.close()
        assert events[0].code == "plc.lost"
        assert "Are the registers there" in events[0].sentence
