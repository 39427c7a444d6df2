"""How a view is drawn: a verdict that is read by its colour, sign and word, and no old picture as if it were of now."""

from __future__ import annotations

import numpy as np
import pytest

from lineside.core.frame import Frame
from lineside.core.geometry import Size
from lineside.core.inspection import View
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.view.drawing import COLOURS, age, drawn
from lineside.outputs.view.mosaic import cells, mosaic
from lineside.outputs.view.scene import Scene
from viewers import BLUE, SIZE, detections, lost, part, view, watched

LARGE = Size(height=1080, width=1920)
NOW_S = 100.0


def moment(inspection=None, *, now_s=NOW_S, away="", name="top"):
    scene = Scene(watched("top", "side", away={name: away}), clock=lambda: now_s, old_s=5.0)
    if inspection is not None:
        scene.take(inspection)
    return scene.moment(name)


def picture(now, outlines=(), within=LARGE):
    return drawn(now, outlines, within=within, clock="12:31:05")


def has_colour(image, colour):
    return bool((np.abs(image.astype(int) - colour).max(axis=2) < 12).any())


def is_grey(image):
    """Whether the lower half of what was seen has no colour."""
    low = image[image.shape[0] // 2 : image.shape[0] * 4 // 5, 20:-20].astype(int)
    return bool((low.max(axis=2) - low.min(axis=2)).max() < 5)


@pytest.mark.parametrize("verdict", Verdict)
def test_the_frame_has_the_colour_of_the_verdict(verdict):
    reason = Reason.MARGINAL if verdict is Verdict.UNKNOWN else None
    image = picture(moment(part(3, verdict=verdict, reason=reason, at_s=NOW_S - 0.5)))
    assert tuple(image[0, 0]) == COLOURS[verdict]
    assert has_colour(image, BLUE), "the picture keeps its colours"


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour)]
    return 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]


@pytest.mark.parametrize("verdict", Verdict)
def test_black_text_on_each_banner_has_the_contrast_that_wcag_asks_for(verdict):
    assert (luminance(COLOURS[verdict]) + 0.05) / 0.05 > 4.5


@pytest.mark.parametrize(
    "size", [SIZE, Size(480, 640), Size(1080, 1920), Size(2000, 300), Size(24, 32), Size(3000, 4000)]
)
@pytest.mark.parametrize("within", [LARGE, Size(360, 640), Size(1280, 1280)])
def test_it_is_never_larger_than_it_may_be(size, within):
    image = picture(moment(part(1, view(size=size), at_s=NOW_S)), within=within)
    assert image.shape[0] <= within.height
    assert image.shape[1] <= within.width


def test_a_picture_that_has_grown_old_is_grey_and_has_no_verdict_of_now():
    fresh = picture(moment(part(1, verdict=Verdict.PASS, at_s=NOW_S - 4.9)))
    old = picture(moment(part(1, verdict=Verdict.PASS, at_s=NOW_S - 5.1)))
    assert not is_grey(fresh)
    assert is_grey(old)
    assert not has_colour(old, COLOURS[Verdict.PASS])


def test_the_picture_of_a_lost_camera_is_old_at_once():
    lately = part(1, verdict=Verdict.PASS, at_s=NOW_S - 0.1)
    gone = moment(lately, away="no picture came for 1.0 s")
    assert gone.is_old
    assert is_grey(picture(gone))
    assert not has_colour(picture(gone), COLOURS[Verdict.PASS])


def test_where_a_part_has_no_picture_the_one_before_is_not_shown():
    scene = Scene(watched(), clock=lambda: NOW_S, old_s=5.0)
    scene.take(part(1, verdict=Verdict.PASS, at_s=NOW_S - 2))
    scene.take(part(2, lost(), verdict=Verdict.UNKNOWN, reason=Reason.NO_FRAME, at_s=NOW_S - 1))
    now = scene.moment("top")
    assert now.picture_age_s == 2.0
    image = picture(now)
    assert not has_colour(image, BLUE)
    assert tuple(image[0, 0]) == COLOURS[Verdict.UNKNOWN]


def test_before_the_first_part_it_says_that_it_waits():
    image = picture(moment())
    assert image.ndim == 3
    assert not any(has_colour(image[:5], colour) for colour in COLOURS.values())


def test_boxes_and_regions_are_drawn():
    inspection = part(1, at_s=NOW_S)
    plain = picture(
        moment(
            part(
                1,
                View("top", frame=inspection.views[0].frame, reason=Reason.LATE, detail="late"),
                verdict=Verdict.UNKNOWN,
                reason=Reason.LATE,
                at_s=NOW_S,
            )
        )
    )
    boxed = picture(moment(inspection))
    region = [("rule[0]", np.array([(10, 10), (300, 10), (300, 200), (10, 200)], float))]
    assert has_colour(boxed, (0, 159, 230)), "the box of the first class is orange"
    assert not has_colour(plain[60:], (0, 159, 230))
    assert (picture(moment(inspection), region) != boxed).sum() > 500


def test_mono_and_large_pictures_are_drawn_with_their_boxes():
    grey = picture(moment(part(1, view(grey=True), at_s=NOW_S)))
    assert has_colour(grey, (0, 159, 230))
    size = Size(height=3000, width=4000)
    frame = Frame(np.zeros((*size, 3), np.uint8), "top", 0)
    large = View("top", frame=frame, detections=detections(size))
    assert has_colour(picture(moment(part(1, large, at_s=NOW_S))), (0, 159, 230))


def test_each_view_has_its_own_moment_and_only_those_of_the_line_are_kept():
    scene = Scene(watched("top", "side"), clock=lambda: NOW_S, old_s=5.0)
    scene.take(part(1, view("top"), view("back"), at_s=NOW_S))
    assert scene.moment("top").sight.part == 1
    assert scene.moment("side").sight is None
    assert scene.moment("top").to_dict()["counts"] == {"scratch": 1}
    assert set(scene._sights) == {"top"}


@pytest.mark.parametrize("count", range(1, 18))
def test_a_mosaic_holds_every_picture(count):
    pictures = [np.full((90 + number, 120, 3), 40 + 12 * number, np.uint8) for number in range(count)]
    size = Size(height=540, width=960)
    image = mosaic(pictures, size)
    assert image.shape == (*size, 3)
    for number in range(count):
        assert (image == 40 + 12 * number).all(axis=2).sum() > 500
    columns, cell = cells(count, size)
    assert columns * cell.width <= size.width


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min"), (7300, "2 h")]
)
def test_an_age_is_said_as_people_say_it(seconds, text):
    assert age(seconds) == text
