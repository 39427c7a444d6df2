from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lineside.core.errors import SettingsError
from lineside.dispatch.recycling import own_bytes
from lineside.dispatch.shared import free_bytes
from lineside.dispatch.slots import Place, Slots, picture_at

SIZE = (4, 5, 3)
BYTES = 4 * 5 * 3


@pytest.fixture
def slots():
    with Slots(2, BYTES) as slots:
        yield slots


def test_a_place_is_in_use_until_it_is_given_back(slots):
    first, second = slots.acquire(SIZE), slots.acquire((4, 5))
    assert (first.shape, second.shape) == (SIZE, (4, 5))
    assert slots.acquire(SIZE) is None
    slots.release(first)
    assert slots.free == 1
    assert slots.acquire(SIZE) is not None


def test_a_place_is_free_again_when_nothing_lies_in_it_any_more(slots):
    part = slots.acquire(SIZE)[1:, 2:]
    assert slots.free == 1
    del part
    assert slots.free == 2


def test_a_copy_is_counted(slots):
    mine = np.arange(BYTES, dtype=np.uint8).reshape(SIZE)
    copy = slots.copy_of(mine)
    assert (copy == mine).all()
    assert (slots.copied, slots.free) == (1, 1)
    kept = slots.acquire(SIZE)
    assert slots.copy_of(mine) is None
    assert slots.copy_of(np.zeros((90, 90), np.uint8)) is None
    assert (slots.copied, len(kept)) == (1, 4)


def test_places_do_not_overlap(slots):
    first, second = slots.acquire(SIZE), slots.acquire(SIZE)
    first[:], second[:] = 1, 2
    assert (int(first.min()), int(first.max())) == (1, 1)


def test_what_is_written_to_a_place_is_found_there(slots):
    mine = slots.acquire(SIZE)
    mine[:] = np.arange(BYTES, dtype=np.uint8).reshape(SIZE)
    part = mine[1:3, 1:4]
    for array in (mine, part):
        place = slots.find(array)
        assert (picture_at(memoryview(slots.block.memory), place) == array).all()


def test_arrays_from_elsewhere_are_in_no_place(slots):
    assert slots.find(np.zeros(SIZE, np.uint8)) is None
    assert slots.find(slots.acquire(SIZE)[::-1]) is None
    assert slots.find(slots.acquire(SIZE)[:0]) is None


def test_a_place_is_given_back_by_a_part_of_it(slots):
    slots.release(slots.acquire(SIZE)[2:, 1:])
    assert slots.free == 2


def test_what_is_not_in_use_cannot_be_given_back(slots):
    mine = slots.acquire(SIZE)
    slots.release(mine)
    for array in (mine, np.zeros(SIZE, np.uint8)):
        with pytest.raises(SettingsError, match="in no slot, or in one that is free"):
            slots.release(array)
    assert slots.free == 2


@pytest.mark.parametrize("shape", [(4, 6, 3), (0, 5, 3)])
def test_a_picture_that_does_not_fit_is_refused_with_both_sizes(slots, shape):
    with pytest.raises(SettingsError, match=f"has {np.prod(shape)} bytes; expected 1 to 60"):
        slots.acquire(shape)


@pytest.mark.parametrize(("count", "each", "name"), [(0, 10, "count"), (1, 0, "each_bytes")])
def test_no_slots_are_refused(count, each, name):
    with pytest.raises(SettingsError, match=f"slots: {name}: expected at least 1; got 0"):
        Slots(count, each)


def test_arrays_outlive_the_slots(slots):
    mine = slots.acquire(SIZE)
    mine[:] = 7
    slots.close()
    del slots
    assert int(mine.sum()) == 7 * BYTES


def test_closed_slots_start_no_worker(slots):
    slots.close()
    with pytest.raises(SettingsError, match="slots: they are closed"):
        slots.block.__reduce__()


def test_a_place_outside_the_memory_is_refused(slots):
    with pytest.raises((ValueError, TypeError)):
        picture_at(memoryview(slots.block.memory), Place(0, (10_000, 10_000, 3), (30_000, 3, 1)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what is free")
@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
def test_more_memory_than_there_is_is_refused_with_the_sizes_and_the_cure(shared):
    with pytest.raises(
        SettingsError, match=r"slots: \d+\.\d MB .* were asked for, and \d+\.\d MB .*are free\. Ask"
    ):
        Slots(1 << 20, 1 << 30, shared=shared)


@pytest.mark.parametrize("count", [1 << 20, 1 << 40], ids=["memory", "addresses"])
def test_more_memory_than_the_system_gives_is_refused_where_nothing_tells_what_is_free(monkeypatch, count):
    monkeypatch.setattr("lineside.dispatch.shared.free_bytes", lambda: None)
    with pytest.raises(SettingsError, match=r"slots: \d+\.\d MB of memory cannot be had: .*\. Ask for fewer"):
        Slots(count, 1 << 30, shared=False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what is in memory")
def test_memory_that_is_not_shared_is_there_before_the_first_picture():
    before = own_bytes(os.getpid())
    with Slots(1, 64 << 20, shared=False):
        assert own_bytes(os.getpid()) - before > 60 << 20


def test_a_folder_that_cannot_hold_them_is_refused_with_its_name(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot be had in .*nowhere: No such file"):
        Slots(1, 10, folder=tmp_path / "nowhere")


def test_slots_in_a_folder_leave_nothing_there(tmp_path):
    with Slots(2, BYTES, folder=tmp_path) as slots:
        assert list(tmp_path.iterdir()) == []
        mine = slots.acquire(SIZE)
        mine[:] = 3
        assert (picture_at(memoryview(slots.block.memory), slots.find(mine)) == 3).all()


TOO_SMALL = """
from pathlib import Path
from lineside.core.errors import SettingsError
from lineside.dispatch.slots import Slots
folder = Path("{folder}")
with Slots(10, 50_000, folder=folder):
    pass
try:
    Slots(10, 500_000, folder=folder)
except SettingsError as refusal:
    print(refusal)
"""


@pytest.mark.skipif(shutil.which("unshare") is None, reason="util-linux is not installed")
def test_a_file_system_of_memory_that_is_too_small_is_refused_with_the_sizes_and_the_cure(tmp_path):
    folder = tmp_path / "shm"
    folder.mkdir()
    script = tmp_path / "small.py"
    script.write_text(TOO_SMALL.format(folder=folder))
    shell = f"mount -t tmpfs -o size=1m tmpfs {folder} && {sys.executable} {script}"
    ran = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", shell],
        capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    if "unshare" in ran.stderr or "mount" in ran.stderr:
        pytest.skip(f"no file system can be mounted here: {ran.stderr.strip()}")
    assert (
        f"slots: 5.0 MB of shared memory cannot be had in {folder}, where 1.0 MB are free: No space left"
        in ran.stdout
    )
    assert "--shm-size" in ran.stdout


def machine(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Path(root)


MEMINFO = "MemTotal: 9000 kB\nMemAvailable: 1000 kB\n"


def test_free_memory_is_what_the_machine_has(tmp_path):
    assert free_bytes(machine(tmp_path, proc__meminfo=MEMINFO)) == 1_024_000


def test_free_memory_is_what_a_container_may_have_and_what_it_can_give_up(tmp_path):
    root = machine(
        tmp_path,
        proc__meminfo=MEMINFO,
        sys__fs__cgroup__memory_dot_max="500000\n",
        sys__fs__cgroup__memory_dot_current="450000\n",
        sys__fs__cgroup__memory_dot_stat="anon 10\ninactive_file 30000\nactive_file 20000\n",
    )
    assert free_bytes(root) == 100_000


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path):
    root = machine(tmp_path, proc__meminfo=MEMINFO, sys__fs__cgroup__memory_dot_max="max\n")
    assert free_bytes(root) == 1_024_000


def test_what_no_file_tells_is_not_known(tmp_path):
    assert free_bytes(tmp_path) is None
