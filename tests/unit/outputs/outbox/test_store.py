"""The rows of an outbox: in order, once a key, within the quota, whatever the clocks do."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import OutputError
from lineside.outputs.outbox.look import Look
from lineside.outputs.outbox.store import Picture, Row, Store

YEAR_S = 365 * 86_400.0


class Clocks:
    """A monotonic and a wall clock that are moved by hand."""

    def __init__(self):
        self.monotonic_s, self.wall_s = 50.0, 1_000_000.0

    def go(self, seconds):
        self.monotonic_s += seconds
        self.wall_s += seconds

    def store(self, folder, **more):
        return Store(folder, monotonic=lambda: self.monotonic_s, wall=lambda: self.wall_s, **more)


def row(number, size=10, *files):
    return Row(f"l/r/{number}", "{}", tuple(Picture("top", name, "ab") for name in files), size)


NO_LIMITS = {"max_rows": 10**9, "max_bytes": 10**12, "max_age_s": 1e12}


def waiting(store, sink):
    """All that waits for a sink, which takes it."""
    keys = []
    while (one := store.oldest(sink)) is not None:
        keys.append(one.key)
        assert store.done(sink, one.number)
    return keys


def test_every_sink_gets_every_row_in_order(tmp_path):
    store = Store(tmp_path)
    store.add([row(n) for n in range(5)], ["a", "b"])
    assert waiting(store, "a") == waiting(store, "b") == [f"l/r/{n}" for n in range(5)]
    assert Look(tmp_path).holding().rows == 0


def test_a_key_that_is_there_is_not_stored_again(tmp_path):
    store = Store(tmp_path)
    store.add([row(1), row(2)], ["a"])
    store.add([row(2), row(3)], ["a"])
    assert waiting(store, "a") == ["l/r/1", "l/r/2", "l/r/3"]


def test_files_become_garbage_with_the_last_sink_and_not_while_another_row_needs_them(tmp_path):
    store = Store(tmp_path)
    store.add([row(1, 10, "aa/1", "aa/2"), row(2, 10, "aa/2")], ["a", "b"])
    store.done("a", 1)
    assert store.garbage() == []
    store.done("b", 1)
    assert store.garbage() == ["aa/1"]
    assert store.files() == {"aa/2"}
    store.forget(["aa/1"])
    assert store.garbage() == []


def test_what_is_refused_lies_aside_and_can_be_tried_again_or_dropped(tmp_path):
    store = Store(tmp_path)
    store.add([row(1), row(2)], ["a", "b"])
    store.put_aside("a", 1, "malformed")
    assert waiting(store, "a") == ["l/r/2"]
    assert [(one.sink, one.key, one.fault) for one in Look(tmp_path).refused()] == [
        ("a", "l/r/1", "malformed")
    ]
    assert store.settle_aside("b", again=True) == 0
    assert store.settle_aside("a", again=True) == 1
    assert waiting(store, "a") == ["l/r/1"]
    assert waiting(store, "b") == ["l/r/1", "l/r/2"]
    store.add([row(3)], ["a"])
    store.put_aside("a", store.oldest("a").number, "malformed")
    assert store.settle_aside(None, again=False) == 1
    assert Look(tmp_path).holding().rows == 0


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"max_rows": 2}, ["3", "4"]),
        ({"max_bytes": 25}, ["3", "4"]),
        ({"max_bytes": 5}, []),
        ({}, ["0", "1", "2", "3", "4"]),
    ],
)
def test_the_oldest_go_when_the_quota_is_full_and_are_counted(tmp_path, limits, left):
    store = Store(tmp_path)
    store.add([row(n, 10) for n in range(5)], ["a", "b"])
    store.done("b", 1)
    lost = store.evict(**(NO_LIMITS | limits))
    gone = 5 - len(left)
    assert lost.get("a", 0) == gone
    assert lost.get("b", 0) == max(0, gone - 1)
    assert Look(tmp_path).holding().sinks["a"].evicted == gone
    assert [key.rpartition("/")[2] for key in waiting(store, "a")] == left


def test_more_than_one_round_of_eviction_is_made(tmp_path):
    store = Store(tmp_path)
    store.add([row(n) for n in range(350)], ["a"])
    assert store.evict(**(NO_LIMITS | {"max_rows": 10})) == {"a": 340}
    assert len(waiting(store, "a")) == 10


def test_a_row_that_was_evicted_while_it_was_sent_is_not_counted_twice(tmp_path):
    store = Store(tmp_path)
    store.add([row(1)], ["a"])
    one = store.oldest("a")
    store.evict(**(NO_LIMITS | {"max_rows": 0}))
    assert not store.done("a", one.number)
    found = Look(tmp_path).holding().sinks["a"]
    assert (found.sent, found.evicted) == (0, 1)


def test_old_rows_go_by_age(tmp_path):
    clocks = Clocks()
    store = clocks.store(tmp_path)
    store.add([row(1)], ["a"])
    clocks.go(100)
    store.add([row(2)], ["a"])
    assert store.evict(**(NO_LIMITS | {"max_age_s": 60})) == {"a": 1}
    assert waiting(store, "a") == ["l/r/2"]


@pytest.mark.parametrize("step_s", [YEAR_S, -YEAR_S])
def test_a_clock_that_is_set_while_the_line_runs_ages_nothing(tmp_path, step_s):
    clocks = Clocks()
    store = clocks.store(tmp_path)
    store.add([row(1)], ["a"])
    clocks.wall_s += step_s
    assert store.evict(**(NO_LIMITS | {"max_age_s": 60})) == {}
    clocks.go(61)
    assert store.evict(**(NO_LIMITS | {"max_age_s": 60})) == {"a": 1}


def test_age_goes_on_over_a_restart_and_a_clock_that_went_back_takes_none_away(tmp_path):
    clocks = Clocks()
    store = clocks.store(tmp_path)
    store.add([row(1)], ["a"])
    store.close()
    clocks.wall_s += 40  # the machine was off: its monotonic clock begins anew
    clocks.monotonic_s = 1.0
    store = clocks.store(tmp_path)
    assert store.evict(**(NO_LIMITS | {"max_age_s": 39})) == {"a": 1}
    store.add([row(2)], ["a"])
    store.close()
    clocks.wall_s -= YEAR_S
    store = clocks.store(tmp_path)
    clocks.go(10)
    assert store.evict(**(NO_LIMITS | {"max_age_s": 11})) == {}
    assert store.evict(**(NO_LIMITS | {"max_age_s": 9})) == {"a": 1}


def test_a_locked_database_is_an_error_that_is_tried_again(tmp_path):
    store = Store(tmp_path, busy_s=0.05)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutputError, match="locked"):
        store.add([row(1)], ["a"])
    assert Look(tmp_path).holding().rows == 0  # those who look are not held up
    other.rollback()
    store.add([row(1)], ["a"])
    assert waiting(store, "a") == ["l/r/1"]
    other.close()


def test_a_full_disk_stores_nothing_or_all(tmp_path):
    store = Store(tmp_path)
    store.add([row(0)], ["a"])
    db = store._db  # SQLite's own limit of pages stands for the disk's
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(OutputError, match="full"):
        store.add([Row(f"l/r/{n}", "x" * 1000, (), 1000) for n in range(1, 100)], ["a"])
    db.execute("PRAGMA max_page_count = 100000")
    store.add([row(100)], ["a"])
    assert waiting(store, "a") == ["l/r/0", "l/r/100"]


def test_a_file_that_is_no_outbox_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "outbox.db").write_bytes(b"no database at all" * 500)
    with pytest.raises(OutputError, match="move the folder away"):
        Store(tmp_path)


def test_an_outbox_of_a_later_version_is_refused(tmp_path):
    store = Store(tmp_path)
    store._db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(OutputError, match="version 1; this one is of 99"):
        Store(tmp_path)


@given(st.lists(st.sampled_from(["add", "a", "b", "aside", "again", "drop", "evict"]), max_size=40))
def test_whatever_happens_no_result_is_lost_without_being_counted(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("store")
    store = Store(folder)
    added, dropped = 0, 0
    aside = again = 0
    for step in steps:
        if step == "add":
            store.add([row(added, 10, f"aa/{added}")], ["a", "b"])
            added += 1
        elif step in {"a", "b"} and (one := store.oldest(step)):
            store.done(step, one.number)
        elif step == "aside" and (one := store.oldest("a")):
            store.put_aside("a", one.number, "no")
            aside += 1
        elif step == "again":
            again += store.settle_aside("a", again=True)
        elif step == "drop":
            dropped += store.settle_aside(None, again=False)
        elif step == "evict":
            store.evict(**(NO_LIMITS | {"max_rows": 2}))
    holding = Look(folder).holding()
    for name, given_up in (("a", dropped), ("b", 0)):
        found = holding.sinks.get(name)
        total = 0 if found is None else found.waiting + found.aside + found.sent + found.evicted
        assert total + given_up == added
    assert holding.bytes == 10 * holding.rows
    assert len(store.files()) == holding.rows
    assert len(store.garbage()) == added - holding.rows
    store.close()
