"""The durable outbox with real threads, files and processes: nothing that was stored is lost, and `offer` never waits."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from line_standins import Log
from lineside.core.errors import OutputError, PluginError, RefusedParcelError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.keeping import Keep
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings
from parcels import Away, Collector, inspection
from peers import until

TESTS = Path(__file__).parents[1]
FAST = {"min_free_bytes": 5_000_000, "batch_s": 0.002, "first_pause_s": 0.01, "longest_pause_s": 0.02}


def opened(folder, sinks, *, run="r1", note=None, **settings):
    return DurableOutbox(
        folder,
        sinks,
        line="caps",
        run=run,
        settings=OutboxSettings(**(FAST | settings)),
        note=note or (lambda code, sentence: None),
        dice=random.Random(1),
    )


def spooled(folder):
    return [path for path in (folder / "spool").glob("*/*") if path.is_file()]


def test_every_sink_gets_every_result_in_order_with_its_pictures(tmp_path):
    first, second = Collector(), Collector()
    with opened(tmp_path, {"first": first, "second": second}) as outbox:
        assert all(outbox.offer(inspection(part), {"serial": f"S{part}"}) for part in range(30))
        assert until(lambda: len(first.keys) == len(second.keys) == 30)
        assert until(lambda: outbox.statistics().rows == 0)
        assert until(lambda: not spooled(tmp_path)), "pictures go when every sink has them"
    assert first.keys == second.keys == [f"caps/r1/{part}" for part in range(30)]
    assert first.pictures[7] == ["top", "top-annotated"]
    record = first.records[7]
    assert (record["serial"], record["part"], record["verdict"], record["line"]) == ("S7", 7, "FAIL", "caps")
    assert record["at"].endswith("+00:00")
    assert first.closed == second.closed == 1


def test_what_others_say_of_a_part_never_takes_the_place_of_what_was_judged(tmp_path):
    sink = Collector()
    with opened(tmp_path, {"sink": sink}) as outbox:
        outbox.offer(inspection(3), {"verdict": "PASS", "key": "x", "path": Path("a"), "odd": float("nan")})
        assert until(lambda: sink.keys)
    record = sink.records[0]
    assert (record["verdict"], record["key"], record["path"], record["odd"]) == (
        "FAIL",
        "caps/r1/3",
        "a",
        None,
    )


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Keep(), [0, 1]),
        (Keep(failures=False, unknown=False), []),
        (Keep(unknown=False, every=4), [0, 4, 8]),
        (Keep(share=1.0), list(range(10))),
    ],
)
def test_the_pictures_of_the_parts_that_the_policy_names_are_kept(tmp_path, keep, kept):
    sink = Collector()
    verdicts = {0: Verdict.FAIL, 1: Verdict.UNKNOWN}
    with opened(tmp_path, {"sink": sink}, keep=keep) as outbox:
        for part in range(10):
            outbox.offer(inspection(part, verdicts.get(part, Verdict.PASS)))
        assert until(lambda: len(sink.keys) == 10)
    assert [part for part in range(10) if sink.pictures[part]] == kept


def test_a_sink_that_is_away_holds_up_no_other_and_gets_all_when_it_is_back(tmp_path):
    good, shaky, notes = Collector(), Collector([OutputError("away")] * 6), Log()
    with opened(tmp_path, {"good": good, "shaky": shaky}, note=notes.note) as outbox:
        for part in range(20):
            outbox.offer(inspection(part))
        assert until(lambda: len(good.keys) == 20 == len(shaky.keys))
        assert until(lambda: outbox.statistics().sinks["shaky"].sent == 20)
        found = outbox.statistics().sinks["shaky"]
    assert shaky.keys == good.keys
    assert (found.sent, found.retried, found.waiting) == (20, 6, 0)
    assert [code for code, _ in notes] == ["output.failed", "output.back"], (
        "one note a spell, not one an attempt"
    )


def test_a_refused_result_is_put_aside_and_the_next_is_sent(tmp_path):
    sink, notes = Collector([None, RefusedParcelError("malformed")]), Log()
    with opened(tmp_path, {"sink": sink}, note=notes.note) as outbox:
        for part in range(4):
            outbox.offer(inspection(part))
        assert until(lambda: len(sink.keys) == 3)
        assert outbox.statistics().sinks["sink"].aside == 1
    assert sink.keys == ["caps/r1/0", "caps/r1/2", "caps/r1/3"]
    assert any(code == "output.refused" and "caps/r1/1" in sentence for code, sentence in notes)


def test_a_fault_that_nobody_foresaw_in_a_sink_loses_nothing(tmp_path):
    sink = Collector([KeyError("oops"), ZeroDivisionError()])
    with opened(tmp_path, {"sink": sink}) as outbox:
        outbox.offer(inspection(0))
        assert until(lambda: sink.keys == ["caps/r1/0"])


def test_a_sink_that_hangs_changes_nothing_for_those_who_offer(tmp_path):
    hung = Collector()
    hung.gate.clear()
    outbox = opened(tmp_path, {"hung": hung}, capacity=500)
    started = time.perf_counter()
    assert all(outbox.offer(inspection(part, Verdict.PASS)) for part in range(100))
    assert time.perf_counter() - started < 5
    assert until(lambda: outbox.statistics().stored == 100)
    assert not outbox.close(0.1), "its thread has not ended, and that is told"
    hung.gate.set()


def test_what_finds_no_room_is_counted_and_told_once(tmp_path):
    notes = Log()
    outbox = opened(tmp_path, {"sink": Collector()}, note=notes.note, capacity=2)
    with outbox._store._lock:  # the writer is held up, as by a disk that hangs
        taken = sum(outbox.offer(inspection(part)) for part in range(300))
    assert outbox.close(10)
    assert 2 <= taken < 300
    assert outbox._dropped == 300 - taken
    assert [code for code, _ in notes].count("output.dropped") == 1


def test_results_wait_for_the_next_run_and_for_sinks_that_are_still_there(tmp_path):
    outbox = opened(tmp_path, {"away": Away(), "gone": Away()}, run="r1")
    for part in range(5):
        outbox.offer(inspection(part))
    assert outbox.close(10), "what waits is safe, so nothing is left to do"
    back = Collector()
    with opened(tmp_path, {"away": back}, run="r2") as outbox:
        outbox.offer(inspection(0))
        assert until(lambda: len(back.keys) == 6)
        found = outbox.statistics().sinks
    assert back.keys == [*(f"caps/r1/{part}" for part in range(5)), "caps/r2/0"]
    assert found["gone"].waiting == 5, (
        "the results of a sink that has no settings any more are shown, not lost"
    )


def test_the_quota_gives_up_the_oldest_and_tells(tmp_path):
    notes = Log()
    with opened(tmp_path, {"away": Away()}, note=notes.note, max_rows=3) as outbox:
        for part in range(10):
            outbox.offer(inspection(part, Verdict.PASS))
        assert until(lambda: outbox.statistics().sinks["away"].evicted == 7)
        assert outbox.statistics().sinks["away"].waiting == 3
    assert "output.evicted" in [code for code, _ in notes]


def test_a_database_that_somebody_locks_delays_results_and_loses_none(tmp_path):
    sink, notes = Collector(), Log()
    with opened(tmp_path, {"sink": sink}, note=notes.note) as outbox:
        outbox.offer(inspection(0))
        assert until(lambda: len(sink.keys) == 1)
        other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for part in range(1, 10):
            assert outbox.offer(inspection(part))
        assert until(lambda: "output.unwritten" in [code for code, _ in notes])
        other.rollback()
        other.close()
        assert until(lambda: len(sink.keys) == 10)
    assert sink.keys == [f"caps/r1/{part}" for part in range(10)]


def test_results_go_without_pictures_where_the_disk_takes_none(tmp_path):
    sink, notes = Collector(), Log()
    (tmp_path / "spool").mkdir()
    with opened(tmp_path, {"sink": sink}, note=notes.note) as outbox:
        for name in range(256):  # a file where the folder of each hash should be
            (tmp_path / "spool" / f"{name:02x}").touch()
        outbox.offer(inspection(0))
        assert until(lambda: sink.keys)
        assert outbox.statistics().pictures_lost == 1
    assert sink.pictures == [[]]
    assert [code for code, _ in notes] == ["output.picture_lost"]


def test_that_results_wait_is_told_also_where_pictures_were_lost_before(tmp_path):
    sink, notes = Collector(), Log()
    (tmp_path / "spool").mkdir()
    with opened(tmp_path, {"sink": sink}, note=notes.note) as outbox:
        for name in range(256):
            (tmp_path / "spool" / f"{name:02x}").touch()
        other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        outbox.offer(inspection(0))
        assert until(lambda: "output.unwritten" in [code for code, _ in notes])
        other.rollback()
        other.close()
        assert until(lambda: sink.keys)
        outbox.offer(inspection(1))
        assert until(lambda: len(sink.keys) == 2)
    assert [code for code, _ in notes] == ["output.picture_lost", "output.unwritten"]


def fill(path):
    """No byte is left on the disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 1024)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB, where the tests may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], check=False, capture_output=True
    ).returncode:
        pytest.skip("a small file system cannot be mounted here: it takes root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_disk_that_is_full_loses_no_result_that_was_taken(small_disk):
    sink, notes = Collector(), Log()
    sink.gate.clear()
    outbox = opened(
        small_disk,
        {"sink": sink},
        note=notes.note,
        keep=Keep(format="png"),
        capacity=2000,
        min_free_bytes=12_000_000,
    )
    try:
        filler = small_disk / "filler"
        fill(filler)
        taken = sum(outbox.offer(inspection(part)) for part in range(300))
        assert until(lambda: {"output.picture_lost", "output.unwritten"} & {code for code, _ in notes})
        filler.unlink()
        sink.gate.set()
        assert until(lambda: len(sink.keys) >= taken, timeout_s=60)
    finally:
        sink.gate.set()
        outbox.close(20)
    assert sink.keys == [f"caps/r1/{part}" for part in range(300)]


def test_a_folder_has_one_owner(tmp_path):
    with (
        opened(tmp_path, {"sink": Collector()}),
        pytest.raises(OutputError, match="another process writes here"),
    ):
        opened(tmp_path, {"sink": Collector()})
    assert opened(tmp_path, {"sink": Collector()}).close(5)


@pytest.mark.parametrize(
    ("sinks", "fault", "words"),
    [
        ({"a": {"kind": "folder", "pth": "x"}}, SettingsError, "output a: folder: pth"),
        ({"a": {"path": "x"}}, SettingsError, "expected a kind"),
        ({"a": {"kind": "foldr"}}, PluginError, 'did you mean "folder"'),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_made(tmp_path, sinks, fault, words):
    with pytest.raises(fault, match=words):
        opened(tmp_path / "outbox", sinks)
    assert not (tmp_path / "outbox").exists()


@pytest.mark.parametrize("name", ["", "a/b", "a\nb"])
def test_a_name_that_would_make_two_keys_one_is_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="without slashes"):
        opened(tmp_path, {}, run=name)


def test_a_closed_outbox_takes_nothing_and_may_be_closed_again(tmp_path):
    outbox = opened(tmp_path, {"sink": Collector()})
    assert outbox.close(5)
    assert not outbox.offer(inspection(0))
    assert outbox.close(5)


def test_kill_9_at_any_moment_loses_nothing_that_was_stored(tmp_path):
    dice = random.Random(7)
    paths = os.pathsep.join([str(TESTS), *sys.path])
    environment = os.environ | {"PYTHONPATH": paths}

    def start(run):
        command = [sys.executable, str(TESTS / "outbox_child.py"), str(tmp_path), run]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    stored = {}
    for number in range(8):
        with start(f"r{number}") as child:
            lines = [child.stdout.readline()]  # it works
            time.sleep(dice.uniform(0.0, 0.5))
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.read().splitlines()
        stored[f"r{number}"] = max((int(line) for line in lines if line.strip().isdigit()), default=0)
    with start("last") as child:
        assert child.wait(60) == 0
    rows = [line.split() for line in (tmp_path / "keys").read_text().splitlines()]
    assert {word for _, word in rows} == {"whole"}
    got = {key for key, _ in rows}
    missing = [
        f"l/{run}/{part}"
        for run, count in stored.items()
        for part in range(count)
        if f"l/{run}/{part}" not in got
    ]
    assert not missing
    assert sum(stored.values()) > 20, "the loop was too short to prove anything"
    assert not spooled(tmp_path / "outbox")


def test_ten_outputs_hold_no_more_files_open_the_longer_they_work(tmp_path):
    pytest.importorskip("sqlalchemy", reason="the extra database is not installed")
    if not Path("/proc/self/fd").exists():
        pytest.skip("there is no /proc here")
    sinks = {
        **{f"folder-{n}": {"kind": "folder", "path": str(tmp_path / f"folder-{n}")} for n in range(3)},
        **{f"csv-{n}": {"kind": "csv", "path": str(tmp_path / f"csv-{n}")} for n in range(3)},
        **{f"db-{n}": {"kind": "database", "url": f"sqlite:///{tmp_path}/db-{n}.db"} for n in range(2)},
        **{
            f"video-{n}": {"kind": "video", "path": str(tmp_path / f"video-{n}"), "frames": 5}
            for n in range(2)
        },
    }

    def count():
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 # a link may vanish while a Path looks at it

    def work(outbox, parts):
        for part in parts:
            until(lambda part=part: outbox.offer(inspection(part)))
        until(lambda: outbox.statistics().stored == parts[-1] + 1, timeout_s=60)
        until(lambda: outbox.statistics().rows == 0, timeout_s=120)

    before = count()  # what the tests before have left open is not of these
    with opened(tmp_path / "outbox", sinks) as outbox:
        work(outbox, range(40))
        first = count()  # each output has open what it needs
        assert first - before < 60
        for begin in (40, 80):
            work(outbox, range(begin, begin + 40))
            until(lambda: count() <= first, "no more files that are open")
