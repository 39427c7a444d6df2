"""The sinks that write files: what lies where, what a crash leaves, and what retention removes."""

from __future__ import annotations

import csv
import json

import cv2
import pytest

from lineside.core.errors import OutputError, RefusedParcelError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.keeping import file_word
from lineside.outputs.parcel import Parcel, open_sink
from lineside.outputs.sinks.folder import FolderSink, Settings
from parcels import SIZE, Size, parcel, picture


def at(day):
    return f"2026-03-{day:02d}T12:00:00.000+00:00"


class Hand:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        self.now_s += 100.0
        return self.now_s


def files(folder, pattern="*"):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob(pattern) if p.is_file())


def test_a_record_names_the_pictures_beside_it(tmp_path):
    out = tmp_path / "out"
    sink = open_sink({"kind": "folder", "path": str(out)})
    sink.emit(parcel(tmp_path, 7, cameras=("top", "side/left")))
    place = out / "2026-03-04" / "caps" / "r1"
    told = json.loads((place / "7.json").read_text())
    assert set(told["pictures"]) == {"top", "top-annotated", "side/left", "side/left-annotated"}
    assert all((place / name).is_file() for name in told["pictures"].values())
    assert len(files(out)) == 5


@pytest.mark.parametrize(
    ("pictures", "annotated", "count"), [("none", True, 0), ("rejected", True, 2), ("all", False, 2)]
)
def test_the_pictures_that_are_asked_for_are_written(tmp_path, pictures, annotated, count):
    out = tmp_path / "out"
    sink = open_sink(
        {"kind": "folder", "path": str(out), "pictures": pictures, "annotated": annotated, "records": False}
    )
    sink.emit(parcel(tmp_path, 1, Verdict.FAIL))
    sink.emit(parcel(tmp_path, 2, Verdict.PASS))
    assert len(files(out)) == count


def test_the_newest_days_are_kept_and_what_others_put_there(tmp_path):
    out = tmp_path / "out"
    sink = FolderSink(Settings(path=out, max_days=2), clock=Hand())
    for part, day in enumerate((1, 2, 3, 4)):
        sink.emit(parcel(tmp_path, part, at=at(day)))
        (out / f"2026-03-{day:02d}" / "caps" / "r1" / "note.txt").touch()
    assert {name[:10] for name in files(out, "*.json")} == {"2026-03-03", "2026-03-04"}
    assert files(out, "*.txt") == [f"2026-03-{day:02d}/caps/r1/note.txt" for day in (1, 2, 3, 4)]


def test_the_oldest_files_go_when_the_folder_is_too_large(tmp_path):
    out = tmp_path / "out"
    sink = FolderSink(
        Settings.model_construct(
            path=out, max_bytes=9000, max_days=None, records=True, pictures="all", annotated=True
        ),
        clock=Hand(),
    )
    for part, day in enumerate((1, 2, 3)):
        sink.emit(parcel(tmp_path, part, at=at(day)))
    left = files(out)
    assert left
    assert sum((out / name).stat().st_size for name in left) <= 9000
    assert not (out / "2026-03-01").exists()
    assert any(name.startswith("2026-03-03") for name in left)


def test_a_picture_that_somebody_removed_from_the_spool_puts_the_result_aside(tmp_path):
    one = parcel(tmp_path, 1)
    one.pictures[0].path.unlink()
    with pytest.raises(RefusedParcelError, match="cannot be read"):
        open_sink({"kind": "folder", "path": str(tmp_path / "out")}).emit(one)


def test_a_result_without_a_day_is_refused(tmp_path):
    one = parcel(tmp_path, 1, at="yesterday")
    for kind in ("folder", "csv"):
        with pytest.raises(RefusedParcelError, match=r'at: expected a date.*"yesterday"'):
            open_sink({"kind": kind, "path": str(tmp_path / "out")}).emit(one)


@pytest.mark.parametrize("text", ["a/b", "../x", ".hidden", "", "ä", "a b", "con:1", "x" * 300])
def test_a_piece_of_a_name_is_plain_and_its_own(text):
    word = file_word(text)
    assert word == file_word(text)
    assert word.strip("abcdefghijklmnopqrstuvwxyz0123456789_.~-ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
    assert not word.startswith(".")
    assert 0 < len(word) <= 100
    assert word not in {file_word(other) for other in ("a_b", "a.b", "x") if other != text}


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_has_a_row_a_part_with_what_people_ask_for(tmp_path):
    sink = open_sink({"kind": "csv", "path": str(tmp_path / "out")})
    sink.emit(parcel(tmp_path, 1, detail="=1+1; a\nb", confidences=(0.9, 0.8)))
    sink.emit(parcel(tmp_path, 2, Verdict.UNKNOWN, reason=Reason.LATE))
    sink.close()
    first, second = rows(tmp_path / "out" / "results-2026-03-04.csv")
    assert first["detail"] == "'=1+1; a b", "no calculator takes a text for a formula"
    assert (first["verdict"], first["objects"], first["total_ms"], first["serial"]) == (
        "FAIL",
        "2",
        "12.0",
        "S1",
    )
    assert (second["verdict"], second["reason"]) == ("UNKNOWN", "late")


def test_a_row_that_a_crash_tore_is_cut_off_and_written_again(tmp_path):
    settings = {"kind": "csv", "path": str(tmp_path / "out")}
    sink = open_sink(settings)
    for part in range(3):
        sink.emit(parcel(tmp_path, part))
    sink.close()
    path = tmp_path / "out" / "results-2026-03-04.csv"
    path.write_bytes(path.read_bytes()[:-10])
    again = open_sink(settings)
    for part in (2, 3):
        again.emit(parcel(tmp_path, part))
    again.close()
    assert [row["part"] for row in rows(path)] == ["0", "1", "2", "3"]


def test_each_day_has_its_table(tmp_path):
    sink = open_sink({"kind": "csv", "path": str(tmp_path / "out"), "separator": ";"})
    for part, day in enumerate((1, 2, 1)):
        sink.emit(parcel(tmp_path, part, at=at(day)))
    sink.close()
    assert files(tmp_path / "out") == ["results-2026-03-01.csv", "results-2026-03-02.csv"]
    assert (tmp_path / "out" / "results-2026-03-01.csv").read_text().count("\n") == 3


def frames(path):
    video, count = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


def test_a_video_is_closed_when_it_is_full_and_with_its_day(tmp_path):
    out = tmp_path / "out"
    sink = open_sink({"kind": "video", "path": str(out), "frames": 3})
    for part, day in enumerate((1, 1, 1, 1, 2)):
        sink.emit(parcel(tmp_path, part, at=at(day)))
    assert files(out / "top", "*.mp4") == ["2026-03-01-0001.mp4", "2026-03-01-0002.mp4"]
    sink.close()
    names = files(out / "top")
    assert names == ["2026-03-01-0001.mp4", "2026-03-01-0002.mp4", "2026-03-02-0001.mp4"]
    assert [frames(out / "top" / name) for name in names] == [3, 1, 1]


def test_a_video_shows_the_annotated_copy_and_only_the_newest_are_kept(tmp_path):
    out = tmp_path / "out"
    sink = open_sink({"kind": "video", "path": str(out), "frames": 1, "max_files": 2})
    for part in range(4):
        sink.emit(parcel(tmp_path, part))
    assert files(out / "top", "*.mp4") == ["2026-03-04-0003.mp4", "2026-03-04-0004.mp4"]


def test_pictures_of_another_size_begin_another_video(tmp_path):
    out = tmp_path / "out"
    sink = open_sink({"kind": "video", "path": str(out), "frames": 100})
    small, large = parcel(tmp_path, 1), parcel(tmp_path, 2)
    cv2.imwrite(str(large.pictures[1].path), picture(2, Size(height=2 * SIZE.height, width=SIZE.width)))
    for one in (small, large):
        sink.emit(one)
    sink.close()
    assert [frames(path) for path in sorted((out / "top").glob("*.mp4"))] == [1, 1]


def test_a_picture_that_is_none_stops_the_video_with_a_way_out(tmp_path):
    one = parcel(tmp_path, 1)
    one.pictures[1].path.write_bytes(b"none")
    sink = open_sink({"kind": "video", "path": str(tmp_path / "out"), "frames": 1})
    with pytest.raises(OutputError, match="Remove it"):
        sink.emit(one)


def test_parts_without_pictures_show_nothing_and_are_done(tmp_path):
    one = parcel(tmp_path, 1)
    bare = Parcel(one.key, one.record)
    for kind in ("video", "folder"):
        sink = open_sink({"kind": kind, "path": str(tmp_path / kind)})
        sink.emit(bare)
        sink.close()
    assert files(tmp_path / "video") == []
