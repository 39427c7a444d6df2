"""The trace with real files, threads and processes: its order, its proof, what kills leave, and what changes are found."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from line_standins import Log, make_detections
from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.keeping import Keep
from lineside.outputs.trace.chain import sealed
from lineside.outputs.trace.findings import Fault, Span
from lineside.outputs.trace.late import Late
from lineside.outputs.trace.pictures import Pictures
from lineside.outputs.trace.reading import chosen_parts, late_records, sound_records
from lineside.outputs.trace.segments import Segments, segment_files
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.trace.verify import verify
from lineside.outputs.trace.writer import TraceWriter
from parcels import inspection, picture
from peers import until

TESTS = Path(__file__).parents[1]
ABOUT = {
    "line": "caps",
    "run": "r1",
    "model": {"sha256": "ab" * 32},
    "recipe": {"code": "blue"},
    "device": "cpu",
}
KEEP = Keep(format="png", annotated=False)


class Wall:
    """A wall clock that is moved by hand."""

    def __init__(self, at_s=1_772_600_767.0):  # 2026-03-04T05:06:07
        self.at_s = at_s

    def __call__(self):
        self.at_s += 0.001
        return self.at_s


def opened(folder, *, about=None, note=None, wall=None, **settings):
    settings = {"batch_s": 0.002, "min_free_bytes": 0, "keep": KEEP, "capacity": 1000} | settings
    note = note or (lambda code, sentence: None)
    return TraceWriter(
        folder, about or ABOUT, settings=TraceSettings(**settings), note=note, wall=wall or Wall()
    )


def written(folder, parts, *, one_by_one=False, **more):
    """A trace of so many parts, of which every third failed."""
    with opened(folder, **more) as trace:
        for part in parts:
            verdict = Verdict.PASS if part % 3 else Verdict.FAIL
            assert trace.append(inspection(part, verdict), {"serial": f"S{part}"})
            assert not one_by_one or until(lambda part=part: trace.statistics().written == part + 1)
        assert until(lambda: trace.statistics().written == len(parts))


def lines(folder):
    return [line for path in segment_files(folder) for line in path.read_bytes().splitlines(keepends=True)]


def test_every_part_has_one_record_in_the_order_of_the_answers(tmp_path):
    written(tmp_path, range(20))
    records = list(sound_records(tmp_path))
    assert [r["kind"] for r in records[:2]] == ["start", "part"]
    parts = [r for r in records if r["kind"] == "part"]
    assert [r["part"] for r in parts] == list(range(20))
    assert [r["number"] for r in records] == list(range(len(records)))
    assert all(b["previous"] == a["hash"] for a, b in pairwise(records))
    bad = parts[3]
    assert (bad["serial"], bad["verdict"], bad["about"]["recipe"]["code"]) == ("S3", "FAIL", "blue")
    assert bad["about"]["versions"]["lineside"]
    view = bad["views"][0]
    assert view["detections"][0]["name"] == "dent"
    assert view["picture"]["pixels"] == hashlib.sha256(picture(3).tobytes()).hexdigest()
    kept = (tmp_path / "pictures" / view["picture"]["file"]).read_bytes()
    assert hashlib.sha256(kept).hexdigest() in view["picture"]["file"]
    assert parts[1]["views"][0]["picture"]["file"] is None
    assert parts[1]["views"][0]["picture"]["pixels"]
    found = verify(tmp_path)
    assert (found.is_sound, found.parts, found.pictures, found.notices) == (True, 20, 7, [])


def test_what_comes_after_an_answer_stands_in_the_chain_beside_its_part(tmp_path):
    with opened(tmp_path) as trace:
        assert trace.append(inspection(1, Verdict.FAIL))
        assert trace.append(inspection(2, Verdict.FAIL))
        told = make_detections(0.9, 0.8)
        assert trace.append_late(Late(1, "top", "", told, "cuda:1", 0.25, 77, "S1", "UNKNOWN (late)"))
        assert trace.append_late(Late(2, "side"))
        assert until(lambda: len(lines(tmp_path)) == 5)
        assert until(lambda: trace.statistics().written == 2)
    found = verify(tmp_path)
    assert (found.is_sound, found.parts, found.late) == (True, 2, 2)
    parts = chosen_parts(tmp_path, "1")
    assert [record["part"] for record in parts] == [1]
    (late,) = late_records(tmp_path, parts)
    assert (late["kind"], late["camera"], late["came"], late["device"]) == (
        "late",
        "top",
        "detections",
        "cuda:1",
    )
    assert (late["trigger"], late["serial"], late["answered"]) == (77, "S1", "UNKNOWN (late)")
    assert (late["after_s"], len(late["detections"]), late["about"]["run"]) == (0.25, 2, "r1")
    (segment,) = segment_files(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b'"after_s":0.25', b'"after_s":9.25'))
    (finding, *_) = verify(tmp_path).findings
    assert (finding.fault, finding.part) == (Fault.CHANGED, 1)


def test_late_results_that_find_no_room_are_told_in_the_chain(tmp_path):
    trace = opened(tmp_path, capacity=1, batch_s=0.5)
    offered = [trace.append_late(Late(n, "top")) for n in range(50)]
    trace.close(10)
    dropped = [r for r in sound_records(tmp_path) if r["kind"] == "dropped"]
    assert not all(offered)
    assert (sum(r["late"] for r in dropped), sum(r["count"] for r in dropped)) == (offered.count(False), 0)
    assert verify(tmp_path).late == offered.count(True)


def test_the_chain_goes_on_over_segments_days_and_runs(tmp_path):
    wall = Wall()
    written(tmp_path, range(30), one_by_one=True, segment_bytes=5000, wall=wall)
    wall.at_s += 86_400
    written(tmp_path, range(10), about=ABOUT | {"run": "r2"}, wall=wall)
    wall.at_s -= 30 * 86_400  # a clock that is set back
    written(tmp_path, range(10), about=ABOUT | {"run": "r3"}, wall=wall)
    names = [path.name for path in segment_files(tmp_path)]
    assert len(names) > 4
    assert {name[7:17] for name in names} == {"2026-03-04", "2026-03-05", "2026-02-03"}
    found = verify(tmp_path)
    assert (found.is_sound, found.parts) == (True, 50)


def changed(line, **more):
    record = json.loads(line) | more
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def forged(line, **more):
    """The record with another content and a hash that fits it."""
    record = {key: value for key, value in json.loads(line).items() if key != "hash"} | more
    number, previous = record.pop("number"), record.pop("previous")
    return sealed(record, number, previous)[0]


CHANGES = {
    "a verdict": (lambda rows: [*rows[:4], changed(rows[4], verdict="PASS"), *rows[5:]], Fault.CHANGED, 4, 3),
    "a verdict and its hash": (
        lambda rows: [*rows[:4], forged(rows[4], verdict="PASS"), *rows[5:]],
        Fault.REPLACED,
        5,
        4,
    ),
    "one record is gone": (lambda rows: [*rows[:4], *rows[5:]], Fault.MISSING, 5, 4),
    "the first are gone": (lambda rows: rows[3:], Fault.MISSING, 3, 2),
    "the last are gone": (lambda rows: rows[:-2], Fault.MISSING, None, None),
    "two changed places": (lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]], Fault.MISSING, 5, 4),
    "one stands twice": (lambda rows: [*rows[:5], rows[4], *rows[5:]], Fault.REORDERED, 4, 3),
    "a line was added": (lambda rows: [*rows[:5], b"{}\n", *rows[5:]], Fault.CHANGED, None, None),
    "a space was added": (
        lambda rows: [*rows[:4], rows[4].replace(b":", b": ", 1), *rows[5:]],
        Fault.CHANGED,
        4,
        3,
    ),
    "the last was forged": (
        lambda rows: [*rows[:-1], forged(rows[-1], verdict="PASS")],
        Fault.REPLACED,
        10,
        None,
    ),
    "the last is torn": (lambda rows: [*rows[:-1], rows[-1][:50]], Fault.MISSING, None, None),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_first_record_that_is_not_what_was_written_is_named(tmp_path, what):
    change, fault, number, part = CHANGES[what]
    written(tmp_path, range(10))
    (segment,) = segment_files(tmp_path)
    segment.write_bytes(b"".join(change(lines(tmp_path))))
    found = verify(tmp_path)
    assert not found.is_sound
    first = found.findings[0]
    assert (first.fault, first.number, first.part, first.segment) == (fault, number, part, segment.name)


def test_a_changed_record_in_the_middle_accuses_no_other(tmp_path):
    written(tmp_path, range(10))
    (segment,) = segment_files(tmp_path)
    rows = lines(tmp_path)
    segment.write_bytes(b"".join([*rows[:4], changed(rows[4], detail="x"), *rows[5:]]))
    assert [(f.fault, f.line, f.part) for f in verify(tmp_path).findings] == [(Fault.CHANGED, 5, 3)]


def test_a_segment_that_is_gone_is_named(tmp_path):
    written(tmp_path, range(30), one_by_one=True, segment_bytes=5000)
    files = segment_files(tmp_path)
    files[2].unlink()
    first = verify(tmp_path).findings[0]
    assert (first.fault, first.segment, first.line) == (Fault.MISSING, files[3].name, 1)


def test_pictures_that_are_gone_or_others_are_named(tmp_path):
    written(tmp_path, range(10))
    files = [
        r["views"][0]["picture"]["file"] for r in chosen_parts(tmp_path, "all") if r["verdict"] == "FAIL"
    ]
    (tmp_path / "pictures" / files[0]).unlink()
    (tmp_path / "pictures" / files[1]).write_bytes(b"another")
    assert [(f.fault, f.part) for f in verify(tmp_path).findings] == [
        (Fault.PICTURE_MISSING, 0),
        (Fault.PICTURE_CHANGED, 3),
    ]
    assert verify(tmp_path, with_pictures=False).is_sound


def test_a_span_of_time_is_verified_alone(tmp_path):
    wall = Wall()
    for run in ("r1", "r2", "r3"):
        written(tmp_path, range(5), about=ABOUT | {"run": run}, wall=wall)
        wall.at_s += 86_400
    first = segment_files(tmp_path)[0]
    first.write_bytes(first.read_bytes().replace(b'"FAIL"', b'"PASS"', 1))
    assert not verify(tmp_path).is_sound
    later = verify(tmp_path, Span(since="2026-03-05"))
    assert (later.is_sound, later.parts) == (True, 10)
    middle = verify(tmp_path, Span(since="2026-03-05", until="2026-03-05"))
    assert (middle.is_sound, middle.parts) == (True, 5)
    first.unlink()  # moved to an archive
    assert verify(tmp_path, Span(since="2026-03-05")).is_sound
    assert verify(tmp_path).findings[0].fault is Fault.MISSING


def test_a_trace_that_is_being_written_is_sound_at_every_moment(tmp_path):
    with opened(tmp_path, segment_bytes=20_000, batch_s=0.0, keep=Keep(failures=False)) as trace:
        looks = 0
        for part in range(400):
            while not trace.append(inspection(part)):
                time.sleep(0.001)
            if part % 40 == 20 and segment_files(tmp_path):
                assert verify(tmp_path).findings == []
                looks += 1
    assert looks >= 5
    assert verify(tmp_path).parts == 400


@given(
    st.lists(
        st.tuples(st.sampled_from(["drop", "twice", "swap", "change"]), st.integers(0, 9), st.integers(0, 9)),
        min_size=1,
        max_size=4,
    )
)
def test_no_other_order_or_content_of_records_is_sound(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("trace")
    chain = Segments(folder, most_bytes=10**6)
    chain.append(
        [{"kind": "part", "part": n, "at": "2026-03-04T00", "verdict": "PASS"} for n in range(10)],
        "2026-03-04",
    )
    chain.write_head()
    chain.close()
    before = lines(folder)
    rows = list(before)
    for what, *places in changes:
        if not rows:
            break
        here, there = (place % len(rows) for place in places)
        if what == "drop":
            del rows[here]
        elif what == "twice":
            rows.insert(there, rows[here])
        elif what == "swap":
            rows[here], rows[there] = rows[there], rows[here]
        else:
            rows[here] = rows[here].replace(b"PASS", b"FAIL", 1)
    (segment,) = segment_files(folder)
    segment.write_bytes(b"".join(rows))
    assert verify(folder).is_sound == (rows == before)


def test_what_a_kill_leaves_of_a_line_is_set_aside_and_told_and_the_chain_goes_on(tmp_path):
    written(tmp_path, range(5))
    (segment,) = segment_files(tmp_path)
    torn = lines(tmp_path)[-1][:40]
    with segment.open("ab") as file:
        file.write(torn)
    before = verify(tmp_path)
    assert before.is_sound
    assert "not whole" in before.notices[0]
    written(tmp_path, range(5), about=ABOUT | {"run": "r2"})
    found = verify(tmp_path)
    assert (found.is_sound, found.parts) == (True, 10)
    assert "40 bytes" in found.notices[0]
    (aside,) = (tmp_path / "torn").iterdir()
    assert aside.read_bytes() == torn


def test_an_end_that_was_cut_off_before_a_restart_is_still_found(tmp_path):
    written(tmp_path, range(10))
    (segment,) = segment_files(tmp_path)
    segment.write_bytes(b"".join(lines(tmp_path)[:-3]))
    written(tmp_path, range(3), about=ABOUT | {"run": "r2"})
    found = verify(tmp_path)
    assert not found.is_sound
    assert found.findings[0].fault is Fault.MISSING
    assert "the head told of record 10" in found.findings[0].sentence


def test_kill_9_at_any_moment_leaves_a_chain_that_holds(tmp_path):
    dice = random.Random(5)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    promised = {}
    for number in range(6):
        command = [sys.executable, str(TESTS / "trace_child.py"), str(tmp_path), f"r{number}"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
            said = [child.stdout.readline()]
            time.sleep(dice.uniform(0.0, 0.4))
            child.send_signal(signal.SIGKILL)
            said += child.stdout.read().splitlines()
        promised[f"r{number}"] = max(int(line) for line in said if line.strip().isdigit())
    written(tmp_path, range(1), about=ABOUT | {"run": "last"})
    found = verify(tmp_path)
    assert found.findings == []
    for run, count in promised.items():
        parts = [r["part"] for r in chosen_parts(tmp_path, "all", run)]
        assert parts == list(range(len(parts)))
        assert len(parts) >= count
    assert not list((tmp_path / "segments").glob(".*"))


def test_a_full_disk_delays_records_and_leaves_no_half(tmp_path):
    # A limit of file sizes stands for the disk's: what is beyond it cannot be written.
    code = f"""
import resource, signal, sys, pathlib
sys.path[:0] = {[str(TESTS), *sys.path]!r}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from lineside.outputs.trace.segments import Segments
from lineside.core.errors import OutputError
chain = Segments(pathlib.Path({str(tmp_path)!r}), most_bytes=10**9)
chain.append([{{"kind": "note", "text": "x" * 100}}], "2026-03-04")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, hard))
try:
    chain.append([{{"kind": "note", "text": "y" * 400}} for _ in range(5)], "2026-03-04")
except OutputError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    chain.append([{{"kind": "note", "text": "z"}}], "2026-03-04")
    chain.write_head()
    chain.close()
    sys.exit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 7
    assert [r["text"][0] for r in sound_records(tmp_path)] == ["x", "z"]
    assert verify(tmp_path).is_sound


def test_parts_that_find_no_room_are_counted_and_the_chain_tells(tmp_path):
    notes = Log()
    trace = opened(tmp_path, note=notes.note, capacity=3)
    taken = sum(trace.append(inspection(part)) for part in range(400))
    assert trace.close(20)
    assert 3 <= taken < 400
    found = verify(tmp_path)
    assert (found.parts, found.dropped, found.is_sound) == (taken, 400 - taken, True)
    assert [code for code, _ in notes] == ["trace.dropped"]
    assert not trace.append(inspection(0))


def test_pictures_go_by_days_and_bytes_and_the_chain_tells_while_records_stay(tmp_path):
    wall = Wall()
    for run in ("r1", "r2", "r3"):
        written(tmp_path, range(9), about=ABOUT | {"run": run}, wall=wall, picture_days=2)
        wall.at_s += 86_400
    written(tmp_path, range(1, 3), about=ABOUT | {"run": "r4"}, wall=wall, picture_days=2)
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["2026-03-05", "2026-03-06"]
    found = verify(tmp_path)
    assert (found.is_sound, found.parts, found.removed, found.pictures) == (True, 29, 3, 6)
    written(tmp_path, range(1, 3), about=ABOUT | {"run": "r5"}, wall=wall, picture_bytes=1)
    found = verify(tmp_path)
    assert (found.is_sound, found.parts, found.removed, found.pictures) == (True, 31, 9, 0)


def test_a_clock_that_runs_far_ahead_for_a_day_does_not_remove_every_picture(tmp_path):
    wall = Wall()
    written(tmp_path, range(4), wall=wall, picture_days=3)
    written(tmp_path, range(4), about=ABOUT | {"run": "r2"}, wall=Wall(wall.at_s + 9e8), picture_days=3)
    written(tmp_path, range(1, 3), about=ABOUT | {"run": "r3"}, wall=wall, picture_days=3)
    assert len(list((tmp_path / "pictures").glob("2026-*/*"))) == 2


def test_a_disk_without_room_costs_pictures_and_no_records(tmp_path):
    notes = Log()
    with opened(tmp_path, note=notes.note, min_free_bytes=10**18) as trace:
        trace.append(inspection(0))
        assert until(lambda: trace.statistics().written == 1)
        assert trace.statistics().pictures_lost == 1
    assert [code for code, _ in notes] == ["trace.picture_lost"]
    assert chosen_parts(tmp_path, "0")[0]["views"][0]["picture"]["file"] is None


def test_a_trace_has_one_writer(tmp_path):
    with opened(tmp_path), pytest.raises(OutputError, match="another process writes here"):
        opened(tmp_path)


def test_parts_are_found_by_serial_number_and_range(tmp_path):
    written(tmp_path, range(10))
    written(tmp_path, range(5), about=ABOUT | {"run": "r2"})
    assert [r["about"]["run"] for r in chosen_parts(tmp_path, "S3")] == ["r1", "r2"]
    assert [r["part"] for r in chosen_parts(tmp_path, "2..9")] == [2, 3, 4]
    assert [r["part"] for r in chosen_parts(tmp_path, "2..9", "r1")] == list(range(2, 10))
    assert [r["part"] for r in chosen_parts(tmp_path, "4")] == [4]
    with pytest.raises(SettingsError, match=r'no part is meant by "S99".*15 parts'):
        chosen_parts(tmp_path, "S99")
    with pytest.raises(OutputError, match="folder of a trace"):
        chosen_parts(tmp_path / "no", "all")


def test_a_name_in_a_forged_record_leads_to_no_other_place(tmp_path):
    chain = Segments(tmp_path, most_bytes=10**6)
    record = {"kind": "part", "part": 1, "at": "2026", "views": [{"picture": {"file": "../../etc/passwd"}}]}
    chain.append([record], "2026-03-04")
    chain.close()
    assert verify(tmp_path).findings[0].fault is Fault.PICTURE_CHANGED


def test_the_size_of_the_pictures_is_known_again_after_a_restart(tmp_path):
    written(tmp_path, range(9))
    size = sum(file.stat().st_size for file in (tmp_path / "pictures").rglob("*.png"))
    assert Pictures(tmp_path / "pictures", max_days=None, max_bytes=size).surplus() == {
        "days": [],
        "bytes": [],
    }
    (oldest,) = Pictures(tmp_path / "pictures", max_days=None, max_bytes=size - 1).surplus()["bytes"]
    assert oldest == chosen_parts(tmp_path, "0")[0]["views"][0]["picture"]["file"]


def test_the_recipes_that_parts_were_judged_by_are_kept_while_they_are_the_same(tmp_path):
    file, notes = tmp_path / "caps.toml", Log()
    file.write_text("first")
    first = hashlib.sha256(b"first").hexdigest()
    told = {"name": "caps", "sha256": first, "file": str(file)}
    with opened(tmp_path / "trace", about=ABOUT | {"recipe": told}, note=notes.note) as trace:
        trace.append(inspection(0))
        assert until(lambda: trace.statistics().written == 1)
        other = hashlib.sha256(b"second").hexdigest()
        for part in (1, 2):  # the file still holds the first one
            trace.append(inspection(part), {"recipe": told | {"sha256": other}})
        assert until(lambda: trace.statistics().written == 3)
        assert trace.keep_recipe(b"third") == hashlib.sha256(b"third").hexdigest()
    kept = {path.stem: path.read_bytes() for path in (tmp_path / "trace" / "recipes").iterdir()}
    assert kept == {first: b"first", hashlib.sha256(b"third").hexdigest(): b"third"}
    assert [code for code, _ in notes] == ["trace.recipe_lost"]
