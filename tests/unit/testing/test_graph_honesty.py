"""The test graphs end as real exports end: compared with real files, where there are some."""

import onnx
import pytest

from lineside.core.geometry import Size
from lineside.testing.graphs import (
    GraphSpec,
    anchor_free,
    dead_static_int8,
    end_to_end,
    oriented_boxes,
    picodet,
    pose,
    quantise_dynamic,
    segmentation,
    yolox,
)

QUANTISERS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}


def tail(model, depth):
    """Operators from the first output upwards, as nested tuples; quantisers left out."""
    makers = {name: node for node in model.graph.node for name in node.output}
    fixed = {t.name for t in model.graph.initializer}

    def look(name, left):
        node = makers.get(name)
        if node is None or left == 0:
            return "..."
        if node.op_type in QUANTISERS:
            return look(node.input[0], left)
        above = [look(i, left - 1) for i in node.input if i and i not in fixed and not constant(i)]
        op = "Slice" if node.op_type == "Split" and len(node.output) == 2 else node.op_type
        return (op, *above)

    def constant(name):
        node = makers.get(name)
        return node is not None and (
            node.op_type == "Constant" or all(i in fixed or constant(i) for i in node.input)
        )

    return look(model.graph.output[0].name, depth)


@pytest.mark.parametrize(
    ("file", "model", "depth"),
    [
        ("yolov8n_coco_qdq_640", anchor_free(), 6),
        ("yolov8n_ppe14_qdq_320", dead_static_int8(), 6),
        ("yolov8n-seg_coco_dynint8_320", quantise_dynamic(segmentation()), 9),
        ("yolo11n-pose_coco_fp32_640", pose(), 8),
        ("yolov8n-obb_taufibrils_fp32_640", oriented_boxes(), 9),
        ("yolox_nano_coco", yolox(), 6),
        ("yolo26n_coco_dynint8_640", quantise_dynamic(end_to_end()), 12),
        ("picodet_cdla_800x608", picodet(GraphSpec(size=Size(128, 128), strides=(8, 16, 32, 64))), 4),
    ],
)
def test_the_tail_is_that_of_the_real_export(file, model, depth, zoo):
    real = onnx.load(zoo / "models" / f"{file}.onnx", load_external_data=False)
    assert tail(model, depth) == tail(real, depth)
