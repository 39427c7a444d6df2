from __future__ import annotations

import numpy as np

from lineside.outputs.outlines import draw_outlines


def test_an_outline_is_drawn_where_it_is_and_the_picture_stays_as_it_was():
    image = np.full((300, 400, 3), 90, np.uint8)
    drawn = draw_outlines(image, [("rule[0]", np.array([[50, 60], [350, 60], [350, 250.4], [50, 250]]))])
    assert (image == 90).all()
    assert (drawn[60, 60:340] == 255).all()
    assert (drawn[100:240, 350] == 255).all()
    assert (drawn[200:240, 100:300] == 90).all()
    assert (drawn[62:100, 55:200] != 90).any(), "its name stands inside"


def test_what_lies_outside_the_picture_is_left_out():
    image = np.zeros((40, 40, 3), np.uint8)
    drawn = draw_outlines(image, [("far", np.array([[-1e6, -1e6], [1e6, -1e6], [1e6, 1e6]]))])
    assert drawn.shape == image.shape
    assert (draw_outlines(image, []) == image).all()
