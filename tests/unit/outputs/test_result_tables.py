"""Tables for programs hold every picture, in strict JSON or CSV."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import pytest

from lineside.core.errors import ImageFileError, OutputError
from lineside.outputs.records import Record
from lineside.outputs.tables import CSV_COLUMNS, Csv, JsonDocument, JsonLines


@pytest.fixture
def records(found):
    return [
        Record("a.jpg", 0, found((1, 2, 30.5, 40, 0.9, 1), (0, 0, 9, 9, 0.5, 6))),
        Record("b.jpg", 1, found()),
        Record("c.jpg", 2, ImageFileError('c.jpg: the file is empty, "0" bytes')),
        Record("clip.mp4", 7, found((3, 4, 5, 6, 0.25, 0), truncated=True), time_s=0.35),
    ]


def written(table, records):
    stream = io.StringIO()
    with table(stream) as open_table:
        for record in records:
            open_table.write(record)
    return stream.getvalue()


def strict(text):
    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_json_lines_hold_one_object_a_picture(records):
    lines = [strict(line) for line in written(JsonLines, records).splitlines()]

    assert lines[0] == {
        "source": "a.jpg",
        "sequence": 0,
        "time_s": None,
        "width": 160,
        "height": 120,
        "truncated": False,
        "detections": [
            {"class_id": 1, "name": "dent", "confidence": 0.9, "xyxy": [1.0, 2.0, 30.5, 40.0]},
            {"class_id": 6, "name": "划痕", "confidence": 0.5, "xyxy": [0.0, 0.0, 9.0, 9.0]},
        ],
    }
    assert lines[1]["detections"] == []
    assert lines[2] == {
        "source": "c.jpg",
        "sequence": 2,
        "time_s": None,
        "error": {"code": "image.file", "message": 'c.jpg: the file is empty, "0" bytes'},
    }
    assert (lines[3]["time_s"], lines[3]["truncated"]) == (0.35, True)


def test_a_json_document_is_the_same_objects_in_an_array(records):
    document = strict(written(JsonDocument, records))

    assert document == [strict(line) for line in written(JsonLines, records).splitlines()]


def test_no_picture_is_an_empty_document():
    assert written(JsonLines, []) == ""
    assert strict(written(JsonDocument, [])) == []
    assert written(Csv, []) == ",".join(CSV_COLUMNS) + "\n"


def test_a_json_document_that_broke_off_is_not_valid(records):
    stream = io.StringIO()
    JsonDocument(stream).write(records[0])

    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_csv_has_one_row_a_detection_and_loses_no_picture(records):
    rows = list(csv.DictReader(io.StringIO(written(Csv, records))))

    assert tuple(rows[0]) == CSV_COLUMNS
    assert [(r["source"], r["status"]) for r in rows] == [
        ("a.jpg", "ok"),
        ("a.jpg", "ok"),
        ("b.jpg", "empty"),
        ("c.jpg", "image.file"),
        ("clip.mp4", "ok"),
    ]
    boxes = [[float(r[c]) for c in ("x1", "y1", "x2", "y2")] for r in rows[:2]]
    assert boxes == [[1, 2, 30.5, 40], [0, 0, 9, 9]]
    assert [(r["class_id"], r["name"], r["confidence"]) for r in rows[:2]] == [
        ("1", "dent", "0.9"),
        ("6", "划痕", "0.5"),
    ]
    assert [r["truncated"] for r in rows] == ["false", "false", "false", "", "true"]
    assert rows[2]["x1"] == rows[2]["name"] == ""
    assert rows[3]["message"] == 'c.jpg: the file is empty, "0" bytes'
    assert (rows[4]["sequence"], rows[4]["time_s"]) == ("7", "0.35")


def test_csv_quotes_what_would_break_a_row(found):
    names = ('say "no", twice\nor more',)
    text = written(Csv, [Record("a,b.jpg", 0, found((1, 1, 2, 2, 0.5, 0), names=names))])

    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["source"], row["name"]) == ("a,b.jpg", names[0])


@pytest.mark.parametrize("table", [JsonLines, JsonDocument, Csv])
def test_a_file_appears_when_the_table_is_complete(tmp_path, records, table):
    path = tmp_path / "results"
    path.write_text("old")

    with table(path) as open_table:
        for record in records:
            open_table.write(record)
        assert path.read_text() == "old"

    assert path.read_text(encoding="utf-8") == written(table, records)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("table", [JsonLines, JsonDocument, Csv])
def test_a_run_that_breaks_off_leaves_the_old_file(tmp_path, records, table):
    path = tmp_path / "results"
    path.write_text("old")

    def run():
        with table(path) as open_table:
            open_table.write(records[0])
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("table", [JsonLines, JsonDocument, Csv])
def test_a_missing_folder_is_told(tmp_path, table):
    with pytest.raises(OutputError, match=r"nowhere.r\.json: cannot be written: No such file or directory"):
        table(tmp_path / "nowhere" / "r.json")


def test_a_folder_is_no_place_for_a_table(tmp_path):
    with pytest.raises(OutputError, match="this is a folder"):
        Csv(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("table", [JsonLines, JsonDocument, Csv])
def test_a_full_disk_is_told(records, table):
    def run():
        with table(Path("/dev/full")) as open_table:
            for record in records * 500:
                open_table.write(record)

    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left on device"):
        run()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_stream_on_a_full_disk_is_told(records):
    # Opened without a with block: closing it would try to write the rest once more.
    stream = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", encoding="utf-8")
    with pytest.raises(OutputError, match="No space left"):
        JsonLines(stream).write(records[0])
    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_a_stream_whose_reader_has_gone_is_told(records):
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", encoding="utf-8")
    with pytest.raises(OutputError, match="Broken pipe"):
        JsonLines(stream).write(records[0])
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_stream_is_flushed_after_each_picture_and_left_open(records):
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as lines, os.fdopen(writer, "w", encoding="utf-8") as stream:
        table = JsonLines(stream)
        table.write(records[1])
        assert strict(lines.readline().decode())["source"] == "b.jpg"
        table.close()
        assert not stream.closed


def narrow_stream():
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def test_a_narrow_terminal_gets_json_all_the_same(records):
    stream = narrow_stream()
    JsonLines(stream).write(records[0])

    assert strict(stream.buffer.getvalue().decode("ascii"))["detections"][1]["name"] == "划痕"


def test_a_narrow_terminal_gets_csv_with_escapes(records):
    stream = narrow_stream()
    Csv(stream).write(records[0])

    assert r"\u5212\u75d5" in stream.buffer.getvalue().decode("ascii")


@pytest.mark.skipif(sys.platform != "linux", reason="only here is a file name any bytes")
@pytest.mark.parametrize("table", [JsonLines, JsonDocument, Csv])
def test_a_file_name_that_is_no_text_is_written(tmp_path, found, table):
    source = os.fsdecode(b"caf\xe9.jpg")
    path = tmp_path / "results"
    with table(path) as open_table:
        open_table.write(Record(source, 0, found()))

    assert r"caf\udce9.jpg" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [JsonLines, JsonDocument])
def test_a_number_that_json_cannot_hold_is_refused(found, table):
    with pytest.raises(OutputError, match=r"a\.mp4 #3: the result holds a number that JSON cannot hold"):
        table(io.StringIO()).write(Record("a.mp4", 3, found(), time_s=float("nan")))
