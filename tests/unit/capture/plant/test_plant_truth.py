"""The truth is what can be seen: no more, no less, and of the inspected part alone."""

from dataclasses import replace

import numpy as np
import pytest

from lineside.capture.plant.defects import DEFECTS
from lineside.capture.plant.part import Resting
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.reveal import CONTRAST, SEEN, SEEN_SHARE
from lineside.capture.plant.settings import LIGHTINGS, PlantSettings
from lineside.capture.plant.sight import seen
from lineside.capture.plant.sprite import whole
from lineside.core.geometry import Size
from lineside.core.verdict import Verdict

MIDDLING = Size(height=320, width=320)
PARTS = range(0, 96, 4)


def plant(**settings):
    return Plant(
        PlantSettings(**({"size": MIDDLING, "variants": 4, "seed": 11, "defect_rate": 1} | settings))
    )


def taken(camera, part, number):
    """A part's picture without the sensor's noise, as numbers that can be subtracted, and what it shows."""
    view = camera._view(camera.camera_names[number])
    drawn = view.draw(part)
    found = seen(drawn)
    return drawn.optics.lens(drawn.image.copy(), whole(drawn.image)).astype(int), found


@pytest.mark.parametrize("lighting", LIGHTINGS)
@pytest.mark.parametrize("camera", [0, 1])
def test_what_a_defect_changes_is_in_its_box_and_what_is_in_its_mask_is_changed(lighting, camera):
    line = plant(product="mixed", lighting=lighting)
    for number in PARTS:
        part = line.part(number)
        bad, found = taken(line, part, camera)
        good, _ = taken(line, replace(part, defects=()), camera)
        change = np.abs(bad - good).max(axis=2)
        boxed = np.zeros(change.shape, bool)
        for one in found:
            left, top, right, bottom = one.xyxy
            boxed[top:bottom, left:right] = True
            inside = change[top:bottom, left:right][one.mask]
            assert inside.mean() >= 0.9 * CONTRAST
            assert np.quantile(inside, 0.1) >= SEEN - 2
        if len(found) == len(part.defects):
            # The faint outskirts of a mark are no part of its box.
            assert change[~boxed].max() <= max(SEEN, SEEN_SHARE * change.max()) + 2


@pytest.mark.parametrize("lighting", LIGHTINGS)
def test_boxes_are_tight_and_not_degenerate(lighting):
    line = plant(product="mixed", lighting=lighting)
    for number in PARTS:
        for camera in (0, 1):
            _, truth = line.render(number, camera)
            assert len(truth.xyxy) == len(truth.class_id) == len(truth.masks)
            for box, mask in zip(truth.xyxy, truth.masks, strict=True):
                width, height = (box[2:] - box[:2]).astype(int)
                assert mask.shape == (height, width)
                assert mask.any(axis=0)[[0, -1]].all()
                assert mask.any(axis=1)[[0, -1]].all()
                assert min(width, height) >= 2


def test_every_class_is_drawn_from_small_to_large():
    line = plant(product="mixed", size=Size(640, 640), variants=8)
    defects = [d for n in range(400) for d in line.part(n).defects]
    sizes = np.array([d.size_px for d in defects])

    assert {d.kind for d in defects} == set(DEFECTS)
    assert sizes.min() < 5
    assert sizes.max() > 80
    assert 0.01 < np.mean(sizes < 8) < 0.1  # rare, and there


def test_both_cameras_see_the_same_defects_and_agree_on_the_verdict():
    line = plant(product="mixed")
    for number in PARTS:
        (_, top), (_, side) = line.render(number, 0), line.render(number, 1)
        assert top.part == side.part == number
        assert top.verdict == side.verdict
        if not line.part(number).above:
            assert sorted(top.class_id) == sorted(side.class_id)


def test_the_verdict_counts_the_longest_box_that_any_camera_sees():
    line = plant(product="mixed", defect_px=(4.0, 14.0))
    verdicts = set()
    for number in range(60):
        truths = [line.render(number, camera)[1] for camera in (0, 1)]
        longest = max(
            (float((t.xyxy[:, 2:] - t.xyxy[:, :2]).max()) for t in truths if len(t.xyxy)), default=0
        )
        wanted = Verdict.FAIL if longest >= 8 else Verdict.UNKNOWN
        assert {t.verdict for t in truths} == {wanted}
        verdicts.add(wanted)
    assert verdicts == {Verdict.FAIL, Verdict.UNKNOWN}


def test_a_good_part_passes_and_shows_nothing():
    line = plant(defect_rate=0)
    for number in range(20):
        _, truth = line.render(number)
        assert truth.verdict is Verdict.PASS
        assert truth.xyxy.shape == (0, 4)
        assert truth.xyxy.dtype == np.float32
        assert truth.class_id.dtype == np.int32
        assert truth.masks == ()


def test_about_as_many_parts_are_bad_as_asked_for():
    line = plant(defect_rate=0.3)
    assert 0.22 < np.mean([bool(line.part(n).defects) for n in range(600)]) < 0.38


def test_a_defect_below_a_neighbour_is_not_in_the_truth():
    line = plant()
    part = replace(line.part(0), above=())
    on_top = Resting(at=part.resting.at, turn=0.0, surface=0)

    _, open_to_view = taken(line, part, 0)
    _, hidden = taken(line, replace(part, above=(on_top,)), 0)

    assert open_to_view
    assert hidden == ()


def test_a_box_ends_where_a_neighbour_begins():
    line = plant(product="cap", defect_px=(60.0, 60.0), size=Size(480, 480))
    clipped = 0
    for number in range(30):
        part = replace(line.part(number), above=(), below=())
        _, whole_view = taken(line, part, 0)
        for one in whole_view:
            middle = (one.xyxy[0] + 0.75 * (one.xyxy[2] - one.xyxy[0])) / 480 - 0.5
            neighbour = Resting(at=(middle + 0.26, part.resting.at[1]), turn=0.0, surface=0)
            _, rest = taken(line, replace(part, above=(neighbour,)), 0)
            for left in (s for s in rest if s.class_id == one.class_id and s.xyxy[:2] == one.xyxy[:2]):
                assert left.xyxy[2] <= one.xyxy[2]
                assert left.mask.sum() >= one.mask.sum() / 2
                clipped += left.xyxy[2] < one.xyxy[2]
    assert clipped > 0


def test_a_missing_hole_is_where_the_hole_was():
    line = plant(product="disc")
    part = next(p for n in range(400) if (p := line.part(n)).defects and p.defects[0].hole >= 0)
    part = replace(part, defects=part.defects[:1], above=())

    bad, (found,) = taken(line, part, 0)
    good, _ = taken(line, replace(part, defects=()), 0)

    left, top, right, bottom = found.xyxy
    middle = (slice((top + bottom) // 2 - 1, (top + bottom) // 2 + 2), slice((left + right) // 2 - 1, None))
    assert DEFECTS[found.class_id] == "missing_hole"
    assert good[middle][:, :3].mean() < bad[top:bottom, left:right].mean()
    assert abs((right - left) - (bottom - top)) <= 3
