from __future__ import annotations

import pytest

from lineside.core.errors import ModelFileError
from lineside.line.pool import REST_S, Pool


class Engine:
    def __init__(self, path):
        self.path, self.closed = path, 0

    def close(self):
        self.closed += 1


class Rig:
    def __init__(self, most):
        self.now_s, self.opened = 0.0, []
        self.pool = Pool(most, 1.0, lambda: self.now_s)

    def get(self, path):
        def opened():
            self.opened.append(Engine(path))
            return self.opened[-1]

        return self.pool.get(path, opened)

    def use(self, *paths):
        return self.pool.use(frozenset(paths))

    @property
    def open(self):
        return [engine.path for engine in self.pool.engines]


def test_a_model_is_opened_once():
    rig = Rig(2)
    assert rig.get("a") is rig.get("a")
    assert len(rig.opened) == 1


def test_what_was_chosen_longest_ago_is_closed_first_and_only_after_its_last_part_is_answered():
    rig = Rig(2)
    for path in "abc":
        rig.get(path)
    for path in "bac":
        rig.now_s += 0.25
        assert rig.use(path)
    assert rig.pool.shrink() == 0
    rig.now_s = 0.25 + 1.0 + REST_S
    assert rig.pool.shrink() == 1
    assert rig.open == ["a", "c"]
    assert [(engine.path, engine.closed) for engine in rig.opened] == [("a", 0), ("b", 1), ("c", 0)]
    assert not rig.use("b")
    assert rig.get("b") is rig.opened[-1]


def test_the_engines_of_the_product_that_is_current_stay_open_whatever_the_number():
    rig = Rig(1)
    for path in "abc":
        rig.get(path)
    assert rig.use("a", "b")
    rig.now_s = 100.0
    assert rig.pool.shrink() == 1
    assert rig.open == ["a", "b"]


def test_what_is_to_be_kept_is_not_closed():
    rig = Rig(1)
    for path in "ab":
        rig.get(path)
    assert rig.pool.shrink(keep=["a"], at_once=True) == 1
    assert rig.open == ["a"]


def test_one_that_cannot_be_opened_is_not_held():
    def refuse():
        raise ModelFileError("gone")

    pool = Pool(1, 1.0, lambda: 0.0)
    with pytest.raises(ModelFileError):
        pool.get("a", refuse)
    assert pool.paths == frozenset()
