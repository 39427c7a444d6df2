"""Segmentation with anchors and objectness, as YOLOv5 exports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.core.errors import SettingsError
from lineside.testing.graphs.anchor_based import ANCHORS, cells, decode
from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import backbone
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, yolov5_metadata
from lineside.testing.graphs.tasks import COEFFICIENTS, prototypes

if TYPE_CHECKING:
    import onnx


def yolov5_segmentation(spec: GraphSpec = DEFAULT) -> onnx.ModelProto:
    """The segmentation head of YOLOv5: (N, 3 A, 5 + classes + 32), and prototypes (N, 32, H/4, W/4) as `output1`.

    Raises:
        SettingsError: The size is dynamic, or there are not three strides.
    """
    spec.refuse("yolov5_segmentation")
    if len(spec.strides) != len(ANCHORS):
        raise SettingsError(f"yolov5_segmentation: expected three strides, got {spec.strides}")
    b = GraphBuilder(spec)
    columns = 5 + spec.classes + COEFFICIENTS
    bias = np.tile([0.0] * 4 + [-1.0] + [0.0] * (spec.classes + COEFFICIENTS), 3)
    levels = backbone(b, b.picture())
    maps = [b.conv(level, 3 * columns, bias=bias, gain=1.2) for level in levels]
    decoded = [decode(b, cells(b, m, columns), m, ANCHORS[i], plain=COEFFICIENTS) for i, m in enumerate(maps)]
    out = b.add("Concat", *(b.reshape(d, b.batch, -1, columns) for d in decoded), axis=1)
    quarter = (spec.batch, COEFFICIENTS, spec.size.height // 4, spec.size.width // 4)
    outputs = [
        Output(spec.output_name, out, (spec.batch, 3 * spec.anchors, columns)),
        Output("output1", prototypes(b, levels[0]), quarter),
    ]
    return b.finish(outputs, yolov5_metadata(spec))
