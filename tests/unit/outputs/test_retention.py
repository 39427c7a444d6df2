"""Old files among many: which go first, and what it takes to find them."""

from __future__ import annotations

import os
import tracemalloc
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.outputs.retention import OldFile, below, oldest, total_bytes, walk
from lineside.outputs.sinks.folder import FolderSink, Settings
from lineside.outputs.trace.pictures import Pictures
from parcels import parcel


def entry(changed_ns, path="a", size=1):
    """A file as `os.scandir` tells of it."""
    return SimpleNamespace(path=path, stat=lambda: SimpleNamespace(st_mtime_ns=changed_ns, st_size=size))


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 20))
def test_the_oldest_come_first_and_never_more_than_asked_for(times, most):
    files = [entry(time, str(number)) for number, time in enumerate(times)]
    expected = sorted(OldFile(time, str(number), 1) for number, time in enumerate(times))
    assert oldest(files, most) == expected[:most]


def test_a_pass_through_many_files_holds_few_of_them():
    many = (entry(-number, f"/trace/2026-03-04/{number:064d}.png") for number in range(100_000))
    tracemalloc.start()
    try:
        assert len(oldest(many, 100)) == 100
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


def test_links_and_the_files_of_others_are_passed_over(tmp_path):
    (tmp_path / "day" / "run").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for name in ("day/run/1.json", "day/run/note.txt", "day/2.json", "elsewhere/3.json"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "day" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    found = list(walk(tmp_path / "day", 1, lambda name: name.endswith(".json")))
    assert [os.path.relpath(file.path, tmp_path) for file in found] == ["day/run/1.json"]
    assert total_bytes(found) == 5


def test_a_file_that_is_gone_by_now_takes_nothing(tmp_path):
    (tmp_path / "1.json").write_bytes(b"12345")
    found = list(walk(tmp_path, 0, bool))
    (tmp_path / "1.json").unlink()
    assert total_bytes(found) == 0
    assert oldest(found)[0].bytes == 0


@pytest.mark.parametrize("limit", [1, 63, 64, 10_000])
def test_a_folder_is_never_emptied_far_below_its_limit(limit):
    assert limit * 0.98 - 1 < below(limit) <= limit


class Hand:
    """A clock that goes on with each look at it."""

    def __init__(self, step_s=100.0):
        self.now_s, self._step_s = 0.0, step_s

    def __call__(self):
        self.now_s += self._step_s
        return self.now_s


def test_results_that_people_removed_make_room_for_others(tmp_path):
    out = tmp_path / "out"
    settings = Settings.model_construct(
        path=out, max_bytes=6000, max_days=None, records=True, pictures="none", annotated=False
    )
    sink = FolderSink(settings, clock=Hand())
    written = []
    for part in range(40):
        sink.emit(parcel(tmp_path, part))
        now = sorted(out.rglob("*.json"), key=lambda file: int(file.stem))
        if part % 4 == 3:  # somebody tidies by hand
            now[0].unlink()
            now = now[1:]
        written.append(sum(file.stat().st_size for file in now))
        assert now[-1].stem == str(part)
    one = max(file.stat().st_size for file in out.rglob("*.json"))
    assert max(written) <= 6000
    assert min(written[20:]) > 6000 - 6000 // 64 - 2 * one, "nothing goes before there is need"


def test_a_folder_that_fills_fast_does_not_wait_for_its_minute(tmp_path):
    out = tmp_path / "out"
    settings = Settings.model_construct(
        path=out, max_bytes=20_000, max_days=None, records=True, pictures="none", annotated=False
    )
    sink = FolderSink(settings, clock=Hand(0.5))
    largest = 0
    for part in range(200):
        sink.emit(parcel(tmp_path, part))
        largest = max(largest, sum(file.stat().st_size for file in out.rglob("*.json")))
    one = max(file.stat().st_size for file in out.rglob("*.json"))
    assert 20_000 < largest <= 20_000 + 12 * one, "what comes in 5 s is beyond the limit at most"


def test_pictures_that_people_removed_are_not_counted_for_ever(tmp_path):
    day = tmp_path / "2026-03-04"
    day.mkdir()
    for number in range(10):
        file = day / f"{number:064x}.png"
        file.write_bytes(b"x" * 1000)
        os.utime(file, ns=(number, number))
    pictures = Pictures(tmp_path, max_days=None, max_bytes=9000)
    for number in range(5):
        (day / f"{number:064x}.png").unlink()
    assert pictures.surplus() == {"days": [], "bytes": []}
    for number in range(5, 10):
        assert (day / f"{number:064x}.png").exists()


def test_the_oldest_pictures_go_until_there_is_room(tmp_path):
    for name in ("2026-03-04", "2026-03-05"):
        (tmp_path / name).mkdir()
        for number in range(5):
            file = tmp_path / name / f"{number:064x}.png"
            file.write_bytes(b"x" * 1000)
            os.utime(file, ns=(10 - number, 10 - number))
    pictures = Pictures(tmp_path, max_days=None, max_bytes=7000)
    names = pictures.surplus()["bytes"]
    assert names == [f"2026-03-04/{number:064x}.png" for number in (4, 3, 2, 1)]
    pictures.remove(names)
    assert not any(pictures.surplus().values())
    assert len(list(tmp_path.rglob("*.png"))) == 6
