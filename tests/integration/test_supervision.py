from __future__ import annotations

import numpy as np
import supervision

from lineside import Detections, Size


def found(count: int) -> Detections:
    rng = np.random.default_rng(count)
    corner = rng.uniform(0, 50, (count, 2)).astype(np.float32)
    return Detections(
        np.hstack([corner, corner + 10]),
        np.sort(rng.random(count, np.float32))[::-1].copy(),
        rng.integers(0, 2, count).astype(np.int32),
        ("scratch", "dent"),
        Size(height=100, width=100),
    )


def test_supervision_gets_the_same_boxes():
    ours = found(4)
    theirs = ours.to_supervision()
    assert isinstance(theirs, supervision.Detections)
    np.testing.assert_array_equal(theirs.xyxy, ours.xyxy)
    np.testing.assert_array_equal(theirs.confidence, ours.confidence)
    np.testing.assert_array_equal(theirs.class_id, ours.class_id)
    assert list(theirs.data["class_name"]) == ours.class_name


def test_supervision_gets_an_empty_answer_as_one():
    assert len(found(0).to_supervision()) == 0
