"""The latest picture of each view in a folder."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

from lineside import Detections, Size
from lineside.core.errors import OutputError
from lineside.core.frame import Frame
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.live_view import LiveView

SIZE = Size(height=60, width=80)


def frame(camera, part, grey=False):
    return Frame(np.full(SIZE if grey else (*SIZE, 3), 90, np.uint8), camera, part, part=part)


def seen():
    box = np.array([[10, 10, 40, 40]], np.float32)
    return Detections(box, np.array([0.9], np.float32), np.zeros(1, np.int32), ("dent",), SIZE)


def inspection(part, *views):
    views = views or (View("top", frame=frame("top", part), detections=seen()),)
    return Inspection(part, Verdict.FAIL, None, "dent", tuple(views), 0.0, 0.1, 0.2)


def until(holds):
    end_s = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_each_view_has_its_picture_and_the_page_shows_them(tmp_path):
    view = LiveView(tmp_path / "view", note=lambda *_: None)
    views = (
        View("top/1", frame=frame("top", 1), detections=seen()),
        View("side", frame=frame("side", 1, grey=True), reason=Reason.LATE, detail="late"),
        View("back", reason=Reason.NO_FRAME, detail="away"),
    )
    view.show(inspection(1, *views))
    view.close()
    pictures = {
        path.name.partition("~")[0]: cv2.imread(str(path)) for path in (tmp_path / "view").glob("*.jpg")
    }
    assert set(pictures) == {"top_1", "side.jpg", "back.jpg"}
    assert pictures["side.jpg"].shape[1] == 80
    assert pictures["side.jpg"].shape[0] > 60, "the bar with the verdict is above the picture"
    page = (tmp_path / "view" / "index.html").read_text()
    assert all(path.name in page for path in (tmp_path / "view").glob("*.jpg"))
    assert not list((tmp_path / "view").glob(".*"))


def test_the_newest_wins_and_nobody_waits(tmp_path):
    view = LiveView(tmp_path, note=lambda *_: None, period_s=60)
    view.show(inspection(0))
    until((tmp_path / "index.html").exists)
    for part in range(1, 200):
        view.show(inspection(part))
    assert view.skipped == 198
    before = (tmp_path / "top.jpg").read_bytes()
    view.close()
    view.close()
    assert (tmp_path / "top.jpg").read_bytes() != before, "the last one is drawn at the end"
    assert not any(thread.name == "view" for thread in threading.enumerate())


def test_a_folder_that_is_gone_is_told_once_and_ends_nothing(tmp_path):
    notes = []
    view = LiveView(tmp_path / "view", note=lambda code, _: notes.append(code), period_s=0)
    (tmp_path / "view").rmdir()
    view.show(inspection(0))
    until(lambda: notes == ["view.unwritten"])
    view.show(inspection(1))
    until(lambda: view._newest is None)
    (tmp_path / "view").mkdir()
    view.show(inspection(2))
    until(lambda: notes[-1] == "view.written")
    view.close()
    assert notes == ["view.unwritten", "view.written"]


def test_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "view").write_text("")
    with pytest.raises(OutputError):
        LiveView(tmp_path / "view", note=lambda *_: None)
