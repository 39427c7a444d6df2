"""Whole lines: real threads, a real engine over scripted devices, and whatever may break while they run."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest

from line_standins import NAMES, FakeCamera, make_detections, make_frame, scripted_engine
from lineside.core.backoff import Backoff
from lineside.core.errors import ImageFormatError, ModelOutputError, OutputError, SettingsError, SourceError
from lineside.core.verdict import Reason, Verdict
from lineside.dispatch.settings import Settings
from lineside.judge.judge import Judge, open_rule
from lineside.line.board import Board
from lineside.line.cameras import CameraStation
from lineside.line.desk import late_look
from lineside.line.events import FrameCame
from lineside.line.joining import Joiner
from lineside.line.link import Link
from lineside.line.loop import Loop
from lineside.line.newest import Newest
from lineside.line.parts import LoopSettings, Parts
from lineside.line.plant import Plant
from lineside.line.products import OneProduct, Product
from lineside.line.schedule import Schedule
from lineside.line.standing import device_rows
from lineside.line.triggers import ByThemselves, Timed
from lineside.outputs.plant.link import LineState
from lineside.testing.hand_workers import Mode, Script
from lineside.testing.rules import StandInRule

QUICK = LoopSettings(deadline_s=5.0, max_captures=1000, max_frames=1000, backoff=Backoff(0.01, 0.02))
SECONDS = 0.3
PARTS = 30
RATE = 6000


def nothing(_):
    return make_detections()


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


class Rig:
    """A line over fake cameras and scripted devices, and what it answered."""

    def __init__(
        self,
        *scripts,
        cameras=None,
        settings=QUICK,
        rate=RATE,
        judge=None,
        gate=None,
        sinks=(),
        hang_s=None,
        **more,
    ):
        self.answers = Answers()
        inbox, board = queue.SimpleQueue(), Board()
        cameras = cameras or {"top": FakeCamera, "side": lambda: FakeCamera("side")}
        fittings = {} if hang_s is None else {"settings": Settings(hang_s=hang_s)}
        self.engine = scripted_engine(*scripts, note=board.post, late_result=late_look(inbox.put), **fittings)
        self.judge = judge = judge or Judge(
            [open_rule({"kind": "forbid"}, NAMES)], names=NAMES, cameras=tuple(cameras)
        )

        def station(name, opener):
            link = Link(f"camera {name}", opener, backoff=settings.backoff)
            return CameraStation(name, link, post=inbox.put, note=board.post, clock=time.monotonic)

        self.parts = Parts(
            views=tuple(judge.cameras),
            stations={name: station(name, opener) for name, opener in cameras.items()},
            products=OneProduct(Product("", judge, self.engine)),
            triggers=lambda start_s, seconds: Timed(Schedule(start_s, rate, seconds)),
            inbox=inbox,
            board=board,
            gate=self.answers if gate is None else gate,
            sinks=sinks,
            devices=lambda: device_rows([self.engine]),
            absence=self.engine.absence,
            **more,
        )
        self.loop = Loop(self.parts, settings)

    def run(self, seconds=SECONDS):
        try:
            return self.loop.run(seconds), self.answers
        finally:
            self.engine.close()


def run(*scripts, seconds=SECONDS, **how):
    return Rig(*scripts, **how).run(seconds)


def test_a_healthy_line_passes_every_good_part():
    statistics, answers = run()
    answers.check(PARTS)
    assert statistics.verdicts[Verdict.PASS] == statistics.triggered == PARTS
    assert {"capture", "judge", "total"} <= set(statistics.stages)
    assert statistics.events == ()
    assert [(d.name, d.health, d.frames) for d in statistics.devices] == [("d0", "healthy", 2 * PARTS)]


def test_a_defect_in_one_view_fails_the_part():
    seen = iter([make_detections(0.9)])
    statistics, answers = run(Script(sees=lambda _: next(seen, make_detections())))
    answers.check(PARTS)
    assert statistics.verdicts[Verdict.FAIL] == 1
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


class LosesParts:
    """An ejector that cannot follow a part, in a way that nobody foresaw."""

    def start(self):
        pass

    def expect(self, part, at_s):
        raise RuntimeError(f"part {part}, at {at_s}")

    def decide(self, part, verdict):
        pass

    def alive(self, now_s):
        return now_s + 1.0

    def close(self, beat):
        beat()


def test_a_part_that_the_ejector_cannot_follow_is_answered_all_the_same_and_told():
    statistics, answers = run(ejector=LosesParts())
    answers.check(PARTS)
    told = [e.sentence for e in statistics.events if e.code == "ejector.failed"]
    assert len(told) == PARTS
    assert "take it off the line" in told[0]


def test_a_camera_that_never_opens_lets_nothing_pass():
    def refuse():
        raise SourceError("no such camera")

    statistics, answers = run(cameras={"top": refuse, "side": FakeCamera})
    answers.check(PARTS)
    assert statistics.reasons == {Reason.NO_FRAME: PARTS}
    assert [e.code for e in statistics.events] == ["camera.lost"]


class Breaks:
    """Breaks a device at one of its pictures, and heals it after some time."""

    def __init__(self, at=9, seconds=0.3, mode=Mode.ERROR, error=None):
        self.script = Script(sees=self.see)
        self.at, self.seconds, self.mode, self.error = at, seconds, mode, error
        self.seen = 0

    def see(self, _):
        self.seen += 1
        if self.seen == self.at:
            if self.mode is not None:
                self.script.breaks(self.mode)
                threading.Timer(self.seconds, self.script.heals).start()
            if self.error is not None:
                raise self.error
        return make_detections()


TIGHT = LoopSettings(deadline_s=0.1, max_captures=1000, max_frames=1000, backoff=Backoff(0.01, 0.02))


@pytest.mark.parametrize(
    ("error", "reason"),
    [(None, Reason.DEVICE_LOST), (ModelOutputError("NaN"), Reason.MODEL_UNHEALTHY)],
)
def test_a_device_that_fails_costs_its_parts_and_comes_back(error, reason):
    breaks = Breaks(error=error)
    statistics, answers = run(breaks.script, settings=TIGHT, rate=3000, seconds=2.0)
    answers.check(100)
    assert reason in answers.reasons()
    assert set(answers.reasons()) <= {reason, Reason.LATE}
    assert answers[-1].verdict is Verdict.PASS
    assert {"device.quarantined", "device.back"} <= {e.code for e in statistics.events}


def test_while_another_device_lives_a_device_that_fails_costs_no_part():
    breaks = Breaks(seconds=10)
    statistics, answers = run(breaks.script, Script(sees=nothing), seconds=0.5)
    breaks.script.heals()
    answers.check(50)
    assert answers.reasons() == {}
    assert {view.device for i in answers for view in i.views} == {"d0", "d1"}
    rows = {device.name: device for device in statistics.devices}
    assert rows["d0"].health != "healthy"
    assert rows["d0"].detail
    assert rows["d1"].frames > rows["d0"].frames


def test_a_device_that_stays_away_lets_nothing_more_pass():
    breaks = Breaks(at=5, seconds=30)
    _, answers = run(breaks.script, settings=TIGHT, rate=3000, seconds=1.0)
    breaks.script.heals()
    answers.check(50)
    passed = [i.part for i in answers if i.verdict is Verdict.PASS]
    assert len(passed) <= 3
    assert set(answers.reasons()) <= {Reason.DEVICE_LOST, Reason.LATE}


def test_what_comes_after_the_answer_is_counted_and_changes_nothing():
    slow = Script(sees=nothing)
    rig = Rig(slow, settings=LoopSettings(deadline_s=0.05), rate=600, cameras={"top": FakeCamera})
    slow.slower = 60
    statistics, answers = rig.run(0.3)
    answers.check(3)
    # A run that takes so long hangs, and costs the device its place, too.
    assert set(answers.reasons()) <= {Reason.LATE, Reason.OVERLOAD, Reason.DEVICE_LOST}
    assert statistics.answered == 3
    assert rig.loop.statistics().verdicts[Verdict.PASS] == 0


def test_what_was_seen_after_the_answer_is_told_to_the_trace_with_its_part():
    """The first picture is looked at until its part is answered: what was seen then explains the doubt."""
    late, is_answered = [], threading.Event()

    def see(_):
        is_answered.wait(10)
        return make_detections(0.9)

    class Gate(Answers):
        def __call__(self, inspection):
            super().__call__(inspection)
            is_answered.set()

    gate = Gate()
    rig = Rig(
        Script(sees=see),
        cameras={"top": FakeCamera},
        settings=LoopSettings(deadline_s=0.3),
        rate=60,
        gate=gate,
        hang_s=10.0,
        late=late.append,
    )
    statistics, _ = rig.run(3.0)
    gate.check(3)
    assert gate[0].verdict is Verdict.UNKNOWN
    (first, *_) = late
    assert (first.part, first.camera, len(first.detections), first.device) == (0, "top", 1, "d0")
    assert first.answered == f"UNKNOWN ({gate[0].reason})"
    assert first.after_s > 0
    assert statistics.late_results == len(late)


def test_a_picture_format_that_the_model_never_takes_stops_the_line_with_all_parts_answered():
    """One freak costs its part; a row of them is for people, and no part is left without an answer."""

    class Refuses:
        def submit(self, _image, **_asked):
            raise ImageFormatError("expected uint8; got float64")

    rig = Rig(cameras={"top": FakeCamera})
    rig.parts = replace(rig.parts, products=OneProduct(Product("", rig.judge, Refuses())))
    rig.loop = Loop(rig.parts, QUICK)
    with pytest.raises(ImageFormatError, match="float64"):
        rig.run(30.0)
    statistics = rig.loop.statistics()
    rig.answers.check(statistics.triggered)
    assert 3 <= statistics.triggered < 3000
    assert statistics.verdicts[Verdict.PASS] == 0
    assert "line.operator" in {event.code for event in statistics.events}


class ControlLink:
    """A link to a control, whose answers fail as a test says."""

    def __init__(self, fault, at=3):
        self.fault, self.at, self.answered, self.states = fault, at, [], []

    def start(self, heard):
        pass

    def tell(self, state):
        self.states.append(state)

    def answer(self, answer):
        self.answered.append(answer.inspection)
        if len(self.answered) >= self.at:
            raise self.fault

    def close(self):
        pass


@pytest.mark.parametrize(
    ("fault", "stops"),
    [
        (OutputError("the station is away"), False),
        (ZeroDivisionError("oh"), False),
        (SettingsError("the map has no such tag"), True),
    ],
)
def test_a_link_that_fails_is_told_and_stops_the_line_only_if_no_retry_can_mend_it(fault, stops):
    link, rig = ControlLink(fault), Rig(cameras={"top": FakeCamera})
    plant = Plant([link], post=rig.parts.inbox.put, note=rig.parts.board.post)
    rig.parts = replace(rig.parts, plant=plant)
    rig.loop = Loop(rig.parts, QUICK)
    if stops:
        with pytest.raises(SettingsError, match="no such tag"):
            rig.run(30.0)
    else:
        rig.run()
    statistics = rig.loop.statistics()
    rig.answers.check(statistics.triggered)
    assert link.answered == [a.part for a in rig.answers], "each answer is tried, whatever became of the last"
    assert statistics.counts.unwritten == statistics.triggered - 2
    codes = {event.code for event in statistics.events}
    assert "plc.unwritten" in codes
    assert ("line.operator" in codes) == stops
    assert (LineState.STOPPING in link.states) == stops


def test_of_a_live_view_the_newest_picture_wins_while_the_engine_is_behind():
    """Pictures come every 5 ms, the engine takes 30: most are passed over, and none that is judged is old."""

    def see(_):
        time.sleep(0.03)
        return make_detections()

    rig = Rig(Script(sees=see), cameras={"top": FakeCamera})
    joiner = Joiner({"top": 1}, window_s=0.0)
    rig.parts = replace(
        rig.parts,
        triggers=lambda start_s, seconds: ByThemselves(
            joiner, newest=Newest(1, 0.0), ends_s=start_s + seconds
        ),
    )
    rig.loop = Loop(rig.parts, QUICK)
    is_over, taken = threading.Event(), []

    def film():
        while not is_over.wait(0.005):
            frame = replace(make_frame(None), captured_s=time.monotonic())
            taken.append(frame)
            rig.parts.inbox.put(FrameCame("top", frame))

    with ThreadPoolExecutor(1) as pool:
        film_ends = pool.submit(film)
        try:
            statistics, answers = rig.run(1.5)
        finally:
            is_over.set()
        film_ends.result(5)
    answers.check(statistics.triggered)
    passed_over = rig.loop.statistics().counts.passed_over
    assert statistics.triggered >= 5
    assert passed_over > statistics.triggered
    assert statistics.triggered + passed_over <= len(taken)
    times = [answer.triggered_s for answer in answers]
    assert times == sorted(times)
    # Each part's picture was the newest when the one before it was answered, but for what the inbox held on a busy machine.
    stale = [
        any(answer.triggered_s < f.captured_s < before.answered_s - 0.02 for f in taken)
        for before, answer in pairwise(answers)
    ]
    assert sum(stale) <= len(stale) / 2


def test_a_hanging_camera_is_late_and_the_line_ends_all_the_same():
    never = threading.Event()

    class Hanging(FakeCamera):
        def trigger(self, part):
            never.wait(20)
            return super().trigger(part)

    settings = LoopSettings(deadline_s=0.05, max_captures=4)
    threading.Timer(1.0, never.set).start()
    _, answers = run(cameras={"top": Hanging, "side": FakeCamera}, settings=settings)
    answers.check(PARTS)
    assert {Reason.LATE, Reason.NO_FRAME, Reason.OVERLOAD} >= set(answers.reasons())
    assert Verdict.PASS not in {i.verdict for i in answers}


def test_a_gate_or_a_rule_that_fails_is_visible_and_the_line_goes_on():
    def gate(inspection):
        raise ValueError("the gate is jammed")

    judge = Judge([StandInRule(ZeroDivisionError())], names=NAMES, cameras=["top"])
    statistics, _ = run(cameras={"top": FakeCamera}, judge=judge, gate=gate)
    assert statistics.reasons == {Reason.RULE_ERROR: PARTS}
    assert sum(e.code == "gate.failed" for e in statistics.events) == PARTS


def test_more_than_the_devices_can_take_is_overload_or_late_and_never_a_pass_without_proof():
    slow = Script(sees=nothing)
    settings = LoopSettings(deadline_s=0.2, max_frames=3)
    rig = Rig(slow, settings=settings, rate=12000)
    slow.slower = 20
    _, answers = rig.run()
    answers.check(60)
    assert {Reason.OVERLOAD, Reason.LATE} & set(answers.reasons())
    assert {Reason.OVERLOAD, Reason.LATE, Reason.NO_FRAME} >= set(answers.reasons())


def test_a_line_that_is_stopped_answers_what_is_on_it_and_ends():
    rig = Rig(cameras={"top": FakeCamera})
    thread = threading.Thread(target=rig.run, args=(None,))
    thread.start()
    while rig.loop.statistics().answered < 3:
        thread.join(0.01)
    rig.loop.stop()
    thread.join(10)
    assert not thread.is_alive()
    rig.answers.check(rig.loop.statistics().triggered)


def test_a_line_that_may_not_wait_answers_what_is_open_as_stopping():
    released = threading.Event()

    class Hanging(FakeCamera):
        def trigger(self, part):
            released.wait(20)
            return super().trigger(part)

    rig = Rig(cameras={"top": Hanging}, settings=LoopSettings(deadline_s=60.0), rate=600)
    thread = threading.Thread(target=rig.run, args=(None,))
    thread.start()
    while rig.loop.statistics().triggered < 2:
        thread.join(0.01)
    rig.loop.stop(patience_s=0.1)
    while not rig.answers:
        thread.join(0.01)
    released.set()
    thread.join(20)
    assert not thread.is_alive()
    rig.answers.check(rig.loop.statistics().triggered)
    assert set(rig.answers.reasons()) <= {Reason.STOPPING, Reason.NO_FRAME}
    assert Reason.STOPPING in rig.answers.reasons()


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
    assert len(sink.parts) + statistics.counts.dropped == len(answers)
    assert sink.is_closed


def test_a_line_without_a_camera_for_a_view_is_refused():
    judge = Judge([open_rule({"kind": "forbid"}, NAMES)], names=NAMES, cameras=["top", "side"])
    with pytest.raises(SettingsError, match="top, side"):
        Rig(cameras={"top": FakeCamera}, judge=judge)


@pytest.mark.parametrize("wrong", [{"max_frames": 0}, {"deadline_s": float("nan")}, {"outbox": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        LoopSettings(**wrong)
