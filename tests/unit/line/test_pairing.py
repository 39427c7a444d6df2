"""Triggers of the plant's control and pictures of wired cameras: no part is ever judged by another one's picture."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_standins import make_frame
from lineside.core.errors import SettingsError
from lineside.core.inspection import Origin
from lineside.core.verdict import Reason
from lineside.line.events import FrameArrived, FrameCame, FrameLost, PlantAsked, Refusal, Triggered
from lineside.line.joining import view_names
from lineside.line.paired import Paired
from lineside.line.pairing import Pairer, PairWindow
from lineside.line.triggers import Asked
from lineside.outputs.plant.link import PlantTrigger

WINDOW = PairWindow(0.02, grace_s=0.05, join_s=0.01)


def picture(at_s, camera="top", of=0, number=None, ailment=""):
    """A picture that truly is of a part: `sequence` tells which."""
    frame = replace(make_frame(None, camera), sequence=of, device_frame=number, captured_s=at_s)
    return FrameCame(camera, frame, ailment)


class Belt:
    """A pairer and what came of it."""

    def __init__(self, shots=None, window=WINDOW, **how):
        self.numbers = count()
        self.pairer = Pairer(shots or {"top": 1}, window, numbers=self.numbers, **how)
        self.events = []

    def trigger(self, at_s, number=None, refusal=None):
        return self._heard(self.pairer.trigger(Triggered(next(self.numbers), at_s, Origin(number), refusal)))

    def take(self, at_s, camera="top", **how):
        return self._heard(self.pairer.take(picture(at_s, camera, **how), at_s))

    def overdue(self, now_s):
        return self._heard(self.pairer.overdue(now_s))

    def _heard(self, events):
        self.events += events
        return events


def told(events):
    """What events say, in short."""
    words = []
    for event in events:
        match event:
            case Triggered(refusal=None):
                words.append(("part", event.part))
            case Triggered():
                words.append(("refused", event.part, event.refusal.reason))
            case FrameArrived():
                words.append((event.camera, event.part))
            case FrameLost():
                words.append((event.camera, event.part, event.reason))
    return words


@pytest.mark.parametrize("picture_s", [0.985, 1.0, 1.015])
def test_a_picture_is_of_the_trigger_that_was_heard_at_its_time_before_or_after(picture_s):
    belt = Belt()
    if picture_s <= 1:
        assert belt.take(picture_s) == []
        events = belt.trigger(1.0, 77)
    else:
        events = [*belt.trigger(1.0, 77), *belt.take(picture_s)]
    assert told(events) == [("part", 0), ("top", 0)]
    assert (events[0].origin.trigger, events[0].at_s, events[0].asks) == (77, 1.0, False)
    assert events[1].frame.part == 0
    assert belt.overdue(1e9) == []
    assert belt.pairer.wake_s == float("inf")


def test_a_control_that_is_always_late_has_its_window_where_its_pictures_are():
    belt = Belt(window=replace(WINDOW, lag_s=0.5))
    belt.take(1.0)
    assert belt.pairer.wake_s == pytest.approx(1.57)
    assert told(belt.trigger(1.51)) == [("part", 0), ("top", 0)]


def test_a_control_that_is_early_waits_for_the_photo_eye():
    belt = Belt(window=replace(WINDOW, lag_s=-0.5))
    belt.trigger(1.0)
    assert belt.pairer.wake_s == pytest.approx(1.57)
    assert told(belt.take(1.49)) == [("top", 0)]


def test_a_trigger_without_its_picture_is_missed_and_the_next_part_keeps_its_own():
    belt = Belt()
    belt.trigger(1.0)
    assert belt.overdue(1.069) == []
    assert told(belt.overdue(1.0701)) == [("top", 0, Reason.TRIGGER_MISSED)]
    assert told([*belt.trigger(2.0), *belt.take(2.01)]) == [("part", 1), ("top", 1)]


def test_a_trigger_whose_camera_is_away_says_so():
    belt = Belt({"top": 1, "side": 1}, away=lambda camera: "the cable is out" if camera == "side" else "")
    belt.trigger(1.0)
    belt.take(1.0)
    (lost,) = belt.overdue(2.0)
    assert (lost.camera, lost.reason) == ("side", Reason.NO_FRAME)
    assert "the cable is out" in lost.detail


def test_a_picture_without_a_trigger_is_a_part_that_nobody_may_pass_and_is_counted():
    belt = Belt({"top": 1, "side": 1})
    belt.take(1.0)
    belt.take(1.005, "side")
    assert belt.overdue(1.069) == []
    (only,) = belt.overdue(1.08)
    assert (only.refusal.reason, only.at_s) == (Reason.TRIGGER_MISSED, 1.0)
    assert "camera top took a picture for which the plant's control sent no trigger" in only.refusal.detail
    assert belt.pairer.unnamed == 2
    assert told(belt.trigger(2.0)) == [("part", 1)]


def test_a_picture_that_comes_after_its_part_was_given_up_changes_nothing():
    belt = Belt()
    belt.trigger(1.0)
    belt.overdue(2.0)
    assert belt.take(1.01) == []
    assert belt.pairer.late == 1
    assert belt.overdue(9.0) == []


def test_a_trigger_that_is_nearer_to_the_last_than_two_windows_is_refused_with_its_pictures():
    belt = Belt()
    belt.take(1.0)
    belt.take(1.035)
    events = [*belt.trigger(1.0), *belt.trigger(1.035), *belt.trigger(1.07)]
    assert told(events) == [
        ("part", 0),
        ("top", 0),
        ("refused", 1, Reason.TRIGGER_MISSED),
        ("refused", 2, Reason.TRIGGER_MISSED),
    ]
    assert belt.pairer.ambiguous == 2
    assert belt.overdue(9.0) == []
    assert belt.pairer.unnamed == 0


def test_two_pictures_for_one_trigger_prove_nothing():
    belt = Belt()
    belt.take(0.99)
    belt.take(1.01)
    assert told(belt.trigger(1.0)) == [("refused", 0, Reason.TRIGGER_MISSED)]
    assert told(belt.overdue(9.0)) == [("refused", 1, Reason.TRIGGER_MISSED)]


def test_a_trigger_that_was_refused_before_keeps_its_reason_and_takes_its_picture_with_it():
    belt = Belt()
    belt.trigger(1.0, refusal=Refusal(Reason.STOPPING, "the line stops"))
    assert belt.take(1.0) == []
    assert told(belt.events) == [("refused", 0, Reason.STOPPING)]
    assert belt.overdue(9.0) == []


def test_a_picture_that_cannot_be_judged_costs_its_part_also_if_it_had_to_wait():
    belt = Belt()
    belt.take(1.0, ailment="dark: the lamp is out")
    assert told(belt.trigger(1.0)) == [("part", 0), ("top", 0, Reason.IMAGE_UNHEALTHY)]


def test_several_shots_and_cameras_are_views_of_one_part():
    belt = Belt({"top": 2, "side": 1})
    belt.take(0.99)
    belt.take(1.0, "side")
    belt.trigger(1.0)
    belt.take(1.01)
    assert told(belt.events) == [("part", 0), ("top/1", 0), ("side", 0), ("top/2", 0)]


def numbers_told(steps):
    """What a belt says of pictures `(at_s, number)` and triggers `at_s`, in the order in which they come."""
    belt = Belt()
    for step in steps:
        belt.overdue(step if isinstance(step, float) else step[0])
        if isinstance(step, float):
            belt.trigger(step)
        else:
            belt.take(step[0], number=step[1])
    belt.overdue(1e9)
    return [word for word in told(belt.events) if word[0] == "top"]


def test_a_number_that_says_otherwise_than_the_triggers_costs_one_part_and_no_more():
    """The wire did not fire the camera for the second part: by number alone its picture could be the third's."""
    said = numbers_told([1.0, (1.0, 5), 2.0, 3.0, (3.0, 6), 4.0, (4.0, 7)])
    missed = Reason.TRIGGER_MISSED
    assert said == [("top", 0), ("top", 1, missed), ("top", 2, missed), ("top", 3)]


def test_a_picture_that_was_lost_on_its_way_costs_its_own_part_alone():
    said = numbers_told([1.0, (1.0, 5), 2.0, 3.0, (3.0, 7), 4.0, (4.0, 8)])
    assert said == [("top", 0), ("top", 1, Reason.TRIGGER_MISSED), ("top", 2), ("top", 3)]


@pytest.mark.parametrize("gap_s", [0.06, 1.0])
def test_a_trigger_that_the_control_lost_costs_its_own_part_alone(gap_s):
    """Whether its picture was given up already when the next part comes, or still waits."""
    times = [1.0 + n * gap_s for n in range(4)]
    steps = [times[0], (times[0], 5), (times[1], 6), times[2], (times[2], 7), times[3], (times[3], 8)]
    assert [len(word) for word in numbers_told(steps)] == [2, 2, 2]


def test_the_line_that_stops_answers_what_waits_and_what_comes():
    numbers = count()
    pairer = Pairer({"top": 1}, WINDOW, numbers=numbers)
    paired = Paired(Asked(numbers=numbers), pairer)
    assert list(paired.take(picture(1.0), 1.0)) == []
    paired.stop(1.01)
    assert paired.is_over(1.01)
    assert told(paired.due(1.01)) == [("refused", 0, Reason.STOPPING)]
    assert told(paired.take(PlantAsked(0, PlantTrigger(7, 1.02)), 1.02)) == [("refused", 1, Reason.STOPPING)]


def test_a_control_whose_triggers_come_twice_or_leave_numbers_out_is_counted():
    numbers = count()
    paired = Paired(Asked(numbers=numbers), Pairer({"top": 1}, WINDOW, numbers=numbers))
    for at_s, number in ((1.0, 1), (2.0, 1), (3.0, 4), (3.01, 5)):
        list(paired.take(PlantAsked(0, PlantTrigger(number, at_s)), at_s))
    assert (paired.too_many, paired.lost, paired.unnamed) == (2, 2, 0)
    assert paired.wake_s == pytest.approx(1.07)


def test_no_more_pictures_wait_than_there_is_room_for():
    belt = Belt(window=PairWindow(1e3))
    for n in range(100):
        belt.take(float(n))
    assert len([word for word in told(belt.events) if word[0] == "refused"]) == 36
    assert belt.pairer.unnamed == 36


@pytest.mark.parametrize(
    "wrong", [{"window_s": 0}, {"window_s": float("nan")}, {"lag_s": float("inf")}, {"grace_s": -1}]
)
def test_impossible_windows_are_refused(wrong):
    with pytest.raises(SettingsError, match="pairing: expected"):
        PairWindow(**({"window_s": 0.02} | wrong))


def test_a_pairing_without_cameras_is_refused():
    with pytest.raises(SettingsError, match="pairing: expected cameras"):
        Pairer({}, WINDOW)


PERIOD_S = 0.1
JITTER_S = 0.01  # of each: together they are within the window
CAMERAS = ("top", "side")


@st.composite
def lines(draw):
    """What reaches a line: triggers and pictures of true parts, each perhaps lost, in any order that delays can make.

    Returns cameras with their shots, the lag, whether cameras number their pictures, and steps: (when, at, camera or `None`, part, number).
    """
    shots = {camera: draw(st.integers(1, 2)) for camera in CAMERAS[: draw(st.integers(1, 2))]}
    lag_s = draw(st.sampled_from([0.0, 0.03, -0.03]))
    jitter = st.floats(-JITTER_S, JITTER_S)
    delays = {camera: draw(st.floats(0, 0.04)) for camera in shots}
    taken = dict.fromkeys(shots, 0)
    steps = []
    for part in range(draw(st.integers(1, 8))):
        place_s = part * PERIOD_S
        if draw(st.integers(0, 4)):
            at_s = place_s + lag_s + draw(jitter)
            steps += [(at_s + draw(st.floats(0, 0.02)), at_s, None, part, None)]
        for camera, number in shots.items():
            for at_s in sorted(place_s + draw(jitter) for _ in range(number)):
                fate = draw(st.integers(0, 7))  # 0: the wire does not fire; 1: the picture is lost on its way
                taken[camera] += fate > 0
                if fate > 1:
                    steps.append((at_s + delays[camera], at_s, camera, part, taken[camera]))
    return shots, lag_s, draw(st.booleans()), sorted(steps, key=lambda step: step[0])


def driven(line):
    """A belt after all that came, and the pictures' numbers where the cameras give them."""
    shots, lag_s, has_numbers, steps = line
    belt = Belt(shots, PairWindow(2 * JITTER_S + 1e-9, lag_s, grace_s=0.05, join_s=2 * JITTER_S + 1e-9))
    for now_s, at_s, camera, part, number in steps:
        belt.overdue(now_s)
        if camera is None:
            belt.trigger(at_s, part)
        else:
            belt.take(at_s, camera, of=part, number=number if has_numbers else None)
    belt.overdue(1e9)
    return belt


@given(lines())
def test_no_part_is_judged_by_another_ones_picture_and_each_has_one_answer(line):
    shots, _, _, steps = line
    belt = driven(line)
    begun = {event.part: event for event in belt.events if isinstance(event, Triggered)}
    for event in belt.events:
        if isinstance(event, FrameArrived):
            assert event.frame.sequence == begun[event.part].origin.trigger
            assert event.frame.part == event.part
    named = [event.origin.trigger for event in begun.values() if event.origin.trigger is not None]
    assert Counter(named) == Counter(part for _, _, camera, part, _ in steps if camera is None)
    views = [view for camera, number in shots.items() for view in view_names(camera, number)]
    settled = Counter((e.part, e.camera) for e in belt.events if isinstance(e, FrameArrived | FrameLost))
    judged = [event.part for event in begun.values() if event.refusal is None]
    assert settled == Counter({(part, view): 1 for part in judged for view in views})
    assert [e.part for e in belt.events if isinstance(e, Triggered)] == sorted(begun)


@given(lines())
def test_no_picture_is_lost_from_sight(line):
    """Each one is judged, costs its part, or is counted; one that no trigger names is never judged."""
    _, _, _, steps = line
    belt = driven(line)
    triggered = {part for _, _, camera, part, _ in steps if camera is None}
    unnamed = [step for step in steps if step[2] is not None and step[3] not in triggered]
    assert belt.pairer.unnamed == len(unnamed)
    of_its_own = [e for e in belt.events if isinstance(e, Triggered) and e.origin.trigger is None]
    assert len(of_its_own) >= len({step[3] for step in unnamed})
    assert {e.refusal.reason for e in of_its_own} <= {Reason.TRIGGER_MISSED}


@given(lines())
def test_a_part_of_which_all_came_is_judged_by_all_its_pictures(line):
    shots, lag_s, _, steps = line
    belt = driven((shots, lag_s, False, steps))
    came = defaultdict(Counter)
    for _, _, camera, part, _ in steps:
        came[part][camera] += 1
    whole = {part for part, cameras in came.items() if cameras == Counter({None: 1, **shots})}
    of = {event.part: event.origin.trigger for event in belt.events if isinstance(event, Triggered)}
    arrived = Counter(of[event.part] for event in belt.events if isinstance(event, FrameArrived))
    assert {part for part, number in arrived.items() if number == sum(shots.values())} >= whole
