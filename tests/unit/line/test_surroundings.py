"""What a line tells its surroundings: the system's manager, a journal, whoever listens; and an encoder's file."""

from __future__ import annotations

import io
import json
import socket
from datetime import UTC, datetime

import pytest

from line_standins import Hand
from lineside.core.errors import OutputError
from lineside.line.board import Board
from lineside.line.encoder import Encoder
from lineside.line.logs import Log
from lineside.line.systemd import Notify


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def test_the_manager_hears_each_word(manager):
    notify = Notify(manager.getsockname())
    notify.ready()
    notify.stopping()
    assert manager.recv(999).startswith(b"READY=1\n")
    assert manager.recv(999).startswith(b"STOPPING=1\n")


def test_the_watchdog_is_told_three_times_as_often_as_it_wants(manager):
    hand = Hand()
    notify = Notify(manager.getsockname(), 3.0, clock=hand)
    for hand.now_s in (0.0, 0.5, 0.9, 1.0, 1.5, 2.0):
        notify.alive()
    manager.setblocking(False)
    heard = []
    while True:
        try:
            heard.append(manager.recv(999))
        except BlockingIOError:
            break
    assert heard == [b"WATCHDOG=1"] * 3


def test_without_a_manager_or_when_it_is_gone_nothing_happens(tmp_path):
    for notify in (Notify(""), Notify(str(tmp_path / "nobody"), 1.0)):
        notify.ready()
        notify.alive()
        notify.stopping()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "5000000"}, 5.0),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "7"}, 5.0),
        ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_environment_says_what_the_manager_wants(environment, watchdog_s):
    assert Notify.of(environment, pid=7)._watchdog_s == watchdog_s


def test_an_event_is_one_line_of_json_with_its_line_and_run():
    stream = io.StringIO()
    log = Log(stream, is_json=True, wall=lambda: datetime(2026, 1, 2, tzinfo=UTC))
    log.name("caps", "r1")
    log.event("camera.lost", "camera top: \n gone")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == {
        "at": "2026-01-02T00:00:00.000+00:00",
        "line": "caps",
        "run": "r1",
        "kind": "event",
        "code": "camera.lost",
        "sentence": "camera top: \n gone",
    }


def test_a_reader_that_is_gone_is_no_fault_of_the_line():
    stream = io.StringIO()
    stream.close()
    Log(stream, is_json=False).event("camera.lost", "gone")


def test_who_listens_later_hears_what_was_told_before():
    board, first, second = Board(), [], []
    board.post("a", "one")
    board.listen(lambda *what: first.append(what))
    board.post("b", "two")
    board.listen(lambda *what: second.append(what))
    assert first == second == [("a", "one"), ("b", "two")]


def test_an_encoder_is_its_files_number(tmp_path):
    path = tmp_path / "count"
    path.write_text("41\n")
    encoder = Encoder(path)
    assert encoder() == 41
    path.write_text("1042\n")
    assert encoder() == 1042
    path.write_text("many")
    with pytest.raises(OutputError, match="expected an encoder's count"):
        encoder()
    with pytest.raises(OutputError, match="cannot be opened"):
        Encoder(tmp_path / "nowhere")
