"""Write the eight-bit variant of an exported model: `python -m plant_model.quantise --out DIR`.

Static quantisation by ONNX Runtime's own quantiser, calibrated on frames of the training seeds. The last
convolutions and the arithmetic behind them stay in float: boxes of hundreds of pixels and scores between 0 and 1
must never share one quantiser.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from plant_model.pool import FIRST_SEED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
_PLANTS = (("disc", "day"), ("cap", "night"), ("disc", "night"), ("cap", "day"))


def calibration_frames(count: int) -> Iterator[NDArray[np.float32]]:
    """Frames of training seeds as the model takes them, float32 (1, 3, 640, 640), RGB, 0 to 1."""
    share = -(-count // len(_PLANTS))
    for i, (product, lighting) in enumerate(_PLANTS):
        plant = Plant(PlantSettings(product, FIRST_SEED + i, lighting=lighting, defect_rate=0.5))
        for number in range(share):
            image, _ = plant.render(number * 101, number % 2)
            yield np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 255


class _Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime ships no types
    """The frames in the form that the quantiser asks for."""

    def __init__(self, name: str, frames: Iterator[NDArray[np.float32]]) -> None:
        self._name, self._frames = name, frames

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next frame by input name, or `None` at the end."""
        frame = next(self._frames, None)
        return None if frame is None else {self._name: frame}


def tail(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes from the last convolutions on, which stay in float."""
    producers = {name: node for node in model.graph.node for name in node.output}
    open_names, found = [model.graph.output[0].name], []
    while open_names:
        node = producers.get(open_names.pop())
        if node is None or node.name in found:
            continue
        found.append(node.name)
        if node.op_type != "Conv":
            open_names += list(node.input)
    return found


def quantise(source: Path, target: Path, *, method: str = "minmax", frames: int = 64) -> None:
    """Write the eight-bit variant of a model.

    Args:
        source: The float32 model.
        target: The file to write.
        method: One of `METHODS`.
        frames: Frames to calibrate on.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(prepared)
        extra: dict[str, Any] = {"CalibPercentile": 99.995} if method == "percentile" else {}
        quantize_static(
            str(prepared),
            str(target),
            _Reader(model.graph.input[0].name, calibration_frames(frames)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=tail(model),
            calibrate_method=METHODS[method],
            extra_options=extra,
        )
    _describe(source, target, {"calibration": method, "frames": str(frames)})


def _describe(source: Path, target: Path, facts: dict[str, str]) -> None:
    """Give the variant the description of its source."""
    original, model = onnx.load(source), onnx.load(target)
    model.producer_name, model.producer_version = original.producer_name, ""
    del model.metadata_props[:]
    model.metadata_props.extend(original.metadata_props)
    for key, value in facts.items():
        model.metadata_props.add(key=f"quantisation.{key}", value=value)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def main() -> None:
    """Read the command line and quantise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder with plant.onnx; gets plant-int8.onnx"
    )
    parser.add_argument("--method", choices=sorted(METHODS), default="minmax")
    parser.add_argument("--frames", type=int, default=64)
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser advises what has just been done
    target = options.out / "plant-int8.onnx"
    quantise(options.out / "plant.onnx", target, method=options.method, frames=options.frames)
    print(target, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
