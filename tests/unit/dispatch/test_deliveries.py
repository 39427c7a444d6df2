"""What becomes of pictures: deadlines, order, late ones, live views, models, and the end."""

from __future__ import annotations

import math

import pytest

from dispatch_rig import FAST, PART, SLOW, VIEW, Rig
from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.dispatch.actions import Amend, Drop, Forget, Release, Retire, Run, Unknown
from lineside.dispatch.events import BatchDone, Discard, ModelLoaded, Swap, Tick
from lineside.dispatch.settings import Settings
from lineside.dispatch.words import Health, Stream

ONE = {"a": {"model": FAST}}


def test_a_picture_is_answered_with_its_own_result():
    rig = Rig(ONE).start()
    request = rig.frame(payload="picture")
    assert rig.of(Run)[0].requests == (request,)
    assert request.payload == "picture"
    rig.done("a", 0.002)
    assert rig.answers[request].result == ("result", request)
    assert rig.answers[request].device == "a"


def test_pictures_that_wait_together_run_together():
    rig = Rig(ONE).start()
    rig.frame()
    waiting = [rig.frame() for _ in range(5)]
    rig.done("a", 0.002)
    assert rig.of(Run)[-1].requests == tuple(waiting)


def test_answers_leave_in_the_order_of_their_stream():
    rig = Rig({"a": {"model": FAST}, "b": {"model": FAST}}).start()
    first, second = rig.frame(), rig.frame()
    assert len(rig.running) == 2
    slow = next(d for d, run in rig.running.items() if first in run.requests)
    quick = next(d for d in rig.running if d != slow)
    rig.done(quick, 0.002)
    assert second not in rig.answers
    rig.done(slow, 0.003)
    assert isinstance(rig.answers[second], Release)


def test_answers_of_an_unordered_stream_wait_for_nobody():
    rig = Rig({"a": {"model": FAST}, "b": {"model": FAST}}).start()
    stream = Stream("calls", ordered=False)
    rig.frame(stream)
    second = rig.frame(stream)
    rig.done(next(d for d, run in rig.running.items() if second in run.requests), 0.002)
    assert second in rig.answers


def test_unknown_comes_by_the_deadline_and_the_result_after_it_amends():
    rig = Rig(ONE).start()
    request = rig.frame()
    rig.tick(0.02)
    answer = rig.answers[request]
    assert (answer.reason, answer.pending) == (Reason.LATE, True)
    rig.done("a", 0.025)
    assert isinstance(rig.after[request], Amend)


def test_a_result_that_comes_right_at_the_deadline_counts():
    rig = Rig(ONE).start()
    request = rig.frame()
    rig.done("a", request.deadline_s)
    assert isinstance(rig.answers[request], Release)


def test_one_late_picture_does_not_hold_those_behind_it_up_beyond_its_deadline():
    rig = Rig({"a": {"model": FAST}, "b": {"model": FAST}}).start()
    stuck, other = rig.frame(at_s=0.0), rig.frame(at_s=0.001)
    rig.done(next(d for d, run in rig.running.items() if other in run.requests), 0.004)
    rig.tick(0.02)
    assert isinstance(rig.answers[stuck], Unknown)
    assert isinstance(rig.answers[other], Release)


def test_a_picture_that_nobody_can_have_in_time_is_told_at_once_and_looked_at_later():
    rig = Rig(ONE).start()
    requests = [rig.frame() for _ in range(40)]
    refused = [r for r in requests if isinstance(rig.answers.get(r), Unknown) or r not in rig.answers]
    rig.finish()
    late = [r for r in refused if isinstance(rig.answers[r], Unknown)]
    assert late
    assert all(isinstance(rig.after[r], Amend) for r in late)


def test_late_pictures_do_not_delay_those_in_time():
    rig = Rig(ONE).start()
    for _ in range(40):
        rig.frame()
    while rig.now_s < 0.03:
        rig.done("a", rig.now_s + 0.005) if "a" in rig.running else rig.tick(rig.now_s + 0.005)
    if "a" in rig.running:
        rig.done("a", rig.now_s)
    in_time = rig.frame()
    if in_time not in rig.running["a"].requests:
        rig.done("a", rig.now_s + 0.005)
    rig.done("a", rig.now_s + 0.002)
    assert isinstance(rig.answers[in_time], Release)


def test_the_oldest_late_pictures_are_given_up_where_there_are_too_many():
    rig = Rig(ONE, settings=Settings(late_limit=3)).start()
    calls = Stream("calls", ordered=False)
    for _ in range(60):
        rig.frame(calls)
    assert rig.of(Forget)
    assert rig.scheduler.statistics().late_waiting <= 3
    rig.finish()


def test_only_the_newest_picture_of_a_live_view_waits():
    rig = Rig(ONE).start()
    rig.frame()
    older, newer = rig.frame(VIEW), rig.frame(VIEW)
    assert isinstance(rig.answers[older], Drop)
    rig.done("a", 0.002)
    assert rig.of(Run)[-1].requests == (newer,)
    assert rig.scheduler.statistics().superseded == 1


def test_judged_pictures_go_before_live_ones():
    rig = Rig({"a": {"model": SLOW}}).start()
    rig.frame(within_s=1)
    view, parts = rig.frame(VIEW, within_s=1), [rig.frame(within_s=1) for _ in range(4)]
    rig.done("a", 0.007)
    assert rig.of(Run)[-1].requests == tuple(parts)
    rig.done("a", 0.03)
    assert rig.of(Run)[-1].requests == (view,)


def test_a_live_view_that_was_shown_less_goes_first():
    rig = Rig({"a": {"model": SLOW}}).start()
    views = [Stream(f"view-{k}", delivery=Delivery.LATEST) for k in range(8)]
    shown = dict.fromkeys((v.name for v in views), 0)
    for k in range(400):
        # All come in the same order each time, while the device is busy: without fairness the last ones would
        # never be shown.
        rig.frame(at_s=k * 0.02)
        for view in views:
            rig.frame(view, at_s=k * 0.02)
        while "a" in rig.running and rig.now_s < k * 0.02 + 0.015:
            run = rig.running["a"]
            rig.done("a", rig.now_s + SLOW.seconds[len(run.requests)])
        rig.tick((k + 1) * 0.02 - 1e-6)
        if "a" in rig.running:
            rig.done("a", rig.now_s)
    for request in rig.requests:
        if request.stream.name in shown and isinstance(rig.answers.get(request), Release):
            shown[request.stream.name] += 1
    assert min(shown.values()) >= 0.85 * sum(shown.values()) / len(shown)


def test_no_deadline_means_no_refusal():
    rig = Rig(ONE).start()
    requests = [rig.frame(Stream("folder"), within_s=math.inf) for _ in range(300)]
    while rig.running:
        rig.done("a", rig.now_s + 0.009)
    assert all(isinstance(rig.answers[r], Release) for r in requests)
    assert max(len(run.requests) for run in rig.of(Run)) == 8


def test_a_batch_never_mixes_models_and_both_get_their_turn():
    rig = Rig({"a": {"model": FAST, "caps": FAST}}).start()
    caps = Stream("caps", model="caps")
    requests = [rig.frame(stream) for _ in range(4) for stream in (PART, caps)]
    while rig.running:
        rig.done("a", rig.now_s + 0.003)
    assert all(isinstance(rig.answers[r], Release) for r in requests)
    assert {run.model for run in rig.of(Run)} == {"model", "caps"}


def test_a_swap_is_between_two_pictures():
    rig = Rig({"a": {"caps": FAST, "caps@2": FAST}}).start()
    caps = Stream("line", model="caps")
    old = [rig.frame(caps), rig.frame(caps)]
    rig.send(Swap("caps", "caps@2"))
    rig.roles["caps"] = "caps@2"
    new = rig.frame(caps)
    while rig.running:
        rig.done("a", rig.now_s + 0.003)
    ran = {request: run.model for run in rig.of(Run) for request in run.requests}
    assert [ran[r] for r in (*old, new)] == ["caps", "caps", "caps@2"]
    assert all(isinstance(rig.answers[r], Release) for r in (*old, new))
    assert [action.model for action in rig.of(Retire)] == ["caps"]


def test_a_swap_to_a_model_that_no_device_has_is_refused():
    rig = Rig(ONE).start()
    with pytest.raises(SettingsError, match='no device has the model "caps"; known: model'):
        rig.send(Swap("model", "caps"))


def test_a_model_that_is_discarded_goes_with_its_last_picture():
    rig = Rig({"a": {"model": FAST, "model@2": FAST}}).start()
    tried = rig.frame(Stream("", model="model@2", ordered=False))
    rig.send(Discard("model@2"))
    assert rig.of(Retire) == []
    rig.done("a", 0.002)
    assert [action.model for action in rig.of(Retire)] == ["model@2"]
    assert isinstance(rig.answers[tried], Release)
    rig.frame()
    assert rig.running["a"].model == "model"


@pytest.mark.parametrize("swapped", [False, True])
def test_a_model_that_a_role_means_is_not_discarded(swapped):
    rig = Rig({"a": {"model": FAST, "caps": FAST, "caps@2": FAST}}).start()
    if swapped:
        rig.send(Swap("caps", "caps@2"))
        rig.roles["caps"] = "caps@2"
    wanted = ("model", rig.roles.get("caps", "caps"))
    before = rig.of(Retire)
    for model in wanted:
        rig.send(Discard(model))
    assert rig.of(Retire) == before
    for role in ("model", "caps"):
        frame = rig.frame(Stream(role, model=role))
        rig.done("a", rig.now_s + 0.002)
        assert isinstance(rig.answers[frame], Release)


def test_a_model_that_is_wanted_again_before_its_last_picture_is_through_stays():
    rig = Rig({"a": {"caps": FAST, "caps@2": FAST}}).start()
    rig.frame(Stream("", model="caps@2", ordered=False))
    rig.send(Discard("caps@2"))
    rig.send(Swap("caps", "caps@2"))
    rig.done("a", 0.002)
    assert [action.model for action in rig.of(Retire)] == ["caps"]


def test_swaps_that_were_refused_keep_no_model_open_and_leave_nothing_behind():
    rig = Rig({"a": {"model": FAST}}).start()
    for k in range(2, 202):
        rig.profiles["a"][f"model@{k}"] = FAST
        rig.send(ModelLoaded("a", f"model@{k}", FAST))
        rig.frame(Stream("", model=f"model@{k}", ordered=False), within_s=1)
        rig.done("a", rig.now_s + 0.002)
        if k % 2:
            rig.send(Swap("model", f"model@{k}"))
            rig.roles["model"] = f"model@{k}"
        else:
            rig.send(Discard(f"model@{k}"))
    fleet = rig.scheduler._fleet
    assert list(fleet.devices["a"].lanes) == ["model@201"]
    assert not fleet.retiring
    assert len(fleet.retired) < 100
    assert set(fleet.roles) == {"model", "caps"}
    assert len(rig.scheduler._answers.open_models) < 5
    rig.finish()


def test_a_model_that_is_loaded_while_the_line_runs_is_used():
    rig = Rig(ONE).start()
    rig.profiles["a"]["model@2"] = FAST
    rig.send(ModelLoaded("a", "model@2", FAST))
    rig.send(Swap("model", "model@2"))
    rig.roles["model"] = "model@2"
    rig.frame()
    assert rig.running["a"].model == "model@2"
    del rig.profiles["a"]["model@2"]


def test_a_draining_scheduler_takes_nothing_and_finishes_what_it_has():
    rig = Rig(ONE).start()
    before = [rig.frame() for _ in range(3)]
    rig.done("a", 0.002)
    rig.finish()
    assert all(isinstance(rig.answers[r], Release) for r in before)
    after = rig.frame()
    assert rig.answers[after].reason is Reason.OVERLOAD


@pytest.mark.parametrize("results", [(), ("one", "two")])
def test_results_that_are_not_one_a_picture_are_a_fault_of_the_device(results):
    rig = Rig({"a": {"model": FAST}, "b": {"model": SLOW}}).start()
    frame = rig.frame()
    device = next(iter(rig.running))
    rig.send(BatchDone(device, rig.running[device].run, results))
    assert rig.health[device] is Health.QUARANTINED
    assert rig.scheduler.statistics().retried == 1
    rig.done(next(name for name in rig.running if name != device))
    assert rig.answers[frame].device != device


def test_an_event_that_is_refused_takes_no_answer_with_it():
    rig = Rig(ONE).start()
    frame = rig.frame(within_s=0.02)
    with pytest.raises(SettingsError, match="no device has the model"):
        rig.send(Swap("model", "nowhere"), 0.03)
    assert frame not in rig.answers
    assert rig.scheduler.wake_s <= 0.03
    rig.send(Tick(), 0.03)
    assert rig.answers[frame].reason is Reason.LATE


def test_the_statistics_do_not_change_any_more():
    rig = Rig(ONE).start()
    before = rig.scheduler.statistics()
    rig.frame()
    assert before.arrived == 0
    with pytest.raises(TypeError):
        before.unknown[Reason.LATE] = 1


def test_the_backlog_grows_with_what_waits():
    rig = Rig(ONE).start()
    assert rig.scheduler.backlog_s("model", 0.0) == pytest.approx(0.002)
    for _ in range(9):
        rig.frame()
    assert rig.scheduler.backlog_s("model", 0.0) == pytest.approx(0.002 + 0.009 + 0.002)
    assert Rig(ONE).scheduler.backlog_s("model", 0.0) is None


def test_answered_pictures_are_let_go_long_before_their_deadline():
    rig = Rig(ONE).start()
    rig.frame(Stream("old"), within_s=1e6)
    rig.lose("a", 0.001)  # the oldest deadline stays open
    rig.up("a", 0.002)
    for _ in range(3000):
        rig.frame(Stream("calls", ordered=False), within_s=1e7)
        while "a" in rig.running:
            rig.done("a", rig.now_s + 0.001)
    assert len(rig.scheduler._answers._due) < 300
