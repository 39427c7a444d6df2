"""Files that load and run, and must be refused all the same; and files that lie beside their weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.external_data_helper import set_external_data

from lineside.core.errors import SettingsError
from lineside.testing.graphs.anchor_free import anchor_free, detection_parts
from lineside.testing.graphs.builder import GraphBuilder, Output
from lineside.testing.graphs.head import backbone
from lineside.testing.graphs.spec import DEFAULT, GraphSpec, ultralytics_metadata

if TYPE_CHECKING:
    from pathlib import Path

_EXTERNAL_BYTES = 256


def poisoned(
    spec: GraphSpec = DEFAULT, *, value: float = float("nan"), where: Literal["scores", "boxes"] = "scores"
) -> onnx.ModelProto:
    """An anchor-free detector with one damaged weight: the last level's answers carry NaN or infinity.

    Args:
        spec: The outside of the graph.
        value: What stands in the bias of the level's first channel.
        where: Which branch it damages.

    Returns:
        The model. Damaged boxes are not finite; a score of an infinite logit is 1, of a NaN NaN.
    """
    model = anchor_free(spec, dfl=False)
    channels = 4 if where == "boxes" else spec.classes
    for tensor in reversed(model.graph.initializer):
        if (
            tensor.name.startswith("model.conv")
            and tensor.name.endswith("bias")
            and tensor.dims[0] == channels
        ):
            bias = numpy_helper.to_array(tensor).copy()
            bias[0] = value
            tensor.CopyFrom(numpy_helper.from_array(bias, tensor.name))
            break
    return model


def two_scores(spec: GraphSpec = DEFAULT, *, low: float = 0.1, high: float = 0.6) -> onnx.ModelProto:
    """An anchor-free detector whose scores are only ever `low` or `high`; equal values give a constant."""
    b = GraphBuilder(spec)
    boxes, logits = detection_parts(b, backbone(b, b.picture()))
    levels = [b.floats(math.log(score / (1 - score))) for score in (high, low)]
    stuck = b.add("Where", b.add("Greater", logits, b.floats(-2.0)), *levels)
    return _answer(b, boxes, b.add("Sigmoid", stuck))


def scores_above_one(spec: GraphSpec = DEFAULT, *, step: float = 1.66) -> onnx.ModelProto:
    """An anchor-free detector whose scores went through a quantiser with too coarse a step.

    Args:
        spec: The outside of the graph, in `fp32`.
        step: The scores are multiples of it: 1.66 leaves 0 and 1.66, 0.6 leaves 0, 0.6 and 1.2.

    Returns:
        The model.

    Raises:
        SettingsError: The precision is not `fp32`.
    """
    if spec.precision != "fp32":
        raise SettingsError(f'scores_above_one: expected precision "fp32", got "{spec.precision}"')
    b = GraphBuilder(spec)
    boxes, logits = detection_parts(b, backbone(b, b.picture()))
    # Lifted, so that every picture has scores that round up.
    scores = b.add("Sigmoid", b.add("Add", logits, b.floats(4.0)))
    quantiser = [b.floats(step), b.weights("scores_zero_point", np.array(0, np.uint8))]
    scores = b.add("DequantizeLinear", b.add("QuantizeLinear", scores, *quantiser), *quantiser)
    return _answer(b, boxes, scores)


def save_external(
    model: onnx.ModelProto, path: Path, *, location: str = "weights.bin", claim: str | None = None
) -> Path:
    """Write a model whose larger weights lie in a file of their own.

    Args:
        model: The model; it is left as it is.
        path: Where the model goes.
        location: Name of the weights' file, beside it.
        claim: The location that the model names instead, for instance `../weights.bin` or `missing.bin`.

    Returns:
        Path of the weights' file.
    """
    new = onnx.ModelProto()
    new.CopyFrom(model)
    blob = bytearray()
    for tensor in new.graph.initializer:
        data = numpy_helper.to_array(tensor).tobytes()
        if len(data) < _EXTERNAL_BYTES:
            continue
        tensor.raw_data = data
        set_external_data(tensor, claim or location, offset=len(blob), length=len(data))
        tensor.ClearField("raw_data")
        blob += data
    weights = path.parent / location
    weights.write_bytes(blob)
    path.write_bytes(new.SerializeToString(deterministic=True))
    return weights


def _answer(b: GraphBuilder, boxes: str, scores: str) -> onnx.ModelProto:
    spec = b.spec
    out = b.add("Concat", boxes, scores, axis=1)
    shape = (spec.batch, 4 + spec.classes, spec.anchor_dim)
    return b.finish([Output(spec.output_name, out, shape)], ultralytics_metadata(spec, "YOLOv8n", "detect"))
