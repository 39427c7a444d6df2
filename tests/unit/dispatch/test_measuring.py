from __future__ import annotations

import pytest

from lineside.core.errors import DeviceError, DeviceMemoryError, ModelOutputError
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


class Short(Timed):
    """A model that has memory for some batch sizes only.

    Args:
        lacks: Sizes that there is none for.
        lack: What it raises then.
        breaks: It raises this ever after.
    """

    def __init__(self, lacks, *, lack=None, breaks=None):
        super().__init__(linear(0.002, 0.001))
        self.lacks = lacks
        self.lack = lack or DeviceMemoryError("no memory left")
        self.breaks = breaks
        self.broken = False

    def probe(self, count):
        if self.broken:
            raise self.breaks
        if count in self.lacks:
            self.broken = self.breaks is not None
            raise self.lack
        super().probe(count)


@pytest.mark.parametrize("lack", [DeviceMemoryError("no memory left"), MemoryError()])
@pytest.mark.parametrize(
    ("lacks", "most"), [({8}, 4), ({4, 8}, 2), ({2, 4, 8}, 1), ({5, 6, 7, 8}, 4), ({7}, 4), ({3}, 2)]
)
def test_batches_that_there_is_no_memory_for_are_left_out(lacks, lack, most, caplog):
    model = Short(lacks, lack=lack)
    times = measured(model)
    assert times.seconds == pytest.approx([0, *list(linear(0.002, 0.001).values())[:most]])
    assert set(range(1, most + 1)) <= set(model.sizes)
    assert f"It gets at most {most}" in caplog.text


@pytest.mark.parametrize("breaks", [DeviceError("the session is broken"), RuntimeError("it is broken")])
def test_a_model_that_a_lack_of_memory_took_down_is_refused_for_that_lack(breaks):
    with pytest.raises(DeviceMemoryError, match="no memory left"):
        measured(Short({8}, breaks=breaks))


def test_a_model_that_there_is_no_memory_for_is_refused():
    with pytest.raises(DeviceMemoryError):
        measured(Short({1}))
