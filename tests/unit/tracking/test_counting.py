from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_belts import NAMES, SIZE, belt, box, detections, followed
from lineside.core.errors import SettingsError, UnknownNameError
from lineside.tracking.counting import LineCounter, ZoneCounter
from lineside.tracking.places import holds
from lineside.tracking.tracks import Tracks

UPRIGHT = (320, 480, 320, 0)  # from the bottom to the top: in is to the right


def at(places, frame, *, track_id=None, firsts=None, class_id=0, ended=(), first_at=None):
    """Tracks of objects whose centres are at `places`; the ids count from 1."""
    found = detections([box(x, y) for x, y in places], class_id=class_id, order=range(len(places)))
    firsts = places if firsts is None else firsts
    return Tracks(
        found,
        np.array(range(1, len(places) + 1) if track_id is None else track_id, np.int64),
        float(frame),
        np.array([box(x, y) for x, y in firsts], np.float32).reshape(-1, 4),
        np.full(len(places), frame if first_at is None else first_at, np.float64),
        ended,
    )


def walk(counter, path, **fields):
    """What a counter tells of one object that goes along a path."""
    first = fields.pop("first", path[0])
    return [
        event
        for frame, place in enumerate(path)
        for event in counter.update(at([place], frame, firsts=[first], **fields))
    ]


def test_an_object_that_crosses_to_the_right_hand_goes_in_and_back_goes_out():
    counter = LineCounter(UPRIGHT)
    events = walk(counter, [(200, 100), (300, 100), (330, 100), (400, 100), (300, 110)])
    assert [(e.direction, e.name, e.track_id, e.at) for e in events] == [
        ("in", "cap", 1, 2),
        ("out", "cap", 1, 4),
    ]
    assert (counter.inward, counter.outward) == ({"cap": 1}, {"cap": 1})


def test_the_line_the_other_way_round_swaps_in_and_out():
    counter = LineCounter((320, 0, 320, 480))
    assert [e.direction for e in walk(counter, [(200, 100), (400, 100)])] == ["out"]


def test_an_object_counts_once_in_each_direction_however_often_it_crosses():
    counter = LineCounter(UPRIGHT)
    walk(counter, [(200, 100), (400, 100)] * 5)
    assert (counter.inward.total(), counter.outward.total()) == (1, 1)


def test_who_stands_on_the_line_and_trembles_is_not_counted():
    counter = LineCounter(UPRIGHT, margin_px=3)
    assert not walk(counter, [(200, 100), (319, 100), (322, 100), (318, 100), (321, 100), (200, 100)])
    assert [e.at for e in walk(LineCounter(UPRIGHT), [(200, 100), (320, 100), (320, 100), (330, 100)])] == [3]


def test_who_goes_around_the_end_of_the_line_does_not_cross_it():
    short = LineCounter((320, 200, 320, 100))
    assert not walk(short, [(200, 300), (400, 300), (400, 150)])
    assert [e.direction for e in walk(short, [(400, 150), (250, 150)], track_id=[2])] == ["out"]


def test_an_object_is_counted_that_crossed_before_it_was_confirmed():
    counter = LineCounter(UPRIGHT)
    late = at([(350, 100)], 7, firsts=[(300, 100)])
    assert [e.direction for e in counter.update(late)] == ["in"]
    assert counter.update(at([(360, 100)], 8, firsts=[(300, 100)])) == []


def test_the_point_of_the_box_decides():
    path = [(200, 100), (310, 100)]
    assert not walk(LineCounter(UPRIGHT), path)
    assert [e.direction for e in walk(LineCounter(UPRIGHT, point="right"), path)] == ["in"]
    level = (0, 240, 640, 240)
    assert [e.direction for e in walk(LineCounter(level, point="bottom"), [(100, 200), (100, 230)])] == ["in"]


def test_classes_are_counted_apart():
    counter = LineCounter(UPRIGHT)
    counter.update(at([(300, 100), (300, 200), (300, 300)], 0, class_id=[0, 1, 1]))
    counter.update(at([(340, 100), (340, 200), (340, 300)], 1, class_id=[0, 1, 1]))
    assert counter.inward == {"cap": 1, "disc": 2}


def test_unconfirmed_objects_are_not_counted():
    line, zone = LineCounter(UPRIGHT), ZoneCounter([(0, 0), (640, 0), (640, 480), (0, 480)])
    for frame, x in enumerate((300, 340)):
        tracks = at([(x, 100)], frame, track_id=[-1])
        assert line.update(tracks) == zone.update(tracks) == []
    assert not line.inward
    assert not zone.entered


@pytest.mark.parametrize("lost", [0, 0.15])
def test_each_part_of_a_belt_is_counted_once(rng, lost):
    drawn = belt(rng, speed_px=14, lost=lost, count=100)
    line, zone = LineCounter(UPRIGHT), ZoneCounter([(280, 0), (400, 0), (400, 480), (280, 480)])
    for tracks in followed(drawn)[2]:
        line.update(tracks)
        zone.update(tracks)
    crossed = {
        k
        for frame, parts in zip(drawn.frames, drawn.parts, strict=True)
        for b, k in zip(frame, parts, strict=True)
        if b[0] + b[2] > 645
    }
    assert line.inward == {"cap": len(crossed)}
    assert not line.outward
    assert abs(zone.entered["cap"] - len(crossed)) <= 1
    assert 0 <= zone.entered.total() - zone.left.total() - len(zone.present) <= 1


places = st.tuples(st.floats(0, 640), st.floats(0, 480))


@given(st.lists(places, min_size=1, max_size=12), places, places)
def test_a_line_without_end_counts_who_changes_its_side(path, one, other):
    start, end = np.array(one), np.array(other)
    if np.hypot(*(end - start)) < 1:
        return
    along = (end - start) / np.hypot(*(end - start))
    far = [*(start - 5000 * along), *(end + 5000 * along)]
    counter = LineCounter(far, margin_px=0.5)
    events = walk(counter, path)
    right = [float((np.array(p) - start) @ (-along[1], along[0])) for p in path]
    sides = [r > 0 for r in right if abs(r) > 0.51]
    if any(0.49 < abs(r) < 0.51 for r in right):
        return
    goes_in = any(not a and b for a, b in pairwise(sides))
    goes_out = any(a and not b for a, b in pairwise(sides))
    assert (counter.inward.total(), counter.outward.total()) == (goes_in, goes_out)
    assert len(events) == goes_in + goes_out


def test_a_visit_lasts_from_the_first_frame_inside_to_the_last():
    zone = ZoneCounter([(200, 0), (400, 0), (400, 480), (200, 480)], patience_frames=2)
    path = [(x, 100) for x in range(100, 620, 20)]
    visits = walk(zone, path)
    inside = [frame for frame, (x, _) in enumerate(path) if 200 <= x < 400]
    assert [(v.track_id, v.name, v.entered_at, v.left_at) for v in visits] == [
        (1, "cap", inside[0], inside[-1])
    ]
    assert visits[0].frames == len(inside) - 1 == zone.dwell_frames == zone.longest_frames
    assert (zone.entered, zone.left, zone.present) == ({"cap": 1}, {"cap": 1}, {})


def test_an_object_that_is_not_seen_stays_until_its_id_ends():
    zone = ZoneCounter([(200, 0), (400, 0), (400, 480), (200, 480)])
    zone.update(at([(300, 100)], 0))
    for frame in range(1, 20):
        assert zone.update(at([], frame)) == []
        assert zone.present == {1: "cap"}
    (visit,) = zone.update(at([], 20, ended=(1,)))
    assert (visit.entered_at, visit.left_at) == (0, 0)
    assert zone.present == {}


def test_a_short_way_out_and_back_is_one_visit():
    zone = ZoneCounter([(200, 0), (400, 0), (400, 480), (200, 480)], patience_frames=5)
    assert not walk(zone, [(300, 100), (405, 100), (398, 100), (410, 100), (300, 100)])
    assert zone.entered == {"cap": 1}


def test_a_zone_remembers_who_was_in_it_before_they_were_confirmed():
    zone = ZoneCounter([(200, 0), (400, 0), (400, 480), (200, 480)], patience_frames=0)
    (visit,) = zone.update(at([(420, 100)], 5, firsts=[(390, 100)], first_at=3))
    assert (visit.entered_at, visit.left_at) == (3, 3)
    zone.update(at([(390, 100)], 6, firsts=[(390, 100)], first_at=3))
    assert zone.entered == {"cap": 2}
    (again,) = zone.update(at([(420, 100)], 7, firsts=[(390, 100)], first_at=3))
    assert again.entered_at == 6


@given(st.lists(st.lists(places, max_size=4), max_size=15), st.integers(0, 3))
def test_who_entered_and_has_not_left_is_present_or_just_went_out(frames, patience):
    zone = ZoneCounter([(100, 100), (500, 120), (320, 400)], patience_frames=patience)
    visits, last = 0, {}
    for frame, seen in enumerate(frames):
        visits += len(zone.update(at(seen, frame)))
        inside = holds(np.array(zone.polygon), np.array(seen).reshape(-1, 2))
        last.update(enumerate(inside.tolist(), 1))
        assert set(zone.present) == {i for i, was_inside in last.items() if was_inside}
        assert visits == zone.left.total()
        assert zone.entered.total() - visits >= len(zone.present)
    zone.update(at([], len(frames), ended=(1, 2, 3, 4)))
    assert zone.present == {}
    assert zone.entered == zone.left


@given(st.lists(places, min_size=1, max_size=30), places)
def test_zones_that_share_sides_hold_each_place_once(seen, middle):
    corners = [(0.0, 0.0), (640.0, 0.0), (640.0, 480.0), (0.0, 480.0)]
    fans = [np.array([middle, corners[k], corners[(k + 1) % 4]]) for k in range(4)]
    inside = np.array([p for p in [*seen, middle] if 0 < p[0] < 640 and 0 < p[1] < 480]).reshape(-1, 2)
    if 0 < middle[0] < 640 and 0 < middle[1] < 480:
        assert (sum(holds(fan, inside).astype(int) for fan in fans) == 1).all()


@given(st.lists(places, min_size=3, max_size=8), st.lists(places, min_size=1, max_size=20))
def test_a_polygon_holds_the_same_from_any_corner_and_either_way_round(corners, seen):
    polygon, inside = np.array(corners), np.array(seen)
    expected = holds(polygon, inside)
    np.testing.assert_array_equal(holds(np.roll(polygon, 2, axis=0), inside), expected)
    np.testing.assert_array_equal(holds(polygon[::-1], inside), expected)


def test_a_zone_with_a_bay_does_not_hold_the_bay():
    bay = [(0, 0), (300, 0), (300, 300), (200, 300), (200, 100), (100, 100), (100, 300), (0, 300)]
    assert holds(
        np.array(bay, float), np.array([(150.0, 200.0), (50.0, 200.0), (250, 200), (150, 50)])
    ).tolist() == [
        False,
        True,
        True,
        True,
    ]


BAD_COUNTERS = {
    "a line without length": (lambda: LineCounter((1, 1, 1, 1)), "two different"),
    "a line of three numbers": (lambda: LineCounter((1, 1, 1)), "4 numbers"),
    "a line that is none": (lambda: LineCounter(None), "4 numbers"),
    "a line to nowhere": (lambda: LineCounter((0, 0, float("inf"), 0)), "4 numbers"),
    "a negative margin": (lambda: LineCounter(UPRIGHT, margin_px=-1), "margin_px"),
    "a zone of two corners": (lambda: ZoneCounter([(0, 0), (1, 1)]), "three corners"),
    "a zone without area": (lambda: ZoneCounter([(0, 0), (1, 1), (2, 2)]), "area"),
    "a zone that is a text": (lambda: ZoneCounter("0,0 1,1 2,0"), "three corners"),
    "a corner of one number": (lambda: ZoneCounter([(0,), (1, 1), (2, 0)]), "2 numbers"),
    "a patience below 0": (lambda: ZoneCounter([(0, 0), (9, 0), (0, 9)], patience_frames=-1), "patience"),
}


@pytest.mark.parametrize("case", BAD_COUNTERS)
def test_a_counter_that_cannot_count_is_refused(case):
    make, hint = BAD_COUNTERS[case]
    with pytest.raises(SettingsError, match=hint):
        make()


def test_an_unknown_point_of_a_box_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match='did you mean "bottom"'):
        LineCounter(UPRIGHT, point="botom")


@pytest.mark.parametrize(
    "counter",
    [LineCounter((700, 0, 700, 480)), ZoneCounter([(0, 500), (9, 500), (5, 900)])],
    ids=["line", "zone"],
)
def test_what_lies_outside_the_picture_is_refused(counter):
    with pytest.raises(SettingsError, match=str(SIZE)):
        counter.update(at([], 0))


def test_names_are_those_of_the_model():
    zone = ZoneCounter([(0, 0), (640, 0), (640, 480)])
    zone.update(at([(500, 100)], 0, class_id=2))
    assert zone.present == {1: NAMES[2]}
