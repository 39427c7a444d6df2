"""Detections are drawn where they are, readable, inside the picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.core.detections import Detections
from lineside.core.errors import ImageFormatError
from lineside.core.geometry import Size
from lineside.outputs.overlay import PALETTE, _labels, draw
from lineside.outputs.pen import Pen

GREY = 90


def grey(height, width):
    return np.full((height, width, 3), GREY, np.uint8)


def test_the_picture_itself_stays_as_it_was(found):
    image = grey(120, 160)

    drawn = draw(image, found((20, 40, 100, 90, 0.9, 0)))

    assert (image == GREY).all()
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert not np.shares_memory(image, drawn)


def test_no_detection_draws_nothing(found):
    np.testing.assert_array_equal(draw(grey(120, 160), found()), grey(120, 160))


@pytest.mark.parametrize("class_id", range(7))
def test_the_box_is_drawn_on_its_edges_in_the_colour_of_its_class(found, class_id):
    drawn = draw(grey(480, 640), found((100, 200, 300, 400, 0.9, class_id), size=(480, 640)))

    for y, x in ((200, 250), (400, 250), (300, 100), (300, 300)):
        assert tuple(drawn[y, x].tolist()) == PALETTE[class_id]
    assert (drawn[210:390, 110:290] == GREY).all()
    assert (drawn[:, 320:] == GREY).all()


def test_the_label_stands_above_its_box_and_holds_text(found):
    drawn = draw(grey(480, 640), found((100, 200, 300, 400, 0.9, 3), size=(480, 640)))

    above = drawn[180:197, 98:130]
    share = (above == PALETTE[3]).all(axis=2).mean()
    assert 0.4 < share < 0.97
    assert (above.max(axis=2) < 120).any()


def test_a_label_at_the_top_edge_stands_inside_the_box(found):
    drawn = draw(grey(480, 640), found((100, 0, 300, 100, 0.9, 3), size=(480, 640)))

    assert (drawn[4:16, 104:140] == PALETTE[3]).all(axis=2).mean() > 0.4


def test_names_in_other_scripts_can_be_told_apart(found):
    names = ("划痕", "凹坑")
    first, second = (
        draw(grey(200, 300), found((50, 80, 200, 150, 0.9, k), size=(200, 300), names=names)) for k in (0, 1)
    )
    # Only the text differs, since both get the first colour here.
    second[(second == PALETTE[1]).all(axis=2)] = PALETTE[0]

    assert (first != second).any()


def test_the_better_detection_is_drawn_on_top(found):
    drawn = draw(
        grey(200, 300), found((50, 80, 200, 150, 0.9, 0), (50, 80, 200, 150, 0.5, 1), size=(200, 300))
    )

    assert tuple(drawn[150, 100].tolist()) == PALETTE[0]


boxes = st.tuples(st.floats(-5, 205), st.floats(-5, 155), st.floats(-5, 205), st.floats(-5, 155))


@settings(max_examples=40)
@given(
    st.lists(boxes, max_size=12),
    st.sampled_from([(150, 200), (12, 200), (150, 9), (1, 1), (33, 61)]),
    st.text(max_size=60),
)
def test_labels_stay_inside_the_picture_whatever_its_size(rows, size, name):
    array = np.array(rows, np.float32).reshape(-1, 4)
    count = len(array)
    found = Detections(
        array, np.linspace(1, 0, count, dtype=np.float32), np.zeros(count, np.int32), (name,), Size(*size)
    )

    assert draw(grey(*size), found).shape == (*size, 3)

    pen = Pen.of(Size(*size))
    fits = size[0] >= pen.text_px + 2 * pen.margin_px and size[1] >= 60
    for label in _labels(found, pen, Size(*size)) if fits else []:
        assert 0 <= label.place.left <= label.place.right < size[1]
        assert 0 <= label.place.top <= label.place.bottom < size[0]


def test_labels_of_neighbours_stand_clear_of_each_other(found):
    rows = [(100, 200 + 3 * i, 300, 400, 0.9 - 0.1 * i, i) for i in range(3)]
    size = Size(480, 640)

    places = [label.place for label in _labels(found(*rows, size=size), Pen.of(size), size)]

    assert not any(a.meets(b) for i, a in enumerate(places) for b in places[:i])


@pytest.mark.parametrize("shape", [(120, 160), (120, 160, 4), (120, 161, 3)])
def test_detections_of_another_picture_are_refused(found, shape):
    with pytest.raises(ImageFormatError, match="expected"):
        draw(np.zeros(shape, np.uint8), found((1, 1, 5, 5, 0.9, 0)))
