from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_standins import make_detections, make_frame
from lineside.core.errors import SettingsError
from lineside.core.inspection import Origin
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judge, Judgement, open_rule
from lineside.line.events import (
    Absence,
    Answer,
    Capture,
    Detect,
    Detected,
    DetectFailed,
    FrameArrived,
    FrameLost,
    GiveUp,
    Judged,
    JudgePart,
    LateResult,
    Refusal,
    Tick,
    Triggered,
)
from lineside.line.ledger import Ledger

CAMERAS = ("top", "side")
NAMES = ("scratch", "dent")
JUDGE = Judge([open_rule({"kind": "forbid"}, NAMES)], names=NAMES, cameras=CAMERAS)
PASSED = Judgement(Verdict.PASS, None, "nothing forbidden")


class Desk:
    """A ledger whose parts are judged at once by real rules, and all that it asked for."""

    def __init__(self, **limits):
        self.ledger = Ledger(CAMERAS, deadline_s=0.1, **limits)
        self.actions = []

    def tell(self, event, now_s):
        """The new actions, and those of the judgements that follow."""
        new = self.ledger.handle(event, now_s)
        self.actions += new
        parts = [action for action in new if isinstance(action, JudgePart)]
        followed = [self.tell(Judged(p.part, JUDGE(p.views), 0.0), now_s) for p in parts]
        return [*new, *(action for actions in followed for action in actions)]

    def see(self, part, now_s, cameras=CAMERAS, *found):
        """Pictures and detections of a part."""
        new = []
        for camera in cameras:
            new += self.tell(FrameArrived(camera, part, make_frame(part, camera)), now_s)
            new += self.tell(Detected(camera, part, make_detections(*found)), now_s)
        return new


def answers(actions):
    return [a.inspection for a in actions if isinstance(a, Answer)]


def only_answer(actions):
    (inspection,) = answers(actions)
    return inspection


def test_a_part_is_captured_detected_judged_and_answered():
    desk = Desk()
    assert desk.tell(Triggered(0, 1.0), 1.0) == [Capture("top", 0), Capture("side", 0)]
    (detect,) = desk.tell(FrameArrived("top", 0, make_frame(0)), 1.01)
    assert isinstance(detect, Detect)
    assert detect.deadline_s == pytest.approx(1.1)
    assert desk.tell(Detected("top", 0, make_detections(), {"run": 0.01}), 1.02) == []
    inspection = only_answer(desk.see(0, 1.03, ["side"]))
    assert inspection.verdict is Verdict.PASS
    assert [v.camera for v in inspection.views] == list(CAMERAS)
    assert inspection.views[0].seconds == {"capture": pytest.approx(0.01), "run": 0.01}
    assert inspection.total_s == pytest.approx(0.03)
    assert desk.ledger.open_parts == 0


def test_a_part_that_is_not_ready_by_its_deadline_is_late_and_its_result_changes_nothing():
    desk = Desk()
    desk.tell(Triggered(0, 1.0), 1.0)
    desk.tell(FrameArrived("top", 0, make_frame(0)), 1.01)
    assert desk.ledger.next_deadline_s == pytest.approx(1.1)
    inspection = only_answer(desk.tell(Tick(), 1.1))
    assert (inspection.verdict, inspection.reason) == (Verdict.UNKNOWN, Reason.LATE)
    assert "model" in inspection.views[0].detail
    assert "picture" in inspection.views[1].detail
    late = desk.tell(Detected("top", 0, make_detections()), 1.2)
    assert [type(a) for a in late] == [LateResult]
    assert [type(a) for a in desk.tell(FrameArrived("side", 0, make_frame(0)), 1.2)] == [LateResult]


def test_a_defect_that_is_proven_at_the_deadline_is_a_fail():
    desk = Desk()
    desk.tell(Triggered(0, 1.0), 1.0)
    desk.see(0, 1.02, ["top"], 0.9)
    assert only_answer(desk.tell(Tick(), 1.1)).verdict is Verdict.FAIL


def test_a_judgement_after_the_deadline_never_passes():
    ledger = Ledger(["top"], deadline_s=0.1)
    ledger.handle(Triggered(0, 0.0), 0.0)
    ledger.handle(FrameArrived("top", 0, make_frame(0)), 0.01)
    ledger.handle(Detected("top", 0, make_detections()), 0.02)
    inspection = only_answer(ledger.handle(Judged(0, PASSED, 0.2), 0.22))
    assert (inspection.verdict, inspection.reason) == (Verdict.UNKNOWN, Reason.LATE)
    assert inspection.judge_s == 0.2


def test_a_judgement_that_claims_more_than_the_views_prove_never_passes():
    ledger = Ledger(["top"], deadline_s=0.1)
    ledger.handle(Triggered(0, 0.0), 0.0)
    ledger.handle(FrameLost("top", 0, Reason.NO_FRAME, "gone"), 0.01)
    inspection = only_answer(ledger.handle(Judged(0, PASSED, 0.0), 0.02))
    assert (inspection.verdict, inspection.reason) == (Verdict.UNKNOWN, Reason.INTERNAL_FAULT)


def test_a_picture_of_another_part_proves_nothing():
    desk = Desk()
    desk.tell(Triggered(4, 1.0), 1.0)
    desk.see(4, 1.01, ["top"])
    inspection = only_answer(desk.tell(FrameArrived("side", 4, make_frame(3)), 1.01))
    assert (inspection.verdict, inspection.reason) == (Verdict.UNKNOWN, Reason.NO_FRAME)
    assert "part 3" in inspection.detail


def test_a_picture_that_no_device_answers_costs_its_part_alone():
    desk = Desk()
    desk.tell(Triggered(0, 1.0), 1.0)
    desk.see(0, 1.01, ["top"])
    desk.tell(FrameArrived("side", 0, make_frame(0, "side")), 1.01)
    lost = only_answer(desk.tell(DetectFailed("side", 0, Reason.DEVICE_LOST, "it fell off the bus"), 1.02))
    assert (lost.verdict, lost.reason) == (Verdict.UNKNOWN, Reason.DEVICE_LOST)
    desk.tell(Triggered(1, 1.03), 1.03)
    assert only_answer(desk.see(1, 1.04)).verdict is Verdict.PASS


def test_where_no_device_was_in_service_the_deadline_names_that():
    desk = Desk()
    desk.tell(Triggered(0, 1.0), 1.0)
    for camera in CAMERAS:
        desk.tell(FrameArrived(camera, 0, make_frame(0, camera)), 1.01)
    desk.tell(Absence(Reason.MODEL_UNHEALTHY), 1.02)
    assert only_answer(desk.tell(Tick(), 1.1)).reason is Reason.MODEL_UNHEALTHY
    desk.tell(Absence(None), 1.11)
    desk.tell(Triggered(1, 1.2), 1.2)
    desk.tell(FrameArrived("top", 1, make_frame(1)), 1.21)
    assert [v.reason for v in answers(desk.tell(Tick(), 1.3))[0].views] == [Reason.LATE, Reason.LATE]


def test_the_model_has_to_answer_before_the_deadline_so_that_its_answer_can_be_told():
    ledger = Ledger(["top"], deadline_s=0.1, reserve_s=0.002)
    ledger.handle(Triggered(0, 1.0), 1.0)
    (detect,) = ledger.handle(FrameArrived("top", 0, make_frame(0)), 1.01)
    assert detect.deadline_s == pytest.approx(1.098)


def test_a_view_keeps_the_device_that_answered():
    desk = Desk()
    desk.tell(Triggered(0, 1.0), 1.0)
    for camera, device in zip(CAMERAS, ("cuda:0", "cuda:1"), strict=True):
        desk.tell(FrameArrived(camera, 0, make_frame(0, camera)), 1.01)
        desk.tell(Detected(camera, 0, make_detections(), {"run": 0.01}, device), 1.02)
    assert [view.device for view in only_answer(desk.actions).views] == ["cuda:0", "cuda:1"]


def test_what_the_plant_says_of_a_part_travels_to_its_answer():
    desk = Desk()
    origin = Origin(trigger=77, product="cap-blue", serial="S-1")
    desk.tell(Triggered(0, 1.0, origin), 1.0)
    answer = only_answer(desk.see(0, 1.01))
    assert answer.origin == origin
    record = answer.to_dict()
    assert (record["trigger"], record["product"], record["serial"]) == (77, "cap-blue", "S-1")


def test_a_part_that_is_refused_is_answered_at_once_and_takes_no_picture():
    desk = Desk()
    refusal = Refusal(Reason.TRIGGER_MISSED, "it came twice")
    answer = only_answer(desk.tell(Triggered(0, 1.0, refusal=refusal), 1.0))
    assert (answer.verdict, answer.reason) == (Verdict.UNKNOWN, Reason.TRIGGER_MISSED)
    assert not [a for a in desk.actions if isinstance(a, Capture)]
    assert desk.tell(FrameArrived("top", 0, make_frame(0)), 1.01) == []


def test_pictures_that_come_by_themselves_are_not_asked_for():
    desk = Desk()
    assert desk.tell(Triggered(0, 1.0, asks=False), 1.0) == []
    assert only_answer(desk.see(0, 1.01)).verdict is Verdict.PASS


def test_when_nobody_can_wait_every_open_part_is_answered_with_what_there_is():
    desk = Desk()
    for part in (0, 1):
        desk.tell(Triggered(part, 1.0), 1.0)
    desk.see(0, 1.01, ["top"], 0.9)
    told = answers(desk.tell(GiveUp(Reason.STOPPING, "the line was told to stop"), 1.02))
    assert [(i.verdict, i.reason) for i in told] == [
        (Verdict.FAIL, None),
        (Verdict.UNKNOWN, Reason.STOPPING),
    ]
    assert desk.ledger.open_parts == 0


def test_more_pictures_than_may_wait_are_overload_and_the_others_go_on():
    desk = Desk(max_frames=2)
    for part in (0, 1):
        desk.tell(Triggered(part, 1.0), 1.0)
        for camera in CAMERAS:
            desk.tell(FrameArrived(camera, part, make_frame(part, camera)), 1.01)
    assert [(i.part, i.reason) for i in answers(desk.actions)] == [(1, Reason.OVERLOAD)]
    done = [a for c in CAMERAS for a in desk.tell(Detected(c, 0, make_detections()), 1.02)]
    assert only_answer(done).verdict is Verdict.PASS


def test_pictures_of_answered_parts_still_count_as_waiting():
    desk = Desk(max_frames=2)
    desk.tell(Triggered(0, 1.0), 1.0)
    for camera in CAMERAS:
        desk.tell(FrameArrived(camera, 0, make_frame(0, camera)), 1.01)
    desk.tell(Tick(), 1.1)
    desk.tell(Triggered(1, 1.2), 1.2)
    for camera in CAMERAS:
        desk.tell(FrameArrived(camera, 1, make_frame(1, camera)), 1.21)
    assert [i.reason for i in answers(desk.actions)] == [Reason.LATE, Reason.OVERLOAD]


def test_a_camera_that_leaves_triggers_unanswered_is_not_asked_for_ever():
    desk = Desk(max_captures=2)
    asked = [a for n in range(4) for a in desk.tell(Triggered(n, 1.0), 1.0) if isinstance(a, Capture)]
    assert Counter(a.camera for a in asked) == {"top": 2, "side": 2}
    assert [(i.part, i.reason) for i in answers(desk.actions)] == [(2, Reason.NO_FRAME), (3, Reason.NO_FRAME)]


def test_a_picture_that_cannot_be_run_is_the_pictures_fault():
    desk = Desk()
    desk.tell(Triggered(0, 1.0), 1.0)
    desk.tell(FrameArrived("top", 0, make_frame(0)), 1.01)
    desk.tell(DetectFailed("top", 0, Reason.IMAGE_UNHEALTHY, "float64"), 1.02)
    assert only_answer(desk.see(0, 1.03, ["side"])).reason is Reason.IMAGE_UNHEALTHY


def test_parts_are_numbered_upwards():
    desk = Desk()
    desk.tell(Triggered(3, 1.0), 1.0)
    with pytest.raises(SettingsError, match="after 3"):
        desk.tell(Triggered(3, 1.0), 1.0)


@pytest.mark.parametrize("wrong", [{"deadline_s": 0.0}, {"max_frames": 0}, {"max_captures": 0}])
def test_impossible_limits_are_refused(wrong):
    with pytest.raises(SettingsError, match="expected"):
        Ledger(["top"], **({"deadline_s": 0.1} | wrong))


# What may happen on a line, in any order, wanted or not. Times are steps since the last event.
CAMERA = st.sampled_from(CAMERAS)
PART = st.integers(0, 6)
SCORES = st.sampled_from([(), (0.9,), (0.1,)])
HAPPENINGS = st.one_of(
    st.just("trigger"),
    st.just("judge"),
    st.builds(lambda c, p, of: FrameArrived(c, p, make_frame(of, c)), CAMERA, PART, PART),
    st.builds(lambda c, p: FrameArrived(c, p, make_frame(p, c)), CAMERA, PART),
    st.builds(lambda c, p, r: FrameLost(c, p, r, "lost"), CAMERA, PART, st.sampled_from(Reason)),
    st.builds(lambda c, p, s: Detected(c, p, make_detections(*s)), CAMERA, PART, SCORES),
    st.builds(lambda c, p, r: DetectFailed(c, p, r, "failed"), CAMERA, PART, st.sampled_from(Reason)),
    st.builds(lambda r: GiveUp(r, "no patience"), st.sampled_from(Reason)),
    st.just("trigger that is refused"),
    st.just("part by itself"),
    st.builds(Absence, st.none() | st.sampled_from(Reason)),
    st.just(Tick()),
)
STEPS = st.lists(st.tuples(HAPPENINGS, st.floats(0, 0.06)), max_size=80)


class Model:
    """Plays a line's events into a ledger, judges when told to, and keeps what was proven."""

    def __init__(self):
        self.ledger = Ledger(CAMERAS, deadline_s=0.1, max_captures=2, max_frames=3)
        self.now_s = 0.0
        self.triggered = 0
        self.to_judge = []
        self.asked = Counter()
        self.answered = []
        self.detecting = set()
        self.refused = set()

    def tell(self, event):
        for action in self.ledger.handle(event, self.now_s):
            match action:
                case JudgePart():
                    self.to_judge.append(action)
                    self.asked[action.part] += 1
                case Answer():
                    self.answered.append(action.inspection)
                case Detect():
                    self.detecting.add((action.camera, action.part))
                    assert len(self.detecting) <= 3

    def happen(self, event, step_s):
        self.now_s += step_s
        match event:
            case "trigger":
                self.tell(Triggered(self.triggered, self.now_s))
                self.triggered += 1
            case "trigger that is refused":
                refusal = Refusal(Reason.TRIGGER_MISSED, "twice")
                self.tell(Triggered(self.triggered, self.now_s, refusal=refusal))
                self.refused.add(self.triggered)
                self.triggered += 1
            case "part by itself":
                self.tell(Triggered(self.triggered, self.now_s, asks=False))
                self.triggered += 1
            case "judge":
                self.judge()
            case Detected() | DetectFailed():
                self.detecting.discard((event.camera, event.part))
                self.tell(event)
            case _:
                self.tell(event)

    def judge(self):
        if not self.to_judge:
            self.tell(Tick())
            return
        action = self.to_judge.pop(0)
        self.tell(Judged(action.part, JUDGE(action.views), 0.0))


@given(STEPS)
def test_every_part_is_answered_exactly_once_and_none_passes_without_proof(steps):
    model = Model()
    for event, step_s in steps:
        model.happen(event, step_s)
    model.happen(Tick(), 1.0)
    while model.to_judge:
        model.judge()
    assert sorted(i.part for i in model.answered) == list(range(model.triggered))
    assert all(count == 1 for count in model.asked.values())
    assert model.ledger.open_parts == 0
    assert model.ledger.next_deadline_s is None
    for inspection in model.answered:
        assert [v.camera for v in inspection.views] == list(CAMERAS)
        if inspection.verdict is Verdict.PASS:
            assert inspection.part not in model.refused
            assert inspection.answered_s <= inspection.deadline_s
            assert all(v.frame.part == inspection.part for v in inspection.views)
            assert all(v.detections is not None for v in inspection.views)


@given(STEPS)
def test_at_its_deadline_no_part_is_left_unjudged(steps):
    model = Model()
    for event, step_s in steps:
        model.happen(event, step_s)
        due = model.ledger.next_deadline_s
        assert due is None or due > model.now_s
