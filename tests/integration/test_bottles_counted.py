"""Bottles on a real video, put and taken by hand: the rule `count` is right wherever their number does not change."""

from __future__ import annotations

import json

import pytest

from lineside import Detector
from lineside.capture.sources import open_sources
from lineside.core.inspection import View
from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judge, open_rule
from zoo import needs_zoo

pytestmark = needs_zoo

STEP = 4  # every fourth frame
BOTTLE = "class 39"  # of COCO; the file does not know the names
SLACK = 6  # frames by which the truth may be wrong at each change, as its note says


@pytest.fixture(scope="module")
def frames(zoo, tmp_path_factory):
    """The views of the stable intervals, each with the number of bottles that truly stand there."""
    truth = json.loads((zoo / "truth" / "bottles.json").read_text())
    detector = Detector(zoo / "models" / "yolox_nano_coco.onnx", cache=tmp_path_factory.mktemp("cache"))
    settings = detector.thresholds(confidence=0.25)
    bottles = {
        frame: span["bottles"]
        for span in truth["count_by_frame"]
        for frame in range(span["first"] + SLACK, span["last"] + 1 - SLACK)
    }
    (video,) = open_sources([str(zoo / "video" / truth["video"])])
    views = []
    for frame in video:
        if frame.sequence % STEP == 0 and frame.sequence in bottles:
            found = detector.timed(frame.image, settings)[0]
            views.append((View("bench", frame=frame, detections=found), bottles[frame.sequence]))
    return detector.names, views


def verdicts(frames, offset, **table):
    """What the rule says of each frame that as many bottles, and `offset` more, are asked for in."""
    names, views = frames
    for view, bottles in views:
        rule = {"kind": "count", "classes": [BOTTLE], "exactly": bottles + offset, **table}
        yield Judge([open_rule(rule, names)], names=names, cameras=["bench"])([view])


def test_the_count_is_right_at_every_stable_interval(frames):
    said = [one.verdict for one in verdicts(frames, 0, min_confidence=0.4)]
    assert len(said) > 250
    assert set(said) == {Verdict.PASS}


@pytest.mark.parametrize("offset", [-1, 1])
def test_another_count_fails(frames, offset):
    assert {one.verdict for one in verdicts(frames, offset, min_confidence=0.4)} == {Verdict.FAIL}


def test_with_a_marginal_zone_nothing_wrong_is_said_and_little_stays_open(frames):
    said = list(verdicts(frames, 0, marginal=[0.25, 0.6]))
    assert not [one for one in said if one.verdict is Verdict.FAIL]
    doubts = [one for one in said if one.verdict is Verdict.UNKNOWN]
    assert len(doubts) < 0.03 * len(said)
    assert {one.reason for one in doubts} <= {Reason.MARGINAL}
