"""Text lines over real sockets: connections that are taken over, never end a line, or say nothing."""

from __future__ import annotations

import socket

import pytest

from lineside.core.errors import OutputError
from lineside.core.verdict import Verdict
from lineside.outputs.plant.lines import LINE_BYTES
from lineside.outputs.plant.link import LineState, PlantAnswer, open_link
from peers import until
from plc_rig import StandInLine


class Wire:
    """A control by hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("r", newline="\n")

    def send(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def until(self, word):
        for line in self.file:
            if line.startswith(word):
                return line.rstrip()
        return "closed"

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def line():
    return StandInLine()


@pytest.fixture
def connect(line):
    opened = []

    def start(**settings):
        link = open_link({"kind": "tcp", "port": 0, **settings})
        line.link = link
        opened.append(link)
        link.start(line.hear)
        link.tell(LineState.READY)

        def wire():
            opened.append(Wire(link.port))
            return opened[-1]

        return wire

    yield start
    for each in reversed(opened):
        each.close()


def test_a_newer_connection_takes_the_place_of_an_older_one(line, connect):
    wire = connect()
    older = wire()
    older.until("STATUS ready=1")
    newer = wire()
    assert newer.until("STATUS").startswith("STATUS ready=1")
    assert older.until("nothing") == "closed"
    newer.send("TRIGGER 1")
    assert "id=1 " in newer.until("RESULT")
    assert line.notes == ["plc.lost", "plc.back"]


def test_results_that_were_not_acknowledged_are_sent_again_to_a_control_that_is_back(line, connect):
    wire = connect()
    first = wire()
    first.send("TRIGGER 7 serial=S7")
    said = first.until("RESULT")
    first.close()
    until(lambda: line.notes == ["plc.lost"], "plc.lost")
    second = wire()
    assert second.until("RESULT") == said
    second.send("ACK 1")
    assert second.until("GONE") == "GONE 1"
    third = wire()
    assert third.until("STATUS").startswith("STATUS ready=1")


def test_an_acknowledgement_of_other_results_is_none(line, connect):
    wire = connect()()
    wire.send("TRIGGER 1")
    wire.until("RESULT")
    wire.send("ACK 9")
    assert "no results 9" in wire.until("ERROR")
    wire.send("ACK 1")
    assert wire.until("GONE") == "GONE 1"


def test_a_line_that_never_ends_ends_the_connection_and_nothing_else(line, connect):
    wire = connect()
    first = wire()
    first.socket.sendall(b"T" * 10 * LINE_BYTES)
    assert first.until("nothing") == "closed"
    until(lambda: line.notes[:2] == ["plc.garbage", "plc.lost"], "both notes")
    second = wire()
    second.send("TRIGGER 1")
    assert "id=1 " in second.until("RESULT")


def test_a_control_that_babbles_is_noted_once(line, connect):
    wire = connect()()
    for _ in range(50):
        wire.send("nonsense")
    wire.send("TRIGGER 1")
    wire.until("RESULT")
    assert line.notes == ["plc.garbage"]


def test_a_silent_control_is_lost_where_the_settings_say_so(line, connect):
    wire = connect(silence_s=0.1)()
    assert wire.until("nothing") == "closed"
    until(lambda: line.notes == ["plc.lost"], "plc.lost")  # it is told after the socket is closed


def test_an_answer_without_a_control_is_refused(line, connect):
    connect()
    with pytest.raises(OutputError, match="no control is connected"):
        line.link.answer(PlantAnswer(None, 1, Verdict.PASS, None))
