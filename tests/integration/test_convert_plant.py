"""NMS put into the shipped model as exporters do, and taken out again: the same defects are found."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lineside import Detector
from lineside.capture.sources import open_sources
from lineside.models import shipped
from lineside.models.file import ModelFile

PICTURES = "synthetic:mixed?count=3&seed=3"
CONFIDENCE, IOU = 0.02, 0.5
SURE = 0.3  # nothing on a test picture that shows no part is that sure


def _with_nms(model, confidence):
    """With rows (M, 7) of an NMS as YOLOv7's export writes them in place of its rows."""
    graph = model.graph
    output = graph.output[0]
    channels = output.type.tensor_type.shape.dim[1].dim_value
    inner = output.name
    constants = {
        "parts": np.array([4, channels - 4]),
        "turn": np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32),
        "far": np.array(4096, np.float32),
        "most": np.array([100]),
        "iou": np.array([IOU], np.float32),
        "confidence": np.array([confidence], np.float32),
        **{f"n{n}": np.array([n]) for n in range(4)},
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    node = helper.make_node
    graph.node.extend(
        [
            node("Transpose", [inner], ["rows"], perm=[0, 2, 1]),
            node("Split", ["rows", "parts"], ["centres", "scores"], axis=2),
            node("MatMul", ["centres", "turn"], ["boxes"]),
            node("ReduceMax", ["scores", "n2"], ["best"], keepdims=1),
            node("Transpose", ["best"], ["best_turned"], perm=[0, 2, 1]),
            node("ArgMax", ["scores"], ["class"], axis=2, keepdims=1),
            node("Cast", ["class"], ["class_float"], to=TensorProto.FLOAT),
            node("Mul", ["class_float", "far"], ["moved"]),
            node("Add", ["boxes", "moved"], ["apart"]),
            node(
                "NonMaxSuppression", ["apart", "best_turned", "most", "iou", "confidence"], ["chosen"], "nms"
            ),
            node("Slice", ["chosen", "n0", "n1", "n1"], ["picture"]),
            node("Slice", ["chosen", "n2", "n3", "n1"], ["row"]),
            node("Concat", ["picture", "row"], ["place"], axis=1),
            node("GatherND", ["boxes", "place"], ["kept_boxes"]),
            node("GatherND", ["class", "place"], ["kept_class"]),
            node("GatherND", ["best", "place"], ["kept_score"]),
            node("Cast", ["kept_class"], ["kept_class_float"], to=TensorProto.FLOAT),
            node("Cast", ["picture"], ["picture_float"], to=TensorProto.FLOAT),
            node(
                "Concat", ["picture_float", "kept_boxes", "kept_class_float", "kept_score"], ["found"], axis=1
            ),
        ]
    )
    output.CopyFrom(helper.make_tensor_value_info("found", TensorProto.FLOAT, ["detections", 7]))
    return model


def _convert(*arguments, code=0):
    command = [sys.executable, "-m", "lineside.cli.app", "convert", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def _write_with_nms(path, confidence):
    model = ModelFile.read(shipped.resolve("shipped:plant")).parse()
    path.write_bytes(_with_nms(model, confidence).SerializeToString())
    onnx.checker.check_model(str(path))
    return path


def test_what_finds_nothing_on_the_test_pictures_is_not_cut_without_others(tmp_path):
    model = _write_with_nms(tmp_path / "nms.onnx", SURE)
    assert "with --data" in _convert(model, tmp_path / "raw.onnx", "--remove-nms", code=2).stderr
    assert not (tmp_path / "raw.onnx").exists()


def test_nms_is_taken_out_of_a_trained_model_and_the_same_defects_are_found(tmp_path):
    with_nms, raw = _write_with_nms(tmp_path / "nms.onnx", CONFIDENCE), tmp_path / "raw.onnx"
    report = json.loads(_convert(with_nms, raw, "--remove-nms", "--data", PICTURES, "--json").stdout)
    assert report["proof"]["pictures"] == 8
    assert report["proof"]["detections"] > 4
    inside = report["nms_inside_was"]
    assert (inside["confidence"], inside["iou"], inside["class_aware"]) == (CONFIDENCE, IOU, True)
    old, new = (Detector(path, cache=tmp_path / "cache") for path in (with_nms, raw))
    assert new.card.family == "yolov8"
    for frame in open_sources([PICTURES])[0]:
        expected = old(frame.image, confidence=CONFIDENCE)
        got = new(frame.image, confidence=CONFIDENCE, iou=IOU, max_detections=100)
        np.testing.assert_allclose(got.xyxy, expected.xyxy, atol=0.05)
        np.testing.assert_array_equal(got.class_id, expected.class_id)
