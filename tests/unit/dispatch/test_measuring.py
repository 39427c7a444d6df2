from __future__ import annotations

import pytest

from lineside.core.errors import DeviceError, ModelOutputError
from lineside.dispatch.measuring import service_times


class Timed:
    """A model whose runs take so many seconds of a clock of its own."""

    def __init__(self, seconds, *, first_s=0.0, fails_from=None):
        self.seconds = seconds
        self.first_s = first_s
        self.fails_from = fails_from
        self.now_s = 0.0
        self.sizes = []

    @property
    def batches(self):
        return len(self.seconds) > 1

    def probe(self, count):
        if self.fails_from is not None and count >= self.fails_from:
            raise ModelOutputError("a batch is answered otherwise than alone")
        self.now_s += self.seconds[count] + (0 if count in self.sizes else self.first_s)
        self.sizes.append(count)

    def clock(self):
        return self.now_s


def linear(start_s, each_s):
    return {b: start_s + each_s * b for b in range(1, 9)}


def test_the_shortest_run_of_one_picture_is_kept_beside_the_usual_one():
    class Disturbed(Timed):
        def probe(self, count):
            super().probe(count)
            self.now_s += 0.1 if len(self.sizes) % 3 else 0.0

    times = measured(Disturbed({1: 0.01}))
    assert times.seconds[1] == pytest.approx(0.11)
    assert times.single_at_best_s == pytest.approx(0.01)


def measured(model):
    return service_times(model, model.clock)


def test_the_first_run_does_not_count():
    times = measured(Timed({1: 0.003}, first_s=5.0))
    assert times.seconds == (0.0, pytest.approx(0.003))


def test_batches_up_to_eight_are_measured_where_they_pay():
    times = measured(Timed(linear(0.002, 0.001)))
    assert times.seconds == pytest.approx([0, *linear(0.002, 0.001).values()])


def test_every_size_that_may_come_has_run_once():
    model = Timed(linear(0.002, 0.001))
    measured(model)
    assert set(model.sizes) == set(range(1, 9))


def test_batches_that_cost_as_much_as_single_runs_are_left_out():
    assert measured(Timed(linear(0.0, 0.01))).max_batch == 1


def test_a_model_whose_run_takes_long_is_not_tried_in_batches():
    model = Timed(linear(0.2, 0.01))
    assert measured(model).max_batch == 1
    assert set(model.sizes) == {1}
    assert model.now_s < 1.0


def test_measuring_takes_about_a_second_at_the_most():
    model = Timed(linear(0.08, 0.01))
    measured(model)
    assert model.now_s < 4.0


def test_a_model_that_answers_otherwise_in_batches_runs_alone(caplog):
    assert measured(Timed(linear(0.002, 0.001), fails_from=4)).max_batch == 1
    assert "one picture a run" in caplog.text


def test_a_model_that_cannot_run_is_refused():
    class Broken(Timed):
        def probe(self, count):
            raise DeviceError("it does not answer")

    with pytest.raises(DeviceError):
        measured(Broken({1: 0.001}))
