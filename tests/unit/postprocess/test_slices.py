"""Where slices lie, and what their borders cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.postprocess.slices import SliceGrid, needless_pieces

SIDE = st.integers(1, 300)


@st.composite
def grids(draw):
    size = Size(draw(st.integers(8, 120)), draw(st.integers(8, 120)))
    frame = Size(*(side + draw(st.integers(0, 600)) for side in size))
    return SliceGrid.over(frame, size, draw(st.floats(0, 0.8)))


@given(grids())
def test_the_slices_cover_the_picture_and_stay_inside(grid):
    seen = np.zeros(grid.frame, bool)
    for x, y in grid.corners:
        assert 0 <= x <= grid.frame.width - grid.size.width
        assert 0 <= y <= grid.frame.height - grid.size.height
        seen[y : y + grid.size.height, x : x + grid.size.width] = True
    assert seen.all()
    assert len(set(grid.corners)) == len(grid.corners)


@given(grids(), st.data())
def test_what_is_not_larger_than_the_overlap_is_whole_in_a_slice(grid, data):
    width = data.draw(st.integers(1, max(grid.overlap_px.width, 1)))
    height = data.draw(st.integers(1, max(grid.overlap_px.height, 1)))
    left = data.draw(st.integers(0, grid.frame.width - width))
    top = data.draw(st.integers(0, grid.frame.height - height))
    box = np.array([[left, top, left + width, top + height]], np.float32)
    whole = any(
        x <= left
        and left + width <= x + grid.size.width
        and y <= top
        and top + height <= y + grid.size.height
        for x, y in grid.corners
    )
    assert whole or grid.is_larger_than_overlap(box)[0]


@given(SIDE, SIDE, st.floats(0, 0.9))
def test_neighbours_share_at_least_the_asked_part(side, more, overlap):
    grid = SliceGrid.over(Size(side + more, side), Size(side, side), overlap)
    assert grid.overlap_px.height >= min(side * overlap, side - 1) - 1e-6
    assert grid.overlap_px.width == side


def test_a_board_of_20_megapixels_in_slices_of_640():
    grid = SliceGrid.over(Size(3840, 5120), Size(640, 640), 0.2)
    assert len(grid.corners) == 8 * 10
    assert grid.overlap_px.width >= 128


def test_slices_of_the_pictures_size_are_one():
    grid = SliceGrid.over(Size(100, 200), Size(100, 200), 0.5)
    assert grid.corners == ((0, 0),)
    assert grid.overlap_px == Size(100, 200)
    assert not grid.cut(np.array([[0, 0, 200, 100]], np.float32), np.array([0])).any()


@pytest.mark.parametrize(("size", "fitting"), [(Size(101, 50), "50x100"), (Size(50, 201), "200x50")])
def test_a_slice_larger_than_the_picture_is_refused_with_one_that_fits(size, fitting):
    with pytest.raises(
        SettingsError, match=f"do not fit into a picture of 200x100; take slices of {fitting}"
    ):
        SliceGrid.over(Size(100, 200), size, 0.2)


def test_only_borders_inside_the_picture_cut():
    grid = SliceGrid.over(Size(100, 180), Size(100, 100), 0.2)
    assert grid.corners == ((0, 0), (80, 0))
    boxes = np.array(
        [[0, 0, 20, 100], [70, 40, 100, 60], [80, 40, 95, 60], [160, 90, 180, 100], [82, 20, 95, 30]],
        np.float32,
    )
    of_slice = np.array([0, 0, 1, 1, 0])
    assert grid.cut(boxes, of_slice).tolist() == [False, True, True, False, False]
    assert not grid.cut(boxes, np.full(5, -1)).any()


WHOLE, HALF, SLIVER = [80.0, 40, 110, 60], [80.0, 40, 100, 60], [80.0, 40, 86, 60]


def needless(boxes, slices, is_cut, class_id=None):
    labels = np.array(class_id or [0] * len(boxes), np.int32)
    return needless_pieces(np.array(boxes, np.float32), np.array(slices), np.array(is_cut), labels).tolist()


def test_a_piece_gives_way_to_the_whole_and_the_smaller_piece_to_the_larger():
    assert needless([WHOLE, HALF], [1, 0], [False, True]) == [False, True]
    assert needless([SLIVER, HALF], [1, 0], [True, True]) == [True, False]


def test_a_piece_stays_where_no_other_slice_shows_more_of_it():
    assert needless([HALF], [0], [True]) == [False]
    assert needless([HALF, [300, 40, 330, 60]], [0, 1], [True, False]) == [False, False]
    assert needless([HALF, WHOLE], [0, 0], [True, False]) == [False, False]
    assert needless([HALF, HALF], [0, 1], [True, True]) == [False, False]


def test_a_defect_at_a_border_does_not_give_way_to_the_part_around_it():
    pair = [WHOLE, HALF], [1, 0], [False, True]
    assert needless(*pair, class_id=[0, 1]) == [False, False]
    assert needless(*pair, class_id=[1, 1]) == [False, True]


def test_whole_boxes_never_give_way_here():
    assert needless([WHOLE, WHOLE], [0, 1], [False, False]) == [False, False]


def test_of_no_boxes_none_is_cut_or_needless():
    grid = SliceGrid.over(Size(100, 180), Size(100, 100), 0.2)
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.intp)
    assert grid.cut(*none).shape == (0,)
    assert needless_pieces(*none, np.zeros(0, bool), np.zeros(0, np.int32)).shape == (0,)
