"""Records of a trace removed by age and size: what is left proves itself, and what others removed is named."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.keeping import Keep
from lineside.outputs.trace import verify as verifying
from lineside.outputs.trace.chain import sealed, unsealed
from lineside.outputs.trace.findings import Fault, Span
from lineside.outputs.trace.pictures import Pictures
from lineside.outputs.trace.reading import chosen_parts, sound_records
from lineside.outputs.trace.retired import Retired
from lineside.outputs.trace.segments import Segments, segment_files
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.trace.tidying import Tidying
from lineside.outputs.trace.verify import verify
from lineside.outputs.trace.writer import TraceWriter
from parcels import inspection
from peers import until

TESTS = Path(__file__).parents[1]


class Chain:
    """A chain that is written, tidied and opened anew in one thread, as the trace's writer does it."""

    def __init__(self, folder, **limits):
        self.folder, self.day, self.part, self.now_s = folder, 1, 0, 0.0
        self.warned = []
        self.limits = {"record_days": None, "record_bytes": None, "segment_bytes": 10_000} | limits
        self.open()

    def open(self):
        """As at the start of a line."""
        how = TraceSettings(**self.limits)
        self.segments = Segments(self.folder, most_bytes=how.segment_bytes)
        pictures = Pictures(self.folder / "pictures", max_days=None, max_bytes=None)
        self.tidying = Tidying(self.segments, pictures, how, tell=self.tell, warn=self.warned.append)
        for note in self.segments.notes:
            self.tell(note)
        self.tell({"kind": "start"})

    def tell(self, *records):
        self.segments.append([{"at": self.date, **record} for record in records], self.date)
        self.segments.write_head()
        self.segments.close()
        return True

    @property
    def date(self):
        return f"2026-03-{self.day:02d}"

    def parts(self, count):
        numbers = range(self.part, self.part + count)
        self.tell(*({"kind": "part", "part": n, "verdict": "PASS", "views": []} for n in numbers))
        self.part += count

    def tidy(self):
        for _ in range(40):
            self.now_s += 100
            self.tidying.step(self.now_s)

    def days(self, count, parts=5):
        """Days of a line, each with some parts."""
        for _ in range(count):
            self.parts(parts)
            self.day += 1

    @property
    def names(self):
        return [path.name for path in segment_files(self.folder)]


def retirements(folder):
    return [record for record in sound_records(folder) if record["kind"] == "retired"]


def test_records_of_old_days_go_and_what_is_left_proves_itself(tmp_path):
    chain = Chain(tmp_path, record_days=3)
    chain.days(5)
    assert len(chain.names) == 5
    chain.tidy()
    assert [name[7:17] for name in chain.names] == ["2026-03-04", "2026-03-05", "2026-03-06"]
    found = verify(tmp_path)
    assert (found.is_sound, found.parts) == (True, 10)
    assert found.retired == found.first == 16  # the start, and three days of five parts
    told = [Retired.of(record) for record in retirements(tmp_path)]
    assert [one.segment[:6] for one in told] == ["000001", "000002", "000003"]
    assert [(one.first, one.last, one.whole_from) for one in told] == [(0, 5, 0), (6, 10, 0), (11, 15, 0)]


def test_records_go_by_size_the_oldest_whole_segments_first(tmp_path):
    chain = Chain(tmp_path, record_bytes=6000, segment_bytes=1000)
    for _ in range(30):
        chain.parts(5)
        chain.tidy()
        sizes = [path.stat().st_size for path in segment_files(tmp_path)]
        assert sum(sizes) <= 6000 + 1500
    assert len(chain.names) >= 4
    numbers = [int(name[:6]) for name in chain.names]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    found = verify(tmp_path)
    assert (found.is_sound, found.parts < chain.part, found.retired) == (True, True, found.first)


def test_without_limits_nothing_goes_and_the_segment_that_is_written_never_does(tmp_path):
    chain = Chain(tmp_path)
    chain.days(9)
    chain.tidy()
    assert len(chain.names) == 9
    chain.limits |= {"record_days": 1, "record_bytes": 1}
    chain.open()
    chain.tidy()
    assert len(chain.names) == 1
    assert verify(tmp_path).is_sound


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def by_hand(folder, what, dice):
    """One change that nobody told the chain of, anywhere."""
    files = segment_files(folder)
    if what == "segment":
        dice.choice(files).unlink()
        return
    if what == "beginning":
        for path in files[: dice.randint(1, len(files))]:
            path.unlink()
        return
    path = dice.choice(files)
    rows = lines_of(path)
    at = dice.randrange(len(rows))
    if what == "line":
        del rows[at]
    elif what == "edit":
        place = dice.randrange(len(rows[at]) - 1)
        rows[at] = rows[at][:place] + bytes([rows[at][place] ^ 1]) + rows[at][place + 1 :]
    else:  # made anew with a hash that fits it
        record = {key: value for key, value in unsealed(rows[at]).items() if key != "hash"} | {"kind": "x"}
        rows[at] = sealed(record, record["number"], record["previous"])[0]
    path.write_bytes(b"".join(rows))


STEPS = st.lists(
    st.sampled_from(["parts", "parts", "day", "back", "tidy", "restart", "kill"]), min_size=3, max_size=14
)
HAND = st.sampled_from(["segment", "beginning", "line", "edit", "forge"])


@settings(deadline=None)
@given(STEPS, st.sampled_from([None, 1, 2]), st.sampled_from([None, 3000]), HAND, st.integers(0, 10**6))
def test_any_life_of_a_trace_is_sound_and_any_change_by_hand_is_not(
    tmp_path_factory, steps, days, most, hand, seed
):
    folder = tmp_path_factory.mktemp("trace")
    try:
        chain = Chain(folder, record_days=days, record_bytes=most, segment_bytes=1000)
        for step in steps:
            lived(chain, step)
            assert verify(folder).findings == [], step
        kept = folder.with_name(folder.name + "-changed")
        shutil.copytree(folder, kept)
        by_hand(kept, hand, random.Random(seed))
        assume(segment_files(kept))
        assert not verify(kept).is_sound
        Chain(kept)  # a line that starts over it hides nothing
        assert not verify(kept).is_sound
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(folder.with_name(folder.name + "-changed"), ignore_errors=True)


class KilledError(Exception):
    """Stands for SIGKILL."""


def lived(chain, step):
    if step == "parts":
        chain.parts(4)
    elif step in {"day", "back"}:
        chain.day = max(1, chain.day + (1 if step == "day" else -2))
        chain.parts(2)
    elif step == "tidy":
        chain.tidy()
    elif step == "restart":
        chain.open()
    else:  # between the word of a removal and the removal
        whole = chain.tidying

        def killed(record):
            chain.tell(record)
            raise KilledError

        how = TraceSettings(**chain.limits)
        pictures = Pictures(chain.folder / "pictures", max_days=None, max_bytes=None)
        chain.tidying = Tidying(chain.segments, pictures, how, tell=killed, warn=chain.warned.append)
        try:
            chain.tidy()
        except KilledError:
            assert verify(chain.folder).findings == []
            chain.open()
        else:
            chain.tidying = whole


def test_a_removal_that_a_kill_interrupted_is_finished_at_the_start_whatever_the_limits_are_then(tmp_path):
    chain = Chain(tmp_path, record_days=2)
    chain.days(3)
    lived(chain, "kill")
    assert chain.names[0].startswith("000002")
    chain = Chain(tmp_path / "other", record_days=2)
    chain.days(3)
    chain.limits["record_days"] = None
    chain.tell(Retired.after(None, chain.names[0], *ends(chain, 0)).to_record("days"))
    assert (verify(chain.folder).is_sound, verify(chain.folder).first) == (True, 0)
    chain.open()
    assert chain.names[0].startswith("000002")
    assert verify(chain.folder).is_sound


def ends(chain, place):
    rows = lines_of(segment_files(chain.folder)[place])
    return unsealed(rows[0]), unsealed(rows[-1])


@pytest.mark.parametrize("place", [1, 2])
def test_a_forged_record_of_a_removal_removes_no_other_file_than_the_oldest_segment(tmp_path, place):
    chain = Chain(tmp_path)
    chain.days(3)
    (tmp_path / "mine.jsonl").write_text("mine")
    names = chain.names
    for name in ("../mine.jsonl", names[place]):
        chain.tell(Retired(name, 0, 0, "f" * 64, 0).to_record("days"))
        chain.open()
    assert (tmp_path / "mine.jsonl").exists()
    assert chain.names[: len(names)] == names


def test_a_beginning_that_was_cut_by_hand_behind_a_removal_is_named(tmp_path):
    chain = Chain(tmp_path, record_days=4)
    chain.days(6)
    chain.tidy()
    first = verify(tmp_path).first
    segment_files(tmp_path)[0].unlink()
    found = verify(tmp_path)
    (finding,) = found.findings
    assert (finding.fault, finding.segment, finding.line) == (Fault.MISSING, chain.names[0], 1)
    assert f"records {first} to {finding.number - 1} should stand" in finding.sentence
    assert found.retired == 0
    assert verify(tmp_path, Span(since="2026-03-05")).is_sound


def test_retention_over_a_beginning_that_was_cut_by_hand_does_not_hide_it(tmp_path):
    chain = Chain(tmp_path, record_days=5)
    chain.days(5)
    segment_files(tmp_path)[0].unlink()
    chain.days(3)
    chain.tidy()
    chain.open()
    chain.days(6)
    chain.tidy()
    (finding,) = verify(tmp_path).findings
    assert (finding.fault, finding.sentence) == (
        Fault.MISSING,
        "not all of records 0 to 5 were removed by retention",
    )


def test_a_segment_whose_end_was_changed_is_not_removed_and_people_hear_of_it(tmp_path):
    chain = Chain(tmp_path, record_days=2)
    chain.days(4)
    path = segment_files(tmp_path)[0]
    rows = lines_of(path)
    path.write_bytes(b"".join([*rows[:-1], rows[-1].replace(b"PASS", b"FAIL")]))
    chain.tidy()
    assert path.exists()
    assert len(chain.names) == 4
    assert "lineside verify" in chain.warned[0]
    assert verify(tmp_path).findings[0].fault is Fault.CHANGED
    path.unlink()
    chain.open()
    chain.tidy()
    assert len(chain.names) == 2
    assert not verify(tmp_path).is_sound


@pytest.mark.parametrize("torn", [False, True])
def test_a_first_line_that_is_no_record_behind_a_removal_accuses_no_other(tmp_path, torn):
    chain = Chain(tmp_path, record_days=3)
    chain.days(5)
    chain.tidy()
    path = segment_files(tmp_path)[0]
    rows = lines_of(path)
    rows[0] = rows[0][20:] if torn else rows[0].replace(b"PASS", b"FAIL")
    path.write_bytes(b"".join(rows))
    assert [(one.fault, one.line) for one in verify(tmp_path).findings] == [(Fault.CHANGED, 1)]


def test_a_trace_can_be_verified_by_hand_as_the_page_says(tmp_path):
    page = (TESTS.parent / "docs" / "trace.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"By hand.*?```python\n(.*?)```", page, flags=re.DOTALL)

    def said():
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            check=False,
            timeout=60,
            capture_output=True,
            text=True,
        )
        return done.stderr.splitlines()[-1:]

    chain = Chain(tmp_path / "trace", record_days=3)
    chain.days(3)
    assert said() == []
    chain.days(3)
    chain.tidy()
    assert verify(chain.folder).retired > 0
    assert said() == []
    segment_files(chain.folder)[0].unlink()
    assert said() == ["AssertionError: records before the first one are missing"]


class Stuck(Segments):
    """A folder out of which nothing can be removed for a while."""

    is_stuck = True

    def remove(self, name):
        if self.is_stuck:
            raise OutputError(f"{name}: cannot be removed")
        super().remove(name)


def test_a_segment_that_cannot_be_removed_is_told_of_once_and_tried_again(tmp_path):
    chain = Chain(tmp_path, record_days=2)
    chain.days(4)
    chain.segments = Stuck(tmp_path, most_bytes=10_000)
    pictures = Pictures(tmp_path / "pictures", max_days=None, max_bytes=None)
    how = TraceSettings(**chain.limits)
    chain.tidying = Tidying(chain.segments, pictures, how, tell=chain.tell, warn=chain.warned.append)
    for _ in range(3):
        with pytest.raises(OutputError, match="cannot be removed"):
            chain.tidy()
        chain.days(1)
    assert verify(tmp_path).findings == []
    assert [one["segment"] for one in retirements(tmp_path)] == [chain.names[0]]
    chain.segments.is_stuck = False
    chain.days(1)
    chain.tidy()
    assert len(chain.names) == 2
    assert verify(tmp_path).findings == []


def opened(folder, wall, **limits):
    keep = Keep(format="png", annotated=False)
    how = {"batch_s": 0.002, "min_free_bytes": 0, "keep": keep, "capacity": 1000} | limits
    return TraceWriter(folder, {"line": "caps", "run": "r"}, settings=TraceSettings(**how), wall=wall)


class Wall:
    """A wall clock that is moved by hand."""

    def __init__(self):
        self.at_s = 1_772_600_767.0  # 2026-03-04T05:06:07

    def __call__(self):
        return self.at_s


def test_pictures_go_with_the_last_records_of_their_day(tmp_path):
    wall = Wall()
    with opened(tmp_path, wall, record_days=2) as trace:
        for part in range(12):
            wall.at_s += 86_400 if part % 3 == 0 else 0
            assert trace.append(inspection(part, Verdict.FAIL), {"serial": f"S{part}"})
            assert until(lambda part=part: trace.statistics().written == part + 1)
        assert until(lambda: len(segment_files(tmp_path)) == 2)
    days = [path.name[7:17] for path in segment_files(tmp_path)]
    assert days == ["2026-03-07", "2026-03-08"]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == days
    found = verify(tmp_path)
    assert found.findings == []
    assert found.pictures == found.parts == 6
    assert [record["part"] for record in chosen_parts(tmp_path, "all")] == list(range(6, 12))
    with pytest.raises(SettingsError, match=r'no part is meant by "S1".*begins with record \d'):
        chosen_parts(tmp_path, "S1")


def bytes_of(paths):
    """The sizes of what is still there: files may go while they are counted."""
    sizes = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def test_a_trace_that_is_written_and_tidied_is_sound_at_every_moment(tmp_path):
    looks = 0
    with opened(tmp_path, Wall(), segment_bytes=8000, record_bytes=30_000, batch_s=0.0) as trace:
        for part in range(400):
            while not trace.append(inspection(part, Verdict.PASS)):
                time.sleep(0.001)
            if part % 20 == 10 and segment_files(tmp_path):
                assert verify(tmp_path).findings == []
                assert all("kind" in record for record in sound_records(tmp_path))
                looks += 1
        # Parts that wait come first; when none does, all that is too much goes at once.
        assert until(lambda: bytes_of(segment_files(tmp_path)) < 50_000)
    assert looks >= 10
    found = verify(tmp_path)
    assert found.findings == []
    assert found.retired > 0


def test_a_picture_that_goes_while_the_trace_is_looked_at_is_not_called_missing(tmp_path, monkeypatch):
    with opened(tmp_path, Wall()) as trace:
        for part in range(6):
            assert trace.append(inspection(part, Verdict.FAIL))
        assert until(lambda: trace.statistics().written == 6)

    read_whole_chain = verifying._Walk.compare_beginning

    def a_line_starts_meanwhile(walk):
        read_whole_chain(walk)
        with opened(tmp_path, Wall(), picture_bytes=1) as trace:
            assert until(lambda: not list((tmp_path / "pictures").glob("*/*")))
            assert trace.append(inspection(6, Verdict.PASS))

    monkeypatch.setattr(verifying._Walk, "compare_beginning", a_line_starts_meanwhile)
    found = verify(tmp_path)
    assert (found.findings, found.parts, found.removed, found.pictures) == ([], 6, 6, 0)


def test_kill_9_while_records_are_removed_leaves_a_chain_that_holds(tmp_path):
    dice = random.Random(7)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    for number in range(6):
        command = [sys.executable, str(TESTS / "trace_child.py"), str(tmp_path), f"r{number}", "20000"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
            child.stdout.readline()
            time.sleep(dice.uniform(0.0, 0.4))
            child.send_signal(signal.SIGKILL)
            child.stdout.read()
        assert verify(tmp_path).findings == []
    assert verify(tmp_path).retired > 0
