"""The watchdog of a camera: a value of time, driven here without a thread or a clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.capture.camera import StreamEvent
from lineside.capture.watch import GiveUp, Limits, Open, State, Watch
from lineside.core.backoff import Backoff
from lineside.core.errors import SettingsError


def watch(**other):
    return Watch("top", backoff=Backoff(0.25, 2.0), **other)


def codes(actions):
    return [action.code for action in actions if isinstance(action, StreamEvent)]


def running(now_s=0.0, period_s=0.04, **other):
    """A watch whose first opening gave a picture and waits for the next."""
    one = watch(**other)
    assert list(one.tick(now_s)) == [Open(1)]
    one.opened(1, now_s, period_s)
    assert one.picture(1, now_s) == (True, ())
    one.wanted(1, now_s)
    return one


@pytest.mark.parametrize(
    ("age_s", "period_s", "expected_s"),
    [(None, 0.04, 1.0), (None, 0.5, 2.5), (None, None, 1.0), (None, math.inf, math.inf), (0.3, 0.5, 0.3)],
)
def test_a_camera_may_be_silent_for_the_larger_of_a_second_and_five_periods(age_s, period_s, expected_s):
    assert Limits(age_s=age_s).age_for(period_s) == expected_s


def test_a_silent_camera_is_given_up_and_opened_again_at_once():
    one = running()
    assert one.tick(0.99) == ()
    actions = list(one.tick(1.0))
    assert actions[0] == GiveUp(1)
    assert codes(actions) == ["camera.frozen"]
    assert list(one.tick(1.0)) == [Open(2)]


def test_the_first_picture_may_take_longer_than_the_next():
    one = watch()
    one.tick(0.0)
    one.opened(1, 0.0, 0.04)
    assert one.tick(4.9) == ()
    assert codes(one.tick(5.0)) == ["camera.frozen"]


def test_an_opening_that_hangs_is_given_up():
    one = watch()
    one.tick(0.0)
    assert one.tick(14.9) == ()
    actions = one.tick(15.0)
    assert GiveUp(1) in actions
    assert codes(actions) == ["camera.lost"]
    assert one.stuck == {1}


def test_a_read_that_hangs_is_noticed_though_no_picture_is_due():
    one = running(runs=False, period_s=math.inf)
    one.returned(1)
    one.picture(1, 0.0)
    assert one.due_s() == math.inf
    one.calling(1, 10.0, 0.5)
    assert one.tick(11.4) == ()
    assert codes(one.tick(11.5)) == ["camera.frozen"]


def test_a_triggered_camera_is_silent_without_a_trigger_and_given_up_with_one():
    one = watch(runs=False)
    one.tick(0.0)
    one.opened(1, 0.0)
    assert one.due_s() == math.inf
    one.wanted(1, 100.0)
    assert one.tick(100.9) == ()
    assert codes(one.tick(101.0)) == ["camera.frozen"]


def test_pauses_grow_while_it_cannot_be_opened_and_start_anew_after_a_picture():
    one, now_s, pauses = running(), 0.0, []
    one.failed(1, now_s, "unplugged")
    one.gone(1)
    for generation in range(2, 7):
        pauses.append(one.due_s() - now_s)
        now_s = one.due_s()
        assert list(one.tick(now_s)) == [Open(generation)]
        one.failed(generation, now_s, "no route")
        one.gone(generation)
    assert pauses == [0.0, 0.25, 0.5, 1.0, 2.0]
    now_s = one.due_s()
    one.tick(now_s)
    one.opened(7, now_s, 0.04)
    one.picture(7, now_s)
    one.failed(7, now_s, "unplugged")
    one.gone(7)
    assert one.due_s() == now_s


def test_an_outage_is_told_once_and_its_end_too():
    one = running()
    told = codes(one.failed(1, 2.0, "unplugged"))
    one.gone(1)
    for generation in (2, 3):
        one.tick(one.due_s())
        told += codes(one.failed(generation, 3.0, "no route"))
        one.gone(generation)
    one.tick(one.due_s())
    one.opened(4, 5.0, 0.04)
    _, actions = one.picture(4, 5.5)
    assert [*told, *codes(actions)] == ["camera.lost", "camera.back"]
    assert "3.5 s" in actions[-1].sentence


def test_it_is_not_opened_again_before_its_device_is_let_go_of():
    one = running()
    one.failed(1, 2.0, "unplugged")
    assert one.tick(2.5) == ()
    one.gone(1)
    assert list(one.tick(2.5)) == [Open(2)]


def test_it_is_opened_again_though_closing_it_hangs():
    one = running()
    one.failed(1, 2.0, "unplugged")
    assert list(one.tick(4.0)) == [Open(2)]
    assert one.stuck == {1}


def test_hanging_threads_do_not_pile_up():
    one, now_s = watch(limits=Limits(most_stuck=2)), 0.0
    for generation in (1, 2):
        assert list(one.tick(now_s)) == [Open(generation)]
        now_s += 15.0
        one.tick(now_s)
        now_s += 10.0
    assert one.due_s() == math.inf
    one.gone(1)
    assert list(one.tick(now_s)) == [Open(3)]


def test_a_late_picture_of_an_opening_that_was_given_up_is_dropped_and_counted():
    one = running()
    one.tick(1.0)
    one.tick(1.0)
    one.opened(2, 1.1, 0.04)
    assert one.picture(1, 1.2) == (False, ())
    assert one.picture(2, 1.3)[0]
    assert one.counts.late == 1


@pytest.mark.parametrize("key", ["age_s", "first_s", "open_s", "close_s", "most_stuck"])
def test_a_limit_of_nothing_is_refused(key):
    with pytest.raises(SettingsError, match=key):
        Limits(**{key: 0})


def paced(one, period_s, count):
    now_s = 0.0
    for _ in range(count):
        now_s += period_s
        one.tick(now_s)
        assert one.picture(1, now_s)[0]
        one.wanted(1, now_s)
    return one.due_s() - now_s


def test_a_rhythm_that_the_header_had_wrong_is_learnt():
    assert paced(running(period_s=2.0), 0.04, 20) == pytest.approx(1.0)
    assert paced(running(period_s=0.04), 0.9, 20) == pytest.approx(4.5)


def test_a_limit_that_is_set_is_not_learnt_away_and_silence_that_is_no_fault_stays_none():
    assert paced(running(limits=Limits(age_s=3.0)), 0.04, 20) == pytest.approx(3.0)
    assert paced(running(period_s=math.inf), 0.04, 20) == math.inf


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["tick", "opened", "wanted", "calling", "returned", "picture", "failed", "ended", "gone", "stop"]
        ),
        st.integers(-2, 0),
        st.floats(0, 8),
    ),
    max_size=80,
)


def happens(one, name, generation, now_s):
    arguments = {
        "tick": (now_s,),
        "stop": (),
        "failed": (generation, now_s, "unplugged"),
        "ended": (generation, now_s, "the last picture"),
        "opened": (generation, now_s, 0.1),
        "calling": (generation, now_s, 0.5),
        "wanted": (generation, now_s),
        "picture": (generation, now_s),
    }
    return getattr(one, name)(*arguments.get(name, (generation,))) or ()


@given(EVENTS, st.booleans())
def test_whatever_happens_it_is_opened_once_at_a_time_and_heard_only_while_it_counts(events, runs):
    one, now_s, openings, open_now, told = watch(runs=runs), 0.0, [], None, []
    stopped = False
    for name, back, pause_s in events:
        now_s += pause_s
        generation = max(one.generation + back, 1)
        heard = one.hears(generation)
        stopped = stopped or name == "stop"
        actions = happens(one, name, generation, now_s)
        if name == "picture":
            counts, actions = actions
            assert counts == heard
        for action in actions:
            if isinstance(action, Open):
                assert not stopped
                openings.append(action.generation)
                open_now = action.generation
            elif isinstance(action, GiveUp):
                assert action.generation == open_now
            else:
                told.append(action.code)
        assert one.hears(one.generation) == (one.state in {State.OPENING, State.OPEN, State.WELL})
        assert not one.hears(one.generation - 1)
    assert openings == list(range(1, len(openings) + 1))
    backs = told.count("camera.back")
    assert backs <= told.count("camera.lost") + told.count("camera.frozen")
    if one.state is not State.ENDED and one.state is State.WAITING and len(one.stuck) < 4:
        assert one.due_s() <= now_s + 2.0 + 2.0


@given(st.floats(0.001, 3), st.floats(0.001, 10))
def test_a_camera_that_keeps_its_rate_is_never_given_up(period_s, pace):
    one, now_s = running(period_s=period_s), 0.0
    for _ in range(20):
        now_s += min(pace, 4.9) * period_s
        assert one.tick(now_s) == ()
        assert one.picture(1, now_s)[0]
        one.wanted(1, now_s)
