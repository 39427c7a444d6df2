from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_standins import make_frame
from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.line.events import FrameArrived, FrameLost, Triggered
from lineside.line.joining import Joiner, view_names


def picture(of=0, number=None):
    """A picture that truly is of a part: `sequence` tells which."""
    return replace(make_frame(None), sequence=of, device_frame=number)


def kinds(events):
    return [type(event) for event in events]


def test_pictures_within_the_window_are_of_one_part():
    joiner = Joiner({"top": 1, "side": 1}, window_s=0.02)
    begun = joiner.take("top", picture(), 1.0)
    assert kinds(begun) == [Triggered, FrameArrived]
    assert (begun[0].part, begun[0].at_s, begun[0].asks) == (0, 1.0, False)
    (joined,) = joiner.take("side", picture(), 1.015)
    assert (joined.camera, joined.part, joined.frame.part) == ("side", 0, 0)
    assert [e.part for e in joiner.take("side", picture(), 1.1)] == [1, 1]


def test_a_picture_that_was_taken_first_but_came_last_still_belongs_to_its_part():
    joiner = Joiner({"top": 1, "side": 1}, window_s=0.02, grace_s=0.1)
    joiner.take("top", picture(), 1.01)
    (joined,) = joiner.take("side", picture(), 1.0)
    assert joined.part == 0


def test_what_is_missing_when_the_time_is_up_is_no_frame_and_what_comes_later_changes_nothing():
    joiner = Joiner({"top": 1, "side": 1}, window_s=0.02, grace_s=0.05)
    joiner.take("top", picture(), 1.0)
    assert joiner.wake_s == pytest.approx(1.07)
    assert joiner.overdue(1.069) == []
    (lost,) = joiner.overdue(1.0701)
    assert (lost.camera, lost.part, lost.reason) == ("side", 0, Reason.NO_FRAME)
    assert joiner.take("side", picture(), 1.01) == []
    assert joiner.late == 1
    assert joiner.overdue(2.0) == []
    assert joiner.wake_s == float("inf")


def test_several_shots_of_a_camera_are_views_of_one_part_in_their_order():
    joiner = Joiner({"top": 3}, window_s=0.1)
    events = [e for at_s in (1.0, 1.03, 1.06) for e in joiner.take("top", picture(), at_s)]
    assert [e.camera for e in events if isinstance(e, FrameArrived)] == ["top/1", "top/2", "top/3"]
    assert {e.part for e in events} == {0}
    assert view_names("top", 1) == ("top",)


def test_a_picture_too_many_is_a_part_of_its_own_that_nobody_may_pass():
    joiner = Joiner({"top": 1, "side": 1}, window_s=0.02)
    joiner.take("top", picture(), 1.0)
    (twice,) = joiner.take("top", picture(), 1.005)
    assert (twice.part, twice.refusal.reason) == (1, Reason.TRIGGER_MISSED)
    assert "part 0" in twice.refusal.detail
    assert kinds(joiner.take("side", picture(), 1.01)) == [FrameArrived]
    assert joiner.too_many == 1


def test_a_part_that_comes_sooner_than_parts_can_is_a_trigger_too_many():
    joiner = Joiner({"top": 1}, window_s=0.0, least_s=0.3)
    joiner.take("top", picture(), 1.0)
    (early,) = joiner.take("top", picture(), 1.2)
    assert early.refusal.reason is Reason.TRIGGER_MISSED
    assert "200.0 ms after" in early.refusal.detail
    assert kinds(joiner.take("top", picture(), 1.31)) == [Triggered, FrameArrived]


def test_a_number_that_says_otherwise_than_the_time_costs_one_part_and_no_more():
    joiner = Joiner({"top": 1, "side": 1}, window_s=0.02)
    reasons = []
    numbers = {"top": [5, 6, 7, 8], "side": [9, 10, 12, 13]}  # one trigger was lost before the picture 12
    for part in range(4):
        for camera in ("top", "side"):
            for event in joiner.take(camera, picture(part, numbers[camera][part]), 1.0 + part):
                reasons += [(part, event.camera, event.reason)] if isinstance(event, FrameLost) else []
    assert reasons == [(2, "side", Reason.TRIGGER_MISSED)]


def test_a_lost_picture_that_its_camera_has_counted_costs_its_own_part_alone():
    joiner = Joiner({"top": 1, "side": 1}, window_s=0.02)
    events = []
    for part in range(4):
        events += joiner.overdue(1.0 + part)
        events += joiner.take("top", picture(part, part), 1.0 + part)
        if part != 1:
            events += joiner.take("side", picture(part, part), 1.0 + part)
    lost = [(e.part, e.camera, e.reason) for e in events if isinstance(e, FrameLost)]
    assert lost == [(1, "side", Reason.NO_FRAME)]


def test_a_camera_that_counts_a_trigger_too_many_is_still_followed():
    joiner = Joiner({"top": 1}, window_s=0.02)
    ticks = [(1.0, 0), (1.01, 1), (2.0, 2), (3.0, 3)]
    events = [e for at_s, number in ticks for e in joiner.take("top", picture(0, number), at_s)]
    assert kinds(events) == [Triggered, FrameArrived, Triggered, *[Triggered, FrameArrived] * 2]


@pytest.mark.parametrize(
    "wrong", [{"shots": {}}, {"shots": {"top": 0}}, {"window_s": -1}, {"grace_s": float("nan")}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match="joining: expected"):
        Joiner(**({"shots": {"top": 1}, "window_s": 0.02} | wrong))


CAMERAS = ("top", "side", "below")
PERIOD_S, WINDOW_S = 0.1, 0.02


@st.composite
def belts(draw):
    """Pictures as they come: each truly of one part, taken within the window, some lost, cameras out of step."""
    shots = {camera: draw(st.integers(1, 2)) for camera in CAMERAS[: draw(st.integers(1, 3))]}
    streams = {camera: [] for camera in shots}
    for part in range(draw(st.integers(1, 8))):
        for camera, count in shots.items():
            jitters = sorted(draw(st.lists(st.floats(0, WINDOW_S / 2), min_size=count, max_size=count)))
            for jitter in jitters:
                if draw(st.integers(0, 5)):
                    streams[camera].append((part * PERIOD_S + jitter, part))
    came, delay = [], {camera: draw(st.floats(0, WINDOW_S)) for camera in shots}
    for camera, taken in streams.items():
        came += [(at_s + delay[camera], camera, at_s, part) for at_s, part in taken]
    return shots, sorted(came)


@given(belts())
def test_no_picture_is_ever_of_two_parts_and_none_of_the_wrong_one(belt):
    shots, came = belt
    joiner = Joiner(shots, window_s=WINDOW_S, grace_s=WINDOW_S)
    events = []
    for now_s, camera, at_s, part in came:
        events += joiner.overdue(now_s)
        events += joiner.take(camera, picture(part), at_s)
    events += joiner.overdue(1e9)
    begun = [e.part for e in events if isinstance(e, Triggered)]
    assert begun == sorted(set(begun))
    of = defaultdict(set)
    settled = Counter()
    for event in events:
        if isinstance(event, FrameArrived):
            of[event.part].add(event.frame.sequence)
        if isinstance(event, FrameArrived | FrameLost):
            settled[event.part, event.camera] += 1
    assert all(len(parts) == 1 for parts in of.values())
    views = [view for camera, count in shots.items() for view in view_names(camera, count)]
    judged = [e.part for e in events if isinstance(e, Triggered) and e.refusal is None]
    assert settled == Counter({(part, view): 1 for part in judged for view in views})
    whole = Counter(part for _, _, _, part in came)
    complete = {part for part, count in whole.items() if count == len(views)}
    seen_whole = {
        next(iter(of[part]))
        for part in judged
        if sum(1 for v in views if (part, v) in settled) == len(views) and of[part]
    }
    assert complete <= seen_whole
