"""What the demo is made of: faults on time, a gate that looks twice, tables that fit."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from line_standins import FakeCamera, Hand, make_detections, make_frame, make_truth
from lineside.cli.demo_faults import FaultKind, FaultPlan, breakable_camera
from lineside.cli.demo_plant import Gate, is_proven, promises
from lineside.cli.demo_screen import one_line, table, watch
from lineside.core.errors import DeviceError, ModelOutputError, SourceError
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict
from lineside.line.tally import Tally
from lineside.testing.faults import BreakableModel, FaultyDetector
from lineside.testing.graphs import colour_spots


def part_of(number, verdict=Verdict.PASS, frame=None, reason=None, device="cpu"):
    frame = frame or make_frame(number, truth=make_truth(number, Verdict.PASS))
    known = {"reason": reason} if reason else {"detections": make_detections()}
    view = View("top", frame=frame, seconds={"run": 0.01}, device=device, **known)
    return Inspection(number, verdict, reason, "so it is", (view,), number, number + 0.05, number + 0.2)


def statistics_of(*parts):
    tally = Tally(0.0)
    for part in parts:
        tally.trigger()
        tally.answer(part)
    return tally.snapshot(10.0)


def plan_of(kind, hand):
    plan = FaultPlan(kind, seconds=9, clock=hand)
    plan.begin()
    return plan


def test_a_fault_lasts_for_the_middle_third_of_the_time_since_parts_come():
    hand = Hand(100.0)
    early = FaultPlan(FaultKind.CAMERA, seconds=0.001, clock=hand)
    assert not early.is_on(FaultKind.CAMERA)
    plan = plan_of(FaultKind.CAMERA, hand)
    seen = []
    for now_s in (100, 102.9, 103, 105.9, 106, 120):
        hand.now_s = now_s
        seen.append(plan.is_on(FaultKind.CAMERA))
    assert seen == [False, False, True, True, False, False]
    assert plan.window == ("camera", 3, 6)


def test_a_plan_without_a_fault_breaks_nothing():
    plan = FaultPlan(None, seconds=0.001, clock=Hand(5.0))
    plan.begin()
    assert not any(plan.is_on(kind) for kind in FaultKind)
    assert plan.window is None


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    path = tmp_path_factory.mktemp("faulty") / "spots.onnx"
    path.write_bytes(colour_spots().SerializeToString())
    return FaultyDetector(path, cache=path.parent / "cache")


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        (FaultKind.DEVICE, DeviceError, "taken away"),
        (FaultKind.MODEL, ModelOutputError, "NaN|not finite|infinite"),
    ],
)
def test_a_broken_device_refuses_and_is_whole_again_afterwards(kind, error, words, faulty):
    hand = Hand()
    plan = plan_of(kind, hand)
    model = BreakableModel(faulty, "cpu", plan)
    frame = make_frame(0)
    assert len(model.run([frame.image], [{}])[0].detections) == 0
    hand.now_s = 4.0
    with pytest.raises(error, match=words):
        model.run([frame.image], [{}])
    with pytest.raises(DeviceError):
        model.probe(1)
    assert plan.took(part_of(0, frame=frame))
    assert not plan.took(part_of(0, frame=frame, device="cuda:0"))
    assert not plan.took(part_of(1))
    hand.now_s = 7.0
    model.probe(1)
    assert len(model.run([frame.image], [{}])[0].detections) == 0


def test_a_pulled_cable_costs_the_picture_and_the_camera():
    hand = Hand()
    plan = plan_of(FaultKind.CAMERA, hand)
    opener = breakable_camera(FakeCamera, "top", plan)
    camera = opener()
    assert camera.trigger(0).part == 0
    hand.now_s = 4.0
    with pytest.raises(SourceError, match="cable"):
        camera.trigger(1)
    with pytest.raises(SourceError, match="cable"):
        opener()
    assert plan.took(part_of(1))


def test_the_gate_finds_a_pass_that_the_fault_should_have_cost():
    plan = FaultPlan(FaultKind.CAMERA, seconds=9, clock=Hand())
    gate = Gate(plan)
    plan.take(1)
    for number in (0, 1):
        gate(part_of(number))
    assert gate.unproven == [1]
    kept = promises(gate, statistics_of(part_of(0), part_of(1)))
    assert [p.is_kept for p in kept[:3]] == [True, False, False]


def test_a_pass_on_another_parts_picture_is_not_proven():
    assert is_proven(part_of(3))
    assert not is_proven(part_of(3, frame=make_frame(2)))


@pytest.mark.parametrize("answered", [[0], [0, 1, 1], [0, 2]])
def test_a_part_that_is_lost_or_answered_twice_breaks_the_promise(answered):
    gate = Gate(FaultPlan(None, seconds=9, clock=Hand()))
    for number in answered:
        gate(part_of(number))
    kept = promises(gate, statistics_of(part_of(0), part_of(1)))
    assert [p.is_kept for p in kept] == [False, True]


def test_a_line_that_never_recovers_breaks_the_promise_once_it_had_the_time():
    gate = Gate(FaultPlan(FaultKind.DEVICE, seconds=9, clock=Hand()))
    gate(part_of(0))
    gate(part_of(7, Verdict.UNKNOWN, reason=Reason.DEVICE_LOST))
    assert promises(gate, statistics_of(part_of(0)))[-1].is_kept
    gate(part_of(12, Verdict.UNKNOWN, reason=Reason.DEVICE_LOST))
    assert not promises(gate, statistics_of(part_of(0)))[-1].is_kept
    gate(part_of(13))
    assert promises(gate, statistics_of(part_of(0)))[-1].is_kept


def test_the_table_shows_counts_stages_reasons_and_events():
    console = Console(file=io.StringIO(), width=100)
    tally = Tally(0.0)
    tally.trigger()
    tally.answer(part_of(0, Verdict.UNKNOWN, reason=Reason.LATE))
    tally.note(1.0, "camera.lost", "camera [top] is lost")
    console.print(table(tally.snapshot(2.0)))
    text = console.file.getvalue()
    for word in ("parts/min", "UNKNOWN", "p99 ms", "run", "late: so it is", "camera [top] is lost"):
        assert word in text


def test_without_a_terminal_events_are_told_once_and_the_line_ends_with_its_figures():
    console = Console(file=io.StringIO(), width=100)
    tally = Tally(0.0)
    tally.note(1.0, "camera.lost", "camera top is lost")
    tally.note(2.0, "camera.lost", "camera top is lost")
    over = iter([False, False, True])
    watch(console, lambda: tally.snapshot(3.0), lambda _: next(over))
    lines = console.file.getvalue().splitlines()
    assert sum("is lost" in line for line in lines) == 2
    assert lines[-1] == one_line(tally.snapshot(3.0))
