"""A link that polls, over a station made of memory: what a line notices when the station is away, slow or mad."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from lineside.core.errors import OutputError
from lineside.core.verdict import Verdict
from lineside.outputs.plant.link import LineState, PlantAnswer, PlantNote, PlantTrigger
from lineside.outputs.plant.polled import PolledLink
from lineside.outputs.plant.settings import PolledSettings
from lineside.outputs.plant.signals import (
    STATUS_WORDS,
    Control,
    Order,
    pack_control,
    unpack_status,
)
from peers import until

SETTINGS = PolledSettings(poll_s=0.001, timeout_s=0.2, retry_first_s=0.005, retry_longest_s=0.01)


class Station:
    """A control's memory, which can be away, and can hang."""

    name = "the station"
    order = Order.BIG

    def __init__(self):
        self.control = Control()
        self.garbage = b""
        self.block = bytes(2 * STATUS_WORDS)
        self.away = ""
        self.opened = 0
        self.hangs = threading.Event()

    @property
    def status(self):
        return unpack_status(self.block, self.order)

    def open(self):
        self._check()
        self.opened += 1

    def read(self):
        self._check()
        if self.hangs.is_set():
            until(lambda: not self.hangs.is_set(), "the end of a hang", 0.2)
        return self.garbage or pack_control(self.control, self.order)

    def write(self, word, data):
        self._check()
        self.block = self.block[: 2 * word] + data + self.block[2 * word + len(data) :]

    def close(self):
        pass

    def _check(self):
        if self.away:
            raise OutputError(self.away)


@pytest.fixture
def station():
    return Station()


@pytest.fixture
def events():
    return []


@pytest.fixture
def link(station, events):
    link = PolledLink(station, SETTINGS)
    yield link
    link.close()


def codes(events):
    return [event.code for event in events if isinstance(event, PlantNote)]


def test_a_station_that_is_away_at_the_start_is_reached_later(station, link, events):
    station.away = "nobody there"
    link.start(events.append)
    link.tell(LineState.READY)
    until(lambda: codes(events) == ["plc.lost"], "plc.lost")
    station.away = ""
    until(lambda: station.status.ready, "ready")
    assert codes(events) == ["plc.lost", "plc.back"]


def test_an_answer_to_a_station_that_is_away_is_refused_at_once_with_the_reason(station, link, events):
    link.start(events.append)
    link.tell(LineState.READY)
    until(lambda: station.status.ready, "ready")
    station.control = Control(trigger=True, trigger_id=1)
    until(lambda: any(isinstance(event, PlantTrigger) for event in events), "a trigger")
    station.away = "the cable is out"
    until(lambda: "plc.lost" in codes(events), "plc.lost")
    begun_s = monotonic()
    with pytest.raises(OutputError, match="the cable is out"):
        link.answer(PlantAnswer(1, 1, Verdict.PASS, None))
    assert monotonic() - begun_s < 0.5
    station.away = ""
    until(lambda: station.status.results_valid, "the answer that waited")
    assert station.status.answered_id == 1


def test_the_line_hears_of_a_trigger_before_the_control_reads_that_it_was_heard(station, link):
    seen = []
    link.start(
        lambda event: (
            seen.append(station.status.trigger_acknowledged) if isinstance(event, PlantTrigger) else None
        )
    )
    link.tell(LineState.READY)
    until(lambda: station.status.ready, "ready")
    station.control = Control(trigger=True, trigger_id=1)
    until(lambda: station.status.trigger_acknowledged, "trigger_acknowledged")
    assert seen == [False]


def test_a_block_of_another_length_is_garbage_and_no_loss(station, link, events):
    link.start(events.append)
    link.tell(LineState.READY)
    until(lambda: station.status.ready, "ready")
    station.garbage = b"\x00"
    until(lambda: "plc.garbage" in codes(events), "plc.garbage")
    station.garbage = b""
    station.control = Control(trigger=True)
    until(lambda: station.status.trigger_acknowledged, "trigger_acknowledged")
    assert codes(events) == ["plc.garbage"]


def test_a_hung_read_holds_an_answer_up_no_longer_than_its_time_out(station, link, events):
    link.start(events.append)
    link.tell(LineState.READY)
    until(lambda: station.status.ready, "ready")
    station.control = Control(trigger=True, trigger_id=1)
    until(lambda: any(isinstance(event, PlantTrigger) for event in events), "a trigger")
    station.hangs.set()
    begun_s = monotonic()
    link.answer(PlantAnswer(1, 1, Verdict.PASS, None))
    assert monotonic() - begun_s < 2.0
    station.hangs.clear()
    until(lambda: station.status.results_valid, "results_valid")


def test_a_link_that_never_started_refuses_answers_and_closes():
    link = PolledLink(Station(), SETTINGS)
    with pytest.raises(OutputError, match="not started"):
        link.answer(PlantAnswer(None, 1, Verdict.PASS, None))
    link.close()
    link.close()


def test_the_heartbeat_stops_with_the_link(station, link, events):
    link.start(events.append)
    link.tell(LineState.READY)
    until(lambda: station.status.ready, "ready")
    link.close()
    before = station.block
    assert station.status.fault
    assert not station.status.ready
    assert not any(thread.name.startswith("plant the station") for thread in threading.enumerate())
    assert station.block == before
