"""Bottles on a real video, put and taken by hand, against a count that was checked by eye."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np

from lineside import Detector
from lineside.capture.sources import open_sources
from lineside.core.frame import Frame
from lineside.tracking.counting import ZoneCounter
from lineside.tracking.settings import TrackerSettings
from lineside.tracking.tracker import Tracker
from zoo import needs_zoo

pytestmark = needs_zoo

STEP = 4  # every fourth frame: the others are lost ones to the tracker
BOTTLE = 39
SLACK = 6  # frames by which the truth may be wrong at each change, as its note says


def test_each_bottle_is_counted_once_though_three_of_four_frames_are_lost(zoo, tmp_path):
    truth = json.loads((zoo / "truth" / "bottles.json").read_text())
    detector = Detector(zoo / "models" / "yolox_nano_coco.onnx", cache=tmp_path)
    settings = detector.thresholds(confidence=0.1, classes=[BOTTLE])
    tracker = Tracker(TrackerSettings(confidence=0.4, low_confidence=0.1))
    height, width = truth["size"][1], truth["size"][0]
    everywhere = ZoneCounter([(0, 0), (width, 0), (width, height), (0, height)])
    present = np.full(truth["frames"], -1)
    (video,) = open_sources([str(zoo / "video" / truth["video"])])
    for frame in video:
        assert isinstance(frame, Frame)
        if frame.sequence % STEP == 0:
            tracks = tracker.update(detector.timed(frame.image, settings)[0], sequence=frame.sequence)
            everywhere.update(tracks)
            present[frame.sequence] = (tracks.track_id > 0).sum()

    counts = [span["bottles"] for span in truth["count_by_frame"]]
    arrived = counts[0] + sum(max(b - a, 0) for a, b in pairwise(counts))
    assert everywhere.entered.total() == arrived == 7
    assert len(everywhere.present) == counts[-1]
    right = [
        present[frame] == span["bottles"]
        for span in truth["count_by_frame"]
        for frame in range(span["first"] + SLACK, span["last"] + 1 - SLACK)
        if frame % STEP == 0
    ]
    # An object is confirmed in its third frame, eight frames later than it came.
    assert np.mean(right) >= 0.97
