"""Whether a camera's clock follows another is asked beside its pictures, told, and believed only as far as it can be right."""

from __future__ import annotations

from threading import Event, Lock

import pytest

from lineside.capture.camera import CameraSettings
from lineside.capture.genicam.camera import GenicamCamera
from lineside.capture.genicam.ptp import ClockState, PtpClock
from lineside.core.errors import SettingsError, SourceError
from standin_genicam import ListDevice, TableNodes, buffer, choice, command, integer, triggered_nodes

HOST_S = 1_800_000_000.0
STATES = ("Initializing", "Faulty", "Disabled", "Listening", "Master", "Slave")


def ptp(status="Slave", **more):
    return TableNodes(PtpStatus=choice(status, *STATES), PtpDataSetLatch=command(), **more)


def asked(nodes):
    clock = PtpClock(nodes, Lock(), 5.0, lambda: 0.0)
    clock.ask()
    return clock


class Told(TableNodes):
    """Says when it was asked how its clock does, and fails where it shall."""

    def __init__(self, **features):
        super().__init__(**features)
        self.asked = Event()
        self.fault = None

    def get(self, name):
        if name == "PtpStatus":
            self.asked.set()
            if self.fault is not None:
                raise self.fault
        return super().get(name)


@pytest.mark.parametrize("ahead_s", [0.0, 37.0])
def test_a_camera_that_follows_a_grandmaster_tells_the_time_in_utc(ahead_s):
    assert asked(ptp()).wall_s(HOST_S + ahead_s + 0.25, HOST_S) == pytest.approx(HOST_S + 0.25)


def test_a_clock_that_cannot_be_right_is_not_believed():
    assert asked(ptp()).wall_s(HOST_S + 12, HOST_S) is None
    assert asked(ptp()).wall_s(None, HOST_S) is None
    for status in ("Master", "Listening", "Disabled", SettingsError):
        assert asked(ptp(status)).wall_s(HOST_S, HOST_S) is None


@pytest.mark.parametrize(
    ("nodes", "state"),
    [
        (ptp(PtpOffsetFromMaster=integer(-250)), ClockState("ptp slave", -250e-9)),
        (ptp("Listening"), ClockState("ptp listening")),
        (ptp("Disabled"), ClockState("own")),
        (ptp(SettingsError), ClockState("ptp unknown")),
        (ptp(PtpOffsetFromMaster=integer(SettingsError)), ClockState("ptp slave")),
        (
            TableNodes(
                GevIEEE1588Status=choice("Slave", "Slave"), GevIEEE1588OffsetFromMaster=integer(4_000)
            ),
            ClockState("ptp slave", pytest.approx(4e-6)),
        ),
    ],
)
def test_what_its_clock_follows_is_told_in_a_word(nodes, state):
    assert asked(nodes).state == state


def test_what_it_said_long_ago_is_not_believed():
    """As where its library hangs in a question, or its thread is gone."""
    now_s = [0.0]
    clock = PtpClock(ptp(), Lock(), 5.0, lambda: now_s[0])
    clock.ask()
    now_s[0] = 15.0
    assert clock.wall_s(HOST_S, HOST_S) == HOST_S
    now_s[0] = 15.1
    assert clock.state == ClockState("ptp unknown")
    assert clock.wall_s(HOST_S, HOST_S) is None
    clock.ask()
    assert clock.wall_s(HOST_S, HOST_S) == HOST_S


def opened(nodes, every_s, *buffers):
    settings = CameraSettings("top", "gige:1", clock=lambda: 100.0, wall_clock=lambda: HOST_S)
    return GenicamCamera(settings, ListDevice(nodes, list(buffers)), {}, ask_clock_every_s=every_s)


def ptp_camera(status="Slave"):
    usual = triggered_nodes(PtpStatus=choice(status, *STATES), PtpDataSetLatch=command())
    return Told(**{name: tuple(pair) for name, pair in usual.table.items()})


def test_no_picture_waits_for_a_question_to_the_camera():
    nodes = ptp_camera()
    pictures = [buffer(n, device_s=HOST_S) for n in (1, 2, 3)]
    camera = opened(nodes, 3600.0, *pictures)
    assert nodes.log.count(("PtpDataSetLatch", True)) == 1  # at its opening
    assert [camera.read(0).wall_s for _ in pictures] == [HOST_S] * 3
    assert nodes.log.count(("PtpDataSetLatch", True)) == 1
    camera.close()


def test_its_clock_is_asked_again_until_it_is_closed():
    nodes = ptp_camera()
    camera = opened(nodes, 1e-3)
    assert camera.statistics().clock == "ptp slave"
    for fault, word in ((SourceError("it does not answer"), "ptp unknown"), (None, "ptp slave")):
        nodes.fault = fault
        for _ in range(2):  # the first may have been under way already
            nodes.asked.clear()
            assert nodes.asked.wait(10)
        nodes.asked.clear()
        assert nodes.asked.wait(10)
        assert camera.statistics().clock == word
    camera.close()
    nodes.asked.clear()
    assert not nodes.asked.wait(0.05)
    assert camera.statistics().clock == "ptp slave"


def test_a_camera_without_ptp_is_asked_nothing():
    camera = opened(triggered_nodes(), 1e-3, buffer(1, device_s=HOST_S + 0.5))
    assert HOST_S - 60 < camera.read(0).wall_s <= HOST_S
    assert (camera.statistics().clock, camera.statistics().clock_offset_s) == ("", None)
    camera.close()
