"""A camera whose clock follows another than before is told of, once."""

from __future__ import annotations

import numpy as np

from lineside.capture.camera import CameraStatistics
from lineside.capture.tally import Tally
from lineside.core.frame import Frame

FRAME = Frame(np.zeros((2, 2, 3), np.uint8), "top", 0)


class Said:
    """A camera that says what its clock follows."""

    def __init__(self, word):
        self.word = word

    def statistics(self):
        return CameraStatistics(
            frames=1, clock=self.word, clock_offset_s=None if self.word == "own" else 2e-6
        )


def told(*words):
    now_s = [100.0]
    tally, events = Tally("top", lambda: now_s[0]), []
    for word in words:
        events += [(event.code, event.sentence) for event in tally.add(FRAME, Said(word))]
        now_s[0] += 2.0
    return tally, events


def test_a_change_of_what_its_clock_follows_is_told_once():
    _, events = told("own", "ptp listening", "ptp slave", "ptp slave", "own")
    assert events == [
        ("camera.clock", "its clock: ptp listening; before: own"),
        ("camera.clock", "its clock: ptp slave; before: ptp listening"),
        ("camera.clock", "its clock: own; before: ptp slave"),
    ]


def test_a_camera_without_ptp_or_with_it_switched_off_is_no_news():
    assert told("", "")[1] == []
    assert told("own", "own")[1] == []


def test_what_its_clock_follows_is_that_of_the_opening_that_runs():
    tally, _ = told("ptp slave")
    tally.close(CameraStatistics(frames=3, clock="ptp slave", clock_offset_s=1e-6))
    away = tally.camera([])
    assert (away.frames, away.clock, away.clock_offset_s) == (3, "", None)
    running = tally.camera([CameraStatistics(clock="ptp slave"), Said("ptp master").statistics()])
    assert (running.frames, running.clock, running.clock_offset_s) == (4, "ptp master", 2e-6)
