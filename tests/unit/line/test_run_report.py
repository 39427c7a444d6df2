from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from line_standins import SIZE, make_detections, make_frame, make_truth
from lineside.core.errors import OutputError
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict
from lineside.line import charts
from lineside.line.pictures import FailurePictures, mark_truth, side_by_side
from lineside.line.record import RunRecord
from lineside.line.report import Promise, RunReport, SavedPicture
from lineside.line.tally import Tally

EVIL = '<script>alert("x")</script> | [link](x) `code`'
SVG = "{http://www.w3.org/2000/svg}"


def inspection(part, verdict, truth=Verdict.PASS, reason=None, detail="so it is"):
    views = []
    for camera in ("top", "side"):
        frame = make_frame(part, camera, make_truth(part, truth))
        known = {"reason": reason} if reason else {"detections": make_detections()}
        views.append(View(camera, frame=frame, seconds={"capture": 0.01, "run": 0.02}, **known))
    at_s = part * 0.5
    return Inspection(part, verdict, reason, detail, tuple(views), at_s, at_s + 0.05, at_s + 0.2, 0.001)


@pytest.fixture
def report():
    record, tally = RunRecord(), Tally(0.0)
    said = [Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN] * 5
    for part, verdict in enumerate(said):
        reason = Reason.DEVICE_LOST if verdict is Verdict.UNKNOWN else None
        one = inspection(part, verdict, Verdict.FAIL if part % 3 else Verdict.PASS, reason, EVIL)
        tally.trigger()
        tally.answer(one)
        record(one)
    tally.note(1.0, "device.lost", EVIL)
    return RunReport(
        title=f"a run {EVIL}",
        settings={"model": EVIL},
        seconds=10.0,
        deadline_s=0.2,
        statistics=tally.snapshot(10.0),
        rows=record.rows,
        promises=[Promise(True, "every part was answered"), Promise(False, EVIL)],
        pictures=[SavedPicture("pictures/part-1.jpg", "Part 1", EVIL)],
        fault=("device", 3.0, 6.0),
    )


class Page(HTMLParser):
    """The elements of a page, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.loads = []
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [v for k, v in attrs if k in {"src", "href"}]
        if tag not in {"meta", "img", "rect", "line", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"rect", "line"}:
            assert self.open.pop() == tag


def parse(svg):
    return ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def test_the_page_is_whole_escaped_and_loads_nothing_but_its_pictures(report):
    page = Page(report.to_html())
    assert page.open == []
    assert page.tags.count("svg") == 3
    assert "script" not in page.tags
    assert set(page.loads) == {"pictures/part-1.jpg"}


def test_a_broken_promise_is_told(report):
    assert not report.is_kept
    assert 'class="broken"' in report.to_html()
    assert "**broken**" in report.to_markdown()


def test_markdown_cannot_be_broken_out_of(report):
    text = report.to_markdown()
    assert "<script>" not in text
    assert "[link](x)" not in text
    assert "| model | \\<script\\>" in text


def test_the_files_are_written_and_agree(report, tmp_path):
    paths = report.write(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["report.html", "report.md", "report.json"]
    document = json.loads(paths[2].read_text())
    assert document["verdicts"] == {"PASS": 10, "FAIL": 5, "UNKNOWN": 5}
    assert document["reasons"] == {"device_lost": 5}
    assert [part["part"] for part in document["parts"]] == list(range(20))
    assert document["fault"] == {"name": "device", "begin_s": 3.0, "end_s": 6.0}


def test_a_folder_that_is_a_file_is_refused(report, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        report.write(tmp_path / "taken")


def test_the_columns_add_up_to_the_parts(report):
    svg = charts.verdicts_over_time(report.rows, seconds=10.0, fault=report.fault)
    tips = [t.text for t in parse(svg).iter(f"{SVG}title")]
    for verdict, count in report.statistics.verdicts.items():
        told = [int(tip.split(": ")[1].split()[0]) for tip in tips if tip.endswith(verdict)]
        assert sum(told) == count


def test_the_fault_is_shaded_where_it_was(report):
    svg = parse(charts.verdicts_over_time(report.rows, seconds=10.0, fault=("camera", 2.5, 5.0)))
    (shade,) = [r for r in svg.iter(f"{SVG}rect") if r.get("class") == "shade"]
    ticks = {t.text: float(t.get("x")) for t in svg.iter(f"{SVG}text")}
    assert float(shade.get("x")) == pytest.approx((ticks["2 s"] + ticks["3 s"]) / 2, abs=0.2)
    assert float(shade.get("x")) + float(shade.get("width")) == pytest.approx(ticks["5 s"], abs=0.2)


@pytest.mark.parametrize("seconds", [0.05, 1.0, 20.0, 3600.0, 1e6])
def test_a_run_of_any_length_has_a_chart_inside_its_frame(seconds):
    record = RunRecord()
    for part in (0, 1, 2):
        record(inspection(part, Verdict.PASS))
    svg = parse(charts.verdicts_over_time(record.rows, seconds=seconds))
    for rect in svg.iter(f"{SVG}rect"):
        assert 0 <= float(rect.get("x")) <= 880
        assert float(rect.get("height")) >= 0


def test_the_stages_are_told_with_their_median(report):
    svg = charts.stage_times(report.rows, deadline_s=0.2)
    texts = [t.text for t in parse(svg).iter(f"{SVG}text")]
    assert "p50 20 · p99 20 ms" in texts
    assert "deadline 200 ms" in texts
    assert [t for t in texts if t in {"capture", "run", "judge", "total"}] == [
        "capture",
        "run",
        "judge",
        "total",
    ]


def test_charts_of_nothing_are_charts():
    parse(charts.verdicts_over_time([], seconds=1.0))
    parse(charts.stage_times([], deadline_s=0.2))


def test_the_grid_names_what_must_not_be(report):
    svg = charts.truth_against_verdict(report.statistics.against.matrix)
    texts = [t.text for t in parse(svg).iter(f"{SVG}text")]
    against = report.statistics.against
    assert f"{against.escapes} escapes" in texts
    assert f"{against.overkills} overkill{'' if against.overkills == 1 else 's'}" in texts


def test_failures_escapes_and_overkills_are_saved_and_nothing_else(tmp_path):
    sink = FailurePictures(tmp_path, limit=2)
    sink.emit(inspection(0, Verdict.PASS))
    sink.emit(inspection(1, Verdict.UNKNOWN, Verdict.FAIL, Reason.LATE))
    for part in (2, 3, 4):
        sink.emit(inspection(part, Verdict.FAIL, Verdict.FAIL))
    sink.emit(inspection(5, Verdict.PASS, Verdict.FAIL))
    sink.emit(inspection(6, Verdict.FAIL, Verdict.PASS))
    sink.close()
    names = ["part-00005-escape.jpg", "part-00006-overkill.jpg", "part-00002-fail.jpg", "part-00003-fail.jpg"]
    assert [picture.path for picture in sink.saved] == [f"pictures/{name}" for name in names]
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == sorted(names)
    saved = cv2.imread(str(tmp_path / "pictures" / names[0]))
    assert saved.shape == (SIZE.height, 2 * SIZE.width + 6, 3)


def test_a_part_without_any_picture_has_no_panels():
    lost = View("top", reason=Reason.NO_FRAME)
    part = Inspection(0, Verdict.UNKNOWN, Reason.NO_FRAME, "", (lost,), 0.0, 0.1, 0.2)
    assert side_by_side(part) is None


def test_the_truth_is_marked_around_its_box_and_not_on_it():
    canvas = np.full((100, 100, 3), 90, np.uint8)
    truth = make_truth(0, Verdict.FAIL)
    truth.xyxy[0] = (40, 40, 60, 60)
    mark_truth(canvas, truth)
    assert (canvas == 255).any()
    assert (canvas[40:60, 40:60] == 90).all()
