"""Deadlines that are tried before they are refused."""

from __future__ import annotations

import pytest

from lineside.core.errors import SettingsError
from lineside.dispatch.deadline_trial import refuse_short, tight


class Machine:
    """A device whose runs take what a test says, on a clock of its own."""

    def __init__(self, measured_s, takes, *, hangs_after=10**9):
        self.now_s, self.best_s = 0.0, measured_s
        self.takes, self.hangs_after = iter(takes), hangs_after
        self.runs = 0

    def run(self, limit_s):
        self.runs += 1
        if self.runs > self.hangs_after:
            self.now_s += limit_s
            return False
        took_s = next(self.takes)
        self.now_s += took_s
        self.best_s = min(self.best_s, took_s)
        return True

    def refuse(self, deadline_s):
        refuse_short(
            deadline_s,
            "best.onnx",
            fastest=lambda: None if self.best_s is None else ("cpu:0", self.best_s),
            run=self.run,
            clock=lambda: self.now_s,
        )


def test_what_was_measured_in_time_is_not_tried():
    machine = Machine(0.01, [])
    machine.refuse(0.02)
    machine.refuse(None)
    assert machine.runs == 0


def test_the_first_run_in_time_ends_the_trial():
    machine = Machine(0.464, [0.3, 0.1, 0.012, 0.012])
    machine.refuse(0.02)
    assert machine.runs == 3


def test_the_refusal_says_how_many_runs_were_tried():
    with pytest.raises(
        SettingsError, match=r"takes 21\.0 ms for one picture at best .* 20 more runs .* were"
    ):
        Machine(0.464, [0.021] * 99).refuse(0.02)


def test_slow_models_are_tried_for_about_three_seconds():
    machine = Machine(1.4, [1.0] * 99)
    with pytest.raises(SettingsError, match="3 more runs"):
        machine.refuse(0.02)
    assert machine.now_s == 3.0


def test_a_run_that_does_not_end_ends_the_trial():
    machine = Machine(0.4, [0.3], hangs_after=0)
    with pytest.raises(SettingsError, match="1 more run of single pictures was tried"):
        machine.refuse(0.02)
    assert machine.now_s == 3.0


@pytest.mark.parametrize(
    ("deadline_s", "best_s", "usual_s", "told"),
    [
        (0.02, 0.012, 0.3, True),
        (0.02, 0.02, 0.021, True),
        (0.02, 0.012, 0.02, False),
        (None, 0.012, 0.3, False),
    ],
)
def test_a_deadline_is_tight_where_it_is_kept_but_usually_not(deadline_s, best_s, usual_s, told):
    sentence = tight(deadline_s, fastest=lambda: ("cpu:0", best_s), usual=lambda: ("cpu:0", usual_s))
    assert bool(sentence) is told


def test_without_a_device_there_is_nothing_to_say():
    assert tight(0.02, fastest=lambda: None, usual=lambda: None) == ""
