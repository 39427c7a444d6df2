from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lineside.line.latest import Latest


@given(st.lists(st.floats(allow_nan=False), max_size=40), st.integers(1, 12))
def test_the_latest_are_kept_and_no_others(numbers, most):
    latest = Latest(most)
    for number in numbers:
        latest.append(number)
    assert sorted(latest.values()) == sorted(numbers[-most:])
    assert len(latest) == min(len(numbers), most)


def test_what_was_given_out_does_not_change_and_changes_nothing():
    latest = Latest(3)
    latest.append(1.0)
    given_out = latest.values()
    latest.append(2.0)
    given_out[:] = 9.0
    assert np.array_equal(np.sort(latest.values()), [1.0, 2.0])
