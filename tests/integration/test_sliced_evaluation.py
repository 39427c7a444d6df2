"""Large pictures judged on a data set: in slices the mAP is that of one large run."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lineside.core.geometry import Size
from lineside.detector.detector import Detector
from lineside.detector.slicing import SlicedDetector
from lineside.evaluation.dataset import open_dataset
from lineside.evaluation.evaluation import evaluate
from lineside.testing.graphs import SPOT_CLASSES, colour_spots, draw_spots

BOARD = Size(height=800, width=1280)
SLICE = Size(height=320, width=320)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set of large pictures with many small spots."""
    folder = tmp_path_factory.mktemp("boards")
    for name in ("images", "labels"):
        (folder / name).mkdir()
    rng = np.random.default_rng(23)
    for number in range(4):
        drawn = draw_spots(rng, BOARD, 15 * number, side_px=(22, 38))
        cv2.imwrite(str(folder / "images" / f"{number}.png"), drawn.image)
        centres = np.hstack(
            [(drawn.xyxy[:, :2] + drawn.xyxy[:, 2:]) / 2, drawn.xyxy[:, 2:] - drawn.xyxy[:, :2]]
        ) / np.tile([BOARD.width, BOARD.height], 2)
        lines = [
            f"{c} " + " ".join(f"{v:.7f}" for v in b) for c, b in zip(drawn.class_id, centres, strict=True)
        ]
        (folder / "labels" / f"{number}.txt").write_text("\n".join(lines))
    (folder / "classes.txt").write_text("\n".join(SPOT_CLASSES))
    return folder


@pytest.fixture(scope="module")
def detectors(tmp_path_factory):
    """The same detector with an input as large as the pictures, and with one of a tenth of them."""
    folder = tmp_path_factory.mktemp("models")
    for name, size in (("large", BOARD), ("small", SLICE)):
        (folder / f"{name}.onnx").write_bytes(colour_spots(size).SerializeToString())
    return [Detector(folder / f"{name}.onnx", cache=folder / "cache") for name in ("large", "small")]


def test_the_map_in_slices_is_that_of_one_large_run(detectors, folder):
    large, small = detectors
    dataset = open_dataset(folder, images=None, model_names=large.names)
    once = evaluate(large, dataset)
    sliced = evaluate(SlicedDetector(small, overlap=0.2), dataset)
    assert once.map50_95 > 0.8
    assert sliced.map50_95 >= once.map50_95 - 0.01
    assert sliced.map50 >= once.map50 - 0.01
    assert len(sliced.examined) == 4
