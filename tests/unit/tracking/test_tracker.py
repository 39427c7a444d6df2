from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_belts import NAMES, SIZE, belt, box, detections, followed
from lineside import Detections, Size
from lineside.core.classification import Classification
from lineside.core.errors import SettingsError
from lineside.tracking.settings import TrackerSettings
from lineside.tracking.tracker import Tracker

AT_ONCE = TrackerSettings(confirm_frames=1)


def ids(tracks):
    return tracks.track_id.tolist()


@pytest.mark.parametrize("speed_px", [0.5, 6, 15, 25])
@pytest.mark.parametrize("lost", [0, 0.1])
def test_each_part_of_a_belt_has_one_id_and_each_id_one_part(rng, speed_px, lost):
    drawn = belt(rng, speed_px=speed_px, lost=lost, count=80)
    pairs, tracker, _ = followed(drawn)
    seen_often = [k for k in set().union(*drawn.parts) if sum(k in frame for frame in drawn.parts) >= 6]
    assert {k for k, _ in pairs} >= set(seen_often)
    assert len(pairs) == len({k for k, _ in pairs}) == len({i for _, i in pairs})
    assert tracker.fleeting <= 80 * lost


def test_a_belt_that_stops_and_starts_again_keeps_its_ids(rng):
    pairs, _, _ = followed(belt(rng, speed_px=15, count=100, stops=7))
    assert len(pairs) == len({k for k, _ in pairs}) == len({i for _, i in pairs})


def test_a_belt_faster_than_its_parts_are_long_needs_its_motion(rng):
    drawn = belt(rng, speed_px=60, side=40, pitch_px=90, count=60)
    parts = {k for k in set().union(*drawn.parts) if sum(k in frame for frame in drawn.parts) >= 3}
    pairs, _, _ = followed(drawn, TrackerSettings(motion_px=(60, 0)))
    assert {k for k, _ in pairs} == parts
    assert len(pairs) == len(parts)
    blind, tracker, _ = followed(belt(rng, speed_px=60, side=40, pitch_px=400, count=60))
    assert not blind
    assert tracker.fleeting > 10


def test_objects_that_cross_keep_their_ids():
    tracker = Tracker(AT_ONCE)
    for frame in range(40):
        boxes = [box(60 + 10 * frame, 200), box(500 - 10 * frame, 212)]
        assert ids(tracker.update(detections(boxes))) == [1, 2]


def test_an_object_that_another_hides_for_a_while_has_its_id_afterwards():
    tracker = Tracker(AT_ONCE)
    for frame in range(50):
        boxes = [box(60 + 8 * frame, 200), box(300, 205, 60)]
        is_hidden = abs(60 + 8 * frame - 300) < 40
        tracks = tracker.update(detections(boxes[is_hidden:]))
        assert ids(tracks) == ([2] if is_hidden else [1, 2])


@pytest.mark.parametrize("gap", [1, 12, 30])
@pytest.mark.parametrize("is_looked_at", [True, False])
def test_an_id_survives_a_gap_of_so_many_frames(gap, is_looked_at):
    tracker = Tracker(TrackerSettings(keep_frames=30))
    for frame in range(10):
        tracker.update(detections([box(50 + 5 * frame, 100)]), sequence=frame)
    if is_looked_at:
        missed = [tracker.update(detections([]), sequence=10 + frame) for frame in range(gap)]
        assert all(len(tracks) == 0 and tracks.ended == () for tracks in missed)
    after = 10 + gap
    assert ids(tracker.update(detections([box(50 + 5 * after, 100)]), sequence=after)) == [1]


@pytest.mark.parametrize("is_looked_at", [True, False])
def test_an_object_that_is_away_too_long_ends_and_its_id_is_never_given_again(is_looked_at):
    tracker = Tracker(TrackerSettings(keep_frames=5, confirm_frames=1))
    assert ids(tracker.update(detections([box(100, 100)]))) == [1]
    if is_looked_at:
        ended = [tracker.update(detections([])).ended for _ in range(6)]
        assert ended == [()] * 6
    else:
        tracker.skip(6)
    back = tracker.update(detections([box(100, 100)]))
    assert back.ended == (1,)
    assert ids(back) == [2]


def test_frames_that_were_skipped_are_frames_that_were_lost():
    numbered, told = Tracker(AT_ONCE), Tracker(AT_ONCE)
    for frame in (0, 1, 2, 9, 10):
        if frame == 9:
            told.skip(6)
        found = detections([box(50 + 20 * frame, 100)])
        assert ids(numbered.update(found, sequence=frame)) == ids(told.update(found)) == [1]
    assert numbered.update(detections([]), sequence=11).at == told.update(detections([])).at == 11


def test_times_in_seconds_are_frames_by_the_rate():
    tracker = Tracker(TrackerSettings(confirm_frames=1, fps=20))
    for time_s in (0.0, 0.05, 0.1, 0.45, 0.5):
        tracks = tracker.update(detections([box(50 + 400 * time_s, 100)]), time_s=time_s)
        assert ids(tracks) == [1]
        assert tracks.at == pytest.approx(20 * time_s)


def test_an_object_has_an_id_once_it_is_confirmed_and_knows_where_it_began():
    tracker = Tracker(TrackerSettings(confirm_frames=3))
    answers = [
        tracker.update(detections([box(50 + 5 * frame, 100)]), sequence=frame + 4) for frame in range(4)
    ]
    assert [ids(tracks) for tracks in answers] == [[-1], [-1], [1], [1]]
    np.testing.assert_array_equal(answers[3].first_xyxy, [box(50, 100)])
    assert answers[3].first_at.tolist() == [4]
    np.testing.assert_array_equal(answers[1].first_xyxy, [box(55, 100)])


def test_what_flickers_gets_no_id_and_is_counted_as_fleeting():
    tracker = Tracker(TrackerSettings(confirm_frames=2))
    for frame in range(10):
        assert set(ids(tracker.update(detections([box(100, 100)] if frame % 2 else [])))) <= {-1}
    assert tracker.fleeting == 4


def test_a_frame_that_nobody_looked_at_is_no_miss():
    tracker = Tracker(TrackerSettings(confirm_frames=3))
    for frame in (0, 2, 5):
        tracks = tracker.update(detections([box(100, 100)]), sequence=frame)
    assert ids(tracks) == [1]


def test_an_unsure_detection_continues_an_object_and_begins_none():
    tracker = Tracker(TrackerSettings(confidence=0.5, low_confidence=0.1, confirm_frames=1))
    assert ids(tracker.update(detections([box(100, 100), box(300, 100)], [0.9, 0.3]))) == [1, -1]
    assert ids(tracker.update(detections([box(102, 100), box(300, 100)], [0.3, 0.3]))) == [1, -1]
    assert ids(tracker.update(detections([box(104, 100)], [0.1]))) == [-1]


def test_a_second_box_of_one_object_begins_none():
    tracker = Tracker(AT_ONCE)
    for _ in range(5):
        assert ids(tracker.update(detections([box(100, 100), box(102, 101)], [0.9, 0.8]))) == [1, -1]
    assert ids(Tracker(AT_ONCE).update(detections([box(100, 100), box(102, 101)], [0.9, 0.8], [0, 1]))) == [
        1,
        -1,
    ]


def test_the_class_of_an_object_is_that_of_most_confidence():
    tracker = Tracker(AT_ONCE)
    for class_id in (0, 0, 1, 0, 2):
        tracks = tracker.update(detections([box(100, 100)], class_id=class_id))
        assert ids(tracks) == [1]
        assert tracks.detections.class_name == ["cap"]


def test_class_aware_an_object_of_another_class_is_another_object():
    tracker = Tracker(TrackerSettings(confirm_frames=1, class_aware=True))
    seen = [ids(tracker.update(detections([box(100, 100)], class_id=k)))[0] for k in (0, 1, 0, 1)]
    assert seen == [1, 2, 1, 2]
    both = tracker.update(detections([box(300, 100), box(301, 100)], class_id=[0, 1]))
    assert ids(both) == [3, 4]


def test_an_object_that_moved_out_of_the_picture_has_ended():
    tracker = Tracker(TrackerSettings(confirm_frames=1, keep_frames=1000))
    for frame in range(20):
        tracker.update(detections([box(420 + 10 * frame, 100)]), sequence=frame)
    ended = [tracker.update(detections([]), sequence=20 + frame).ended for frame in range(10)]
    assert ended.count((1,)) == 1
    assert ended.count(()) == 9


def test_an_empty_stream_and_a_box_without_area_are_no_fault():
    tracker = Tracker(AT_ONCE)
    assert ids(tracker.update(detections([]))) == []
    assert ids(tracker.update(detections([[10, 10, 10, 30]]))) == [1]
    assert ids(tracker.update(detections([[0, 0, 640, 480]]))) == [2]


@given(st.randoms(use_true_random=False), st.integers(0, 2**32 - 1))
def test_the_order_of_the_detections_changes_no_id(dice, seed):
    rng = np.random.default_rng(seed)
    one, other = Tracker(TrackerSettings(confirm_frames=2)), Tracker(TrackerSettings(confirm_frames=2))
    place = rng.uniform(60, 400, (8, 2))
    speed = rng.uniform(-15, 15, (8, 2))
    for _ in range(8):
        place += speed
        count = int(rng.integers(0, 9))
        boxes = np.array([box(x, y) for x, y in place[:count]]).reshape(-1, 4)
        boxes[:, 0::2] = boxes[:, 0::2].clip(0, SIZE.width)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0, SIZE.height)
        scores = rng.choice([0.15, 0.5, 0.9], count)
        labels = rng.integers(0, len(NAMES), count)
        mixed = list(range(count))
        dice.shuffle(mixed)
        straight = one.update(detections(boxes, scores, labels, order=range(count)))
        shuffled = other.update(detections(boxes, scores, labels, order=mixed))
        assert straight.track_id[mixed].tolist() == ids(shuffled)
        given = [i for i in ids(straight) if i != -1]
        assert len(given) == len(set(given))


def test_the_same_stream_gives_the_same_ids(rng):
    drawn = belt(rng, speed_px=20, lost=0.2, count=60)
    first, second = (followed(drawn)[2] for _ in range(2))
    assert [ids(t) for t in first] == [ids(t) for t in second]


def test_a_dictionary_has_the_ids_and_null_where_there_is_none():
    value = Tracker(AT_ONCE).update(detections([box(100, 100), box(300, 100)], [0.9, 0.2])).to_dict()
    assert [row["track_id"] for row in value["detections"]] == [1, None]
    assert value["detections"][0]["name"] == "cap"


BAD_SETTINGS = {
    "a confidence above 1": ({"confidence": 1.5}, "0 to 1"),
    "a low confidence above the confidence": ({"confidence": 0.3, "low_confidence": 0.4}, "at most"),
    "no overlap at all": ({"min_iou": 0}, "min_iou"),
    "no frame to confirm": ({"confirm_frames": 0}, "confirm_frames"),
    "half a frame to keep": ({"keep_frames": 1.5}, "keep_frames"),
    "a motion of one number": ({"motion_px": (1.0,)}, "motion_px"),
    "a motion that is none": ({"motion_px": (float("nan"), 0)}, "motion_px"),
    "no rate": ({"fps": 0}, "fps"),
    "a class_aware that is none": ({"class_aware": "yes"}, "class_aware"),
    "a truth value as a number": ({"confidence": True}, "confidence"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_a_setting_out_of_range_is_refused_with_its_name(case):
    fields, hint = BAD_SETTINGS[case]
    with pytest.raises(SettingsError, match=hint):
        TrackerSettings(**fields)


def test_what_is_no_frame_of_the_stream_is_refused_and_changes_nothing():
    tracker = Tracker(AT_ONCE)
    tracker.update(detections([box(100, 100)]), sequence=5)
    other_size = Detections(
        *[getattr(detections([]), n) for n in ("xyxy", "confidence", "class_id")], NAMES, Size(9, 9)
    )
    other_names = Detections(
        *[getattr(detections([]), n) for n in ("xyxy", "confidence", "class_id")], ("a",), SIZE
    )
    whole = Classification.of(np.zeros(1, np.int32), np.ones(1, np.float32), NAMES, SIZE, truncated=False)
    refusals = [
        (detections([]), {"sequence": 5}, "after 5"),
        (detections([]), {"sequence": 4}, "leave it out"),
        (detections([]), {"sequence": float("nan")}, "sequence"),
        (detections([]), {"sequence": 6, "time_s": 1.0}, "both"),
        (detections([]), {"time_s": 1.0}, "fps"),
        (other_size, {}, "640x480"),
        (other_names, {}, "1 classes"),
        (whole, {}, "boxes"),
    ]
    for found, when, hint in refusals:
        with pytest.raises(SettingsError, match=hint):
            tracker.update(found, **when)
    assert ids(tracker.update(detections([box(100, 100)]), sequence=6)) == [1]
    with pytest.raises(SettingsError, match="frames"):
        tracker.skip(0)
    with pytest.raises(SettingsError, match="TrackerSettings"):
        Tracker({"confidence": 0.5})
