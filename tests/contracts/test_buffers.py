"""One suite for everything that lends memory for pictures."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from lineside.core.buffers import FreshBuffers
from lineside.core.errors import SettingsError
from lineside.dispatch.buffers import SlotBuffers
from lineside.dispatch.slots import Slots
from lineside.testing.buffers import CountedBuffers

SHAPE = (6, 5, 3)
KINDS = {"fresh": FreshBuffers, "counted": CountedBuffers, "no slots": lambda: SlotBuffers(None)}


@pytest.fixture(params=[*KINDS, "shared", "own"])
def buffers(request):
    if request.param in KINDS:
        yield KINDS[request.param]()
        return
    with Slots(3, 90, shared=request.param == "shared") as slots:
        yield SlotBuffers(slots)


@pytest.fixture(params=["shared", "own"])
def slots(request):
    with Slots(3, 90, shared=request.param == "shared") as slots:
        yield slots


@pytest.mark.parametrize("shape", [SHAPE, (6, 5), (40, 50, 3)])
def test_an_array_of_the_shape_comes_that_can_be_written_to(buffers, shape):
    lent = buffers.lend(shape)
    lent[:] = 7
    assert (lent.shape, lent.dtype, lent.flags.c_contiguous) == (shape, np.uint8, True)
    assert int(lent.sum()) == 7 * lent.size


def test_two_that_are_out_do_not_overlap(buffers):
    arrays = [buffers.lend(SHAPE) for _ in range(8)]
    for number, array in enumerate(arrays):
        array[:] = number
    assert [int(array[-1, -1, -1]) for array in arrays] == list(range(8))


def test_a_part_keeps_the_whole(buffers):
    part = buffers.lend(SHAPE)[2:4, 1:]
    part[:] = 9
    others = [buffers.lend(SHAPE) for _ in range(8)]
    for other in others:
        other[:] = 1
    assert int(part.min()) == 9


def test_what_is_not_used_can_be_given_back(buffers):
    for _ in range(10):
        buffers.give_back(buffers.lend(SHAPE))


@pytest.mark.parametrize("shape", [(), (0, 5, 3), (4, -1), (4.0, 5)])
def test_what_is_no_shape_is_refused(buffers, shape):
    with pytest.raises(SettingsError, match="expected the shape of a picture"):
        buffers.lend(shape)


def test_a_place_comes_back_with_the_last_array_that_lies_in_it(slots):
    buffers = SlotBuffers(slots)
    for number in range(1000):
        part = buffers.lend(SHAPE)[number % 6 :]
        assert slots.free == 2
        del part
    ring = [buffers.lend(SHAPE)]
    ring.append(ring)  # only the garbage collector finds it
    del ring
    gc.collect()
    assert slots.free == 3
    assert buffers.elsewhere == 0


def test_where_none_is_free_or_the_picture_is_larger_ordinary_memory_is_lent_and_counted(slots):
    buffers = SlotBuffers(slots)
    first, *others = (buffers.lend(SHAPE) for _ in range(3))
    assert all(slots.find(other) is not None for other in others)
    assert slots.find(first) is not None
    assert slots.find(buffers.lend(SHAPE)) is None
    assert slots.find(buffers.lend((7, 5, 3))) is None
    assert buffers.elsewhere == 2
    buffers.give_back(first)
    assert slots.find(buffers.lend(SHAPE)) is not None


def test_the_stand_in_tells_what_is_out():
    buffers = CountedBuffers()
    first, second = buffers.lend(SHAPE), buffers.lend(SHAPE)
    assert buffers.out == 2
    assert buffers.is_lent(first[1:])
    buffers.give_back(first)
    with pytest.raises(SettingsError, match="back already"):
        buffers.give_back(first)
    del second
    assert (buffers.out, buffers.lent, buffers.unused) == (0, 2, 1)
