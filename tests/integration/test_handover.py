"""What an engine itself takes, timed through a real one."""

from __future__ import annotations

import random

import pytest

from lineside.core.errors import DeviceError
from lineside.dispatch.simulation.calibrating import measure_handover
from lineside.dispatch.simulation.handover import at

NEVER_S = 60.0


def test_a_hand_over_is_measured_through_a_real_engine():
    handover = measure_handover(dice=random.Random(1), seconds=1.5, when="today", stall_s=NEVER_S)
    assert handover.source == "measured today"
    for way in (handover.start_s, handover.end_s):
        shares, seconds = zip(*way, strict=True)
        assert list(shares) == sorted(shares)
        assert list(seconds) == sorted(seconds)
        assert 1e-6 < at(way, 1) < 0.01  # what is not held up by anything takes microseconds
    assert 1e-6 < handover.python_s < 0.01
    assert handover.each_s > 0
    assert handover.next_s > 0


def test_a_machine_that_is_never_on_time_is_told_and_gives_no_figure():
    with pytest.raises(DeviceError, match=r"the machine stood still in \d+ of \d+ runs.*--handover-us"):
        measure_handover(dice=random.Random(1), seconds=0.5, stall_s=0.0)
