"""A list of devices as the workers of an engine."""

from __future__ import annotations

import pytest

from lineside.core.errors import SettingsError, UnknownNameError
from lineside.dispatch.units import units
from lineside.engine.hardware import usable_cores


def test_each_share_of_the_cores_is_a_device_with_its_own_threads():
    found = units("cpu:0,cpu:1")
    assert [unit.name for unit in found] == ["cpu:0", "cpu:1"]
    each = str(max(usable_cores() // 2, 1))
    assert [unit.entries[0].settings["intra_op_num_threads"] for unit in found] == [each, each]


def test_a_share_keeps_the_threads_that_were_asked_for():
    (unit,) = units("cpu:0?intra_op_num_threads=3")
    assert unit.entries[0].settings["intra_op_num_threads"] == "3"


def test_entries_of_one_card_are_one_device_in_their_order():
    first, second, third = units("tensorrt:0,cuda:0,cuda:1,cpu")
    assert list(map(str, first.entries)) == ["tensorrt:0", "cuda:0"]
    assert (first.name, second.name, third.name) == ("tensorrt:0", "cuda:1", "cpu")


def test_the_cpu_gets_threads_and_all_else_processes():
    assert [unit.isolation for unit in units("cuda:0,cpu")] == ["process", "thread"]
    assert [unit.isolation for unit in units("cuda:0,cpu", "thread")] == ["thread", "thread"]


@pytest.mark.parametrize(
    ("devices", "sentence"),
    [
        ("cpu:0,cpu:0", "cpu:0 stands in the list twice"),
        ("cpu:0,cpu:0?intra_op_num_threads=1", r"cpu stands twice for one device \(cpu:0\)"),
        ("cpu,cpu:1", "cpu takes the CPU as a whole, and cpu:1 a share of its cores"),
        ("", "the list is empty"),
    ],
)
def test_a_device_that_would_be_run_on_twice_is_refused(devices, sentence):
    with pytest.raises(SettingsError, match=sentence):
        units(devices)


def test_an_unknown_device_is_refused_with_the_near_ones():
    with pytest.raises(UnknownNameError, match='unknown provider "cudda"; did you mean "cuda"'):
        units("cudda:0")


def test_an_unknown_isolation_is_refused():
    with pytest.raises(SettingsError, match="auto, thread, process"):
        units("cpu", "container")
