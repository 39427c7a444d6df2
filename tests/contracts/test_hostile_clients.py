"""What strangers can do to a link that listens: nothing that a part would feel, and nothing that fills the memory."""

from __future__ import annotations

import os
import random
import socket
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from lineside.outputs.plant.link import PlantNote
from peers import until
from plc_rig import running

SERVERS = ("modbus_server", "tcp")
CONNECTIONS = 200
FLOOD_BYTES = 30_000_000
MOST_BYTES = 20_000_000  # of growth, with the test's own buffers

HALF = {
    "modbus_server": b"\x00\x01\x00\x00\x00\x3b\x01\x17\x00",  # a request of 59 bytes, of which three came
    "tcp": b"TRIGGER 999",  # without the end of the line
}
OVERSIZED = {
    "modbus_server": b"\x00\x01\x00\x00\xff\xff\x01\x10" + bytes(70_000),
    "tcp": b"TRIGGER " + b"9" * 70_000,
}

each_server = pytest.mark.parametrize("kind", SERVERS)
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning")]


def memory_bytes():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def connected(rig):
    return socket.create_connection(("127.0.0.1", rig.link.port), timeout=5)


def comes_back(rig):
    """The control connects anew, where a stranger took its place; it knows no better than to begin again."""
    rig.peer.kill()
    rig.plc.power_up()


def is_right(rig, number):
    """The next part is one trigger with one answer, and nothing was taken for a trigger before it."""
    comes_back(rig)
    before = len(rig.line.triggers)
    rig.plc.part(number)
    assert [trigger.id for trigger in rig.line.triggers[before:]] == [number]


def said(rig):
    return {event.code for event in rig.line.of(PlantNote)}


@each_server
def test_random_bytes_are_told_and_no_part_feels_them(kind):
    dice = random.Random(7)
    with running(kind) as rig:
        rig.plc.part(1)
        for _ in range(50):
            with connected(rig) as stranger, suppress(OSError):
                stranger.sendall(dice.randbytes(dice.randrange(1, 5000)))
                stranger.sendall(b"\n")
        until(lambda: "plc.garbage" in said(rig), "plc.garbage")
        is_right(rig, 2)
        assert len(rig.line.triggers) == 2


@each_server
def test_half_a_message_is_no_message_and_holds_nobody_up(kind):
    with running(kind) as rig, ExitStack() as stack:
        for _ in range(5):
            stranger = stack.enter_context(connected(rig))
            stranger.sendall(HALF[kind])
        is_right(rig, 1)


@each_server
def test_lengths_that_cannot_be_are_not_waited_for(kind):
    with running(kind) as rig:
        for _ in range(3):
            with connected(rig) as stranger, suppress(OSError):
                stranger.sendall(OVERSIZED[kind])
        is_right(rig, 1)
        assert len(rig.line.triggers) == 1


@each_server
def test_who_floods_fills_no_memory(kind):
    with running(kind) as rig:
        rig.plc.part(1)
        before = memory_bytes()
        piece = bytes(100_000)
        sent = 0
        while sent < FLOOD_BYTES:
            with connected(rig) as stranger, suppress(OSError):
                while sent < FLOOD_BYTES:
                    sent += len(piece)
                    stranger.sendall(piece)
        assert memory_bytes() - before < MOST_BYTES
        is_right(rig, 2)


@each_server
def test_two_hundred_connections_that_say_nothing_keep_no_control_out(kind):
    with running(kind) as rig, ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(connected(rig))
        is_right(rig, 1)
    assert len(rig.line.triggers) == 1


@each_server
def test_who_sends_byte_by_byte_holds_nobody_up(kind):
    with running(kind) as rig, ExitStack() as stack:
        slow = [stack.enter_context(connected(rig)) for _ in range(10)]
        comes_back(rig)
        for number, byte in enumerate(struct.pack("!30s", HALF[kind]), 1):
            for stranger in slow:
                with suppress(OSError):  # it was hung up on
                    stranger.sendall(bytes([byte or 1]))
            rig.plc.part(number)
        assert len(rig.line.triggers) == 30
