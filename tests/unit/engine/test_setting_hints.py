"""What is known against a list of devices, before anything runs."""

from __future__ import annotations

import pytest

from lineside.core.placement import placements
from lineside.engine.hints import hints, of_entry
from lineside.engine.rungs import rungs


def _hints(text, *, threads=None, cores=2, sessions=1):
    found = hints(rungs(placements(text), threads), cores=cores, sessions=sessions)
    return {hint.code: hint for hint in found}


@pytest.mark.parametrize("text", ["cpu", "cpu?intra_op_num_threads=2", "cuda:0,cpu"])
def test_a_plain_list_gives_no_hint(text):
    assert not _hints(text)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("cpu?execution_mode=ORT_PARALLEL", "parallel_execution", "0.47 of the speed"),
        ("cpu?graph_optimization_level=ORT_ENABLE_EXTENDED", "less_optimised", "0.66 to 0.74"),
        ("cpu?intra_op_num_threads=8", "threads_beyond_cores", "waits for a core"),
        ("cuda:0?use_tf32=on", "other_precision", "near a threshold"),
        ("openvino?precision=bf16", "other_precision", "near a threshold"),
    ],
)
def test_a_setting_that_is_known_to_cost_is_told_with_its_entry_and_its_cure(text, code, words):
    hint = _hints(text)[code]
    assert text in hint.seen
    assert words in hint.why
    assert hint.cure


def test_the_threads_of_the_command_line_count_as_well():
    assert "cpu has 8 threads" in _hints("cpu", threads=8)["threads_beyond_cores"].seen


@pytest.mark.parametrize(
    ("text", "sessions", "is_told"),
    [
        ("cpu?intra_op_num_threads=2", 1, False),
        ("cpu?intra_op_num_threads=2", 2, True),
        ("cpu?intra_op_num_threads=1", 2, False),
        ("cpu?intra_op_num_threads=2&allow_spinning=off", 2, False),
        ("cpu?intra_op_num_threads=1&force_spinning_stop=off", 2, True),
        ("cpu:0?intra_op_num_threads=1,cpu:1?intra_op_num_threads=1", None, False),
        ("cpu:0?intra_op_num_threads=2,cpu:1?intra_op_num_threads=2", None, True),
        ("cuda:0,cuda:1", None, False),
    ],
)
def test_sessions_that_spin_against_each_other_are_told(text, sessions, is_told):
    assert ("spinning_sessions" in _hints(text, sessions=sessions)) is is_told


def test_what_slows_an_entry_down_is_a_notice_of_its_session():
    (rung,) = rungs(placements("cpu?execution_mode=ORT_PARALLEL"), 1)
    assert [notice.partition(":")[0] for notice in rung.notices] == [
        "cpu?execution_mode=ORT_PARALLEL runs branches side by side"
    ]
    (plain,) = rungs(placements("cpu"), 1)
    assert plain.notices == ()


def test_the_slow_comes_before_the_note():
    (rung,) = rungs(placements("cpu?execution_mode=ORT_PARALLEL"), 8)
    assert [hint.severity for hint in of_entry(rung, cores=2)] == ["slow", "slow"]
