from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_standins import make_frame
from lineside.core.verdict import Reason
from lineside.line.events import FrameArrived, FrameCame, FrameLost, PlantAsked, Tick, Triggered
from lineside.line.joining import Joiner
from lineside.line.newest import Newest
from lineside.line.schedule import Schedule
from lineside.line.triggers import Asked, ByThemselves, Timed
from lineside.outputs.plant.link import PlantTrigger


def came(at_s, camera="top", ailment=""):
    return FrameCame(camera, replace(make_frame(None, camera), captured_s=at_s), ailment)


def asked(number, at_s, link=0, **more):
    return PlantAsked(link, PlantTrigger(number, at_s, **more))


def refusals(events):
    return [None if e.refusal is None else e.refusal.reason for e in events if isinstance(e, Triggered)]


def test_parts_by_the_clock_come_at_their_rate_until_the_line_stops():
    triggers = Timed(Schedule(0.0, 60, None))
    assert [e.part for e in triggers.due(2.0)] == [0, 1, 2]
    assert not triggers.is_over(1e6)
    triggers.stop(2.5)
    assert triggers.is_over(2.5)
    assert list(triggers.due(99.0)) == []
    assert list(triggers.take(came(1.0), 1.0)) == []


def test_a_free_camera_that_is_faster_than_the_parts_gives_each_part_one_picture():
    triggers = ByThemselves(Joiner({"top": 1}, window_s=0.0), least_s=0.5)
    events = [e for n in range(30) for e in triggers.take(came(n * 0.1), n * 0.1)]
    assert [e.at_s for e in events if isinstance(e, Triggered)] == pytest.approx([0, 0.5, 1.0, 1.5, 2.0, 2.5])
    assert triggers.skipped == 24


def test_the_second_camera_of_a_part_is_not_skipped():
    triggers = ByThemselves(Joiner({"top": 1, "side": 1}, window_s=0.02), least_s=0.5)
    first = triggers.take(came(1.0), 1.0)
    second = triggers.take(came(1.01, "side"), 1.01)
    assert [type(e) for e in (*first, *second)] == [Triggered, FrameArrived, FrameArrived]


def test_a_picture_that_cannot_be_judged_costs_its_part():
    triggers = ByThemselves(Joiner({"top": 1}, window_s=0.0))
    _, lost = triggers.take(came(1.0, ailment="dark: the lamp is out"), 1.0)
    assert isinstance(lost, FrameLost)
    assert (lost.reason, lost.detail) == (Reason.IMAGE_UNHEALTHY, "dark: the lamp is out")


def test_pictures_that_come_while_the_line_stops_are_parts_that_are_not_judged():
    triggers = ByThemselves(Joiner({"top": 1}, window_s=0.0), ends_s=10.0)
    assert not triggers.is_over(9.9)
    assert triggers.is_over(10.0)
    triggers.stop(5.0)
    assert refusals(triggers.take(came(5.1), 5.1)) == [Reason.STOPPING]


def test_a_trigger_of_the_plant_brings_its_number_and_product():
    triggers = Asked()
    (event,) = triggers.take(asked(77, 1.0, product="cap", serial="S"), 1.001)
    assert (event.part, event.at_s, event.asks) == (0, 1.0, True)
    assert (event.origin.trigger, event.origin.product, event.origin.serial) == (77, "cap", "S")
    assert list(triggers.take(came(1.0), 1.0)) == []
    assert list(triggers.due(1e9)) == []


def test_a_trigger_that_comes_twice_or_too_early_is_answered_and_counted():
    triggers = Asked(least_s=0.1)
    events = [
        e
        for n, at_s in ((1, 1.0), (1, 1.5), (2, 1.55), (3, 2.0))
        for e in triggers.take(asked(n, at_s), at_s)
    ]
    assert [e.part for e in events] == [0, 1, 2, 3]
    assert refusals(events) == [None, Reason.TRIGGER_MISSED, Reason.TRIGGER_MISSED, None]
    assert triggers.too_many == 2


def test_numbers_that_the_plant_left_out_are_counted():
    triggers = Asked()
    for number, at_s in ((1, 1.0), (2, 2.0), (5, 3.0)):
        triggers.take(asked(number, at_s), at_s)
    assert triggers.lost == 2


def test_two_links_have_numbers_of_their_own():
    triggers = Asked()
    events = [e for link in (0, 1) for e in triggers.take(asked(1, 1.0, link), 1.0)]
    assert refusals(events) == [None, None]


def test_a_trigger_that_comes_while_the_line_stops_is_answered_so():
    triggers = Asked()
    triggers.stop(1.0)
    assert refusals(triggers.take(asked(1, 1.1), 1.1)) == [Reason.STOPPING]
    assert triggers.is_over(1.1)
    assert list(triggers.take(Tick(), 1.2)) == []


def live(room, cameras=("top",), window_s=0.0):
    joiner = Joiner(dict.fromkeys(cameras, 1), window_s=window_s, grace_s=0.1)
    return ByThemselves(joiner, newest=Newest(room, window_s))


def begun(events):
    return [event.at_s for event in events if isinstance(event, Triggered)]


def test_while_the_line_is_behind_only_the_newest_picture_waits_and_the_others_are_counted():
    triggers = live(room=2)
    triggers.open_parts = 1
    assert begun(triggers.take(came(1.0), 1.0)) == [1.0]
    triggers.open_parts = 2
    for at_s in (1.1, 1.2, 1.3):
        assert list(triggers.take(came(at_s), at_s)) == []
    assert list(triggers.due(1.31)) == []
    assert triggers.passed_over == 2
    triggers.open_parts = 1
    assert begun(triggers.due(1.32)) == [1.3]
    assert begun(triggers.take(came(1.4), 1.4)) == [1.4]
    assert triggers.passed_over == 2


def test_the_pictures_of_one_moment_wait_together_and_a_part_that_has_begun_gets_all_of_its_own():
    triggers = live(1, ("top", "side"), window_s=0.02)
    triggers.take(came(1.0), 1.0)
    triggers.open_parts = 1
    late = list(triggers.take(came(1.01, "side"), 1.01))
    assert [(e.camera, e.part) for e in late] == [("side", 0)]
    for at_s, camera in ((1.5, "top"), (1.51, "side"), (2.0, "top"), (2.01, "side")):
        assert list(triggers.take(came(at_s, camera), at_s)) == []
    triggers.open_parts = 0
    events = list(triggers.due(2.02))
    assert begun(events) == [2.0]
    assert [(e.camera, e.part) for e in events if isinstance(e, FrameArrived)] == [("top", 1), ("side", 1)]
    assert triggers.passed_over == 2


def test_what_waits_when_the_line_stops_never_becomes_a_part():
    triggers = live(1)
    triggers.open_parts = 1
    triggers.take(came(1.0), 1.0)
    triggers.stop(1.1)
    triggers.open_parts = 0
    assert list(triggers.due(1.1)) == []
    assert triggers.passed_over == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60))
def test_every_picture_of_a_live_view_is_a_part_or_counted_and_none_is_older_than_one_before(steps):
    """Each step: how many parts are open, and whether a picture comes or the loop goes round."""
    triggers = live(2)
    taken, events = 0, []
    for now_s, (open_parts, comes) in enumerate(steps):
        triggers.open_parts = open_parts
        events += triggers.due(float(now_s))
        if comes:
            taken += 1
            events += triggers.take(came(float(now_s)), float(now_s))
    triggers.stop(1e3)
    events += triggers.due(1e3)
    assert len(begun(events)) + triggers.passed_over == taken
    assert begun(events) == sorted(set(begun(events)))
