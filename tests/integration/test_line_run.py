"""Whole lines: real threads, a real detector where it matters, and whatever may break while they run."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from line_standins import NAMES, FakeCamera, FakeModel, make_detections
from lineside.core.backoff import Backoff
from lineside.core.errors import DeviceError, ModelOutputError, SettingsError, SourceError
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judge, open_rule
from lineside.line.line import Detection, Line, LineSettings
from lineside.testing.rules import StandInRule

QUICK = LineSettings(
    parts_per_minute=6000, deadline_s=5.0, max_captures=1000, max_frames=1000, backoff=Backoff(0.01, 0.02)
)
SECONDS = 0.3
PARTS = 30


class Broken(FakeModel):
    """A model that fails for some calls, and a way to open it again that fails for some attempts."""

    def __init__(self, failing=(), error=None, refusals=0):
        super().__init__()
        self.failing = failing
        self.error = error
        self.refusals = refusals

    def timed(self, image, settings):
        answer = super().timed(image, settings)
        if self.calls in self.failing:
            raise self.error
        return answer

    def reopen(self):
        if self.refusals:
            self.refusals -= 1
            raise DeviceError("still gone")
        return self


class Answers(list):
    """A gate that keeps what it hears."""

    def __call__(self, inspection):
        self.append(inspection)

    def check(self, parts):
        """Each part was answered exactly once, and whatever passed was proven."""
        assert Counter(i.part for i in self) == Counter(range(parts))
        for inspection in self:
            if inspection.verdict is Verdict.PASS:
                assert all(view.detections is not None for view in inspection.views)
                assert all(view.frame.part == inspection.part for view in inspection.views)

    def reasons(self):
        return Counter(i.reason for i in self if i.reason is not None)


def run(*, cameras=None, model=None, settings=QUICK, sinks=(), seconds=SECONDS):
    answers = Answers()
    model = model or Broken()
    cameras = cameras or {"top": FakeCamera, "side": lambda: FakeCamera("side")}
    judge = Judge([open_rule({"kind": "forbid"}, NAMES)], names=NAMES, cameras=tuple(cameras))
    detection = Detection(model, getattr(model, "reopen", lambda: model))
    line = Line(cameras, detection, judge, settings, gate=answers, sinks=sinks)
    return line.run(seconds), answers


def test_a_healthy_line_passes_every_good_part():
    statistics, answers = run()
    answers.check(PARTS)
    assert statistics.verdicts[Verdict.PASS] == statistics.triggered == PARTS
    assert set(statistics.stages) == {"capture", "preprocess", "run", "postprocess", "judge", "total"}
    assert statistics.events == ()


def test_a_defect_in_one_view_fails_the_part():
    statistics, answers = run(model=FakeModel([make_detections(0.9), make_detections()]))
    answers.check(PARTS)
    assert statistics.verdicts[Verdict.FAIL] >= 1
    assert "dent 0.90" in next(i for i in answers if i.verdict is Verdict.FAIL).detail


def test_a_camera_that_is_lost_costs_its_parts_and_comes_back():
    lost = {n: SourceError("the cable is out") for n in range(10, 15)}
    statistics, answers = run(cameras={"top": lambda: FakeCamera(faults=lost), "side": FakeCamera})
    answers.check(PARTS)
    unknown = {i.part for i in answers if i.verdict is Verdict.UNKNOWN}
    assert unknown >= set(lost)
    assert set(answers.reasons()) == {Reason.NO_FRAME}
    assert statistics.verdicts[Verdict.PASS] > 0
    assert {"camera.lost", "camera.back"} <= {e.code for e in statistics.events}


def test_a_camera_that_never_opens_lets_nothing_pass():
    def refuse():
        raise SourceError("no such camera")

    statistics, answers = run(cameras={"top": refuse, "side": FakeCamera})
    answers.check(PARTS)
    assert statistics.reasons == {Reason.NO_FRAME: PARTS}
    assert [e.code for e in statistics.events] == ["camera.lost"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeviceError("off the bus"), Reason.DEVICE_LOST),
        (ModelOutputError("NaN"), Reason.MODEL_UNHEALTHY),
        (RuntimeError("nobody knows"), Reason.INTERNAL_FAULT),
    ],
)
def test_a_session_that_fails_costs_its_parts_and_is_opened_again(error, reason):
    statistics, answers = run(model=Broken(failing={9}, error=error, refusals=3), seconds=1.0)
    answers.check(100)
    assert set(answers.reasons()) == {reason}
    assert answers[-1].verdict is Verdict.PASS
    assert {f"device.{reason}", "device.back"} <= {e.code for e in statistics.events}


def test_a_device_that_stays_away_lets_nothing_more_pass():
    _, answers = run(model=Broken(failing={5}, error=DeviceError("off the bus"), refusals=10**9))
    answers.check(PARTS)
    passed = [i.part for i in answers if i.verdict is Verdict.PASS]
    assert len(passed) <= 2
    assert set(answers.reasons()) == {Reason.DEVICE_LOST}


def test_a_hanging_camera_is_late_and_the_line_ends_all_the_same():
    never = threading.Event()

    class Hanging(FakeCamera):
        def trigger(self, part):
            never.wait(20)
            return super().trigger(part)

    settings = LineSettings(parts_per_minute=6000, deadline_s=0.05, max_captures=4)
    threading.Timer(1.0, never.set).start()
    _, answers = run(cameras={"top": Hanging, "side": FakeCamera}, settings=settings)
    answers.check(PARTS)
    assert {Reason.LATE, Reason.NO_FRAME} >= set(answers.reasons())
    assert Verdict.PASS not in {i.verdict for i in answers}


def test_a_gate_or_a_rule_that_fails_is_visible_and_the_line_goes_on():
    model = FakeModel()

    def gate(inspection):
        raise ValueError("the gate is jammed")

    judge = Judge([StandInRule(ZeroDivisionError())], names=NAMES, cameras=["top"])
    line = Line({"top": FakeCamera}, Detection(model, lambda: model), judge, QUICK, gate=gate)
    statistics = line.run(SECONDS)
    assert statistics.reasons == {Reason.RULE_ERROR: PARTS}
    assert sum(e.code == "gate.failed" for e in statistics.events) == PARTS


def test_more_than_the_device_can_take_is_overload_or_late_and_never_a_pass_without_proof():
    slow = threading.Event()

    class Slow(FakeModel):
        def timed(self, image, settings):
            slow.wait(0.02)
            return super().timed(image, settings)

    settings = LineSettings(parts_per_minute=12000, deadline_s=0.2, max_frames=3)
    _, answers = run(model=Slow(), settings=settings)
    answers.check(60)
    assert Reason.OVERLOAD in answers.reasons()
    assert {Reason.OVERLOAD, Reason.LATE, Reason.NO_FRAME} >= set(answers.reasons())


def test_a_line_that_is_stopped_answers_what_is_on_it_and_ends():
    answers = Answers()
    model = FakeModel()
    judge = Judge([open_rule({"kind": "forbid"}, NAMES)], names=NAMES, cameras=["top"])
    line = Line({"top": FakeCamera}, Detection(model, lambda: model), judge, QUICK, gate=answers)
    thread = threading.Thread(target=line.run, args=(3600,))
    thread.start()
    while line.statistics().answered < 3:
        thread.join(0.01)
    line.stop()
    thread.join(10)
    assert not thread.is_alive()
    answers.check(line.statistics().triggered)


def test_the_sinks_get_what_the_gate_heard():
    class Sink:
        def __init__(self):
            self.parts, self.is_closed = [], False

        def emit(self, inspection):
            self.parts.append(inspection.part)

        def close(self):
            self.is_closed = True

    sink = Sink()
    statistics, answers = run(sinks=[sink])
    assert len(sink.parts) + statistics.dropped == len(answers)
    assert sink.is_closed


def test_a_line_without_the_judges_cameras_is_refused():
    judge = Judge([open_rule({"kind": "forbid"}, NAMES)], names=NAMES, cameras=["top", "side"])
    model = FakeModel()
    with pytest.raises(SettingsError, match="top, side"):
        Line({"top": FakeCamera}, Detection(model, lambda: model), judge, QUICK)


@pytest.mark.parametrize("wrong", [{"parts_per_minute": 0}, {"deadline_s": float("nan")}, {"outbox": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        LineSettings(**wrong)


def test_the_model_is_run_at_the_lowest_confidence_that_a_rule_looks_at():
    model = FakeModel()
    rules = [open_rule({"kind": "forbid", "min_confidence": c}, NAMES) for c in (0.6, 0.2)]
    Line(
        {"top": FakeCamera},
        Detection(model, lambda: model),
        Judge(rules, names=NAMES, cameras=("top",)),
        QUICK,
    )
    assert model.confidence == 0.2
