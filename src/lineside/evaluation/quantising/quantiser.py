"""ONNX Runtime's quantiser and its conversion to half precision: the one place that touches either."""

from __future__ import annotations

import logging
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import NotInstalledError, QuantisationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

Ranges = dict[str, tuple[float, float]]
"""Lowest and highest value by tensor name."""

_ENTROPY_BINS, _ENTROPY_LEVELS = 1024, 128

OPERATORS = (
    "Add",
    "AveragePool",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Flatten",
    "Gemm",
    "GlobalAveragePool",
    "LeakyRelu",
    "MatMul",
    "MaxPool",
    "Mul",
    "Relu",
    "Reshape",
    "Resize",
    "Sigmoid",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
"""Operators that are quantised outside the decode tail. Softmax and normalisation are not: theirs are sums of small numbers."""


def least_divergence(
    counts: NDArray[np.float64], edges: tuple[float, float], limits: tuple[float, float]
) -> tuple[float, float]:
    """The range whose 128 levels tell least apart from the values themselves: TensorRT's calibration by entropy.

    Args:
        counts: How often each bin was met.
        edges: Lowest and highest edge of the bins.
        limits: Lowest and highest value that was met.

    Raises:
        NotInstalledError: The runtime's calibrator is not installed.
        QuantisationError: It fails.
    """
    ort = _tools()
    joined = counts.reshape(_ENTROPY_BINS, -1).sum(axis=1)
    with _translated("calibrated"):
        collector = ort.HistogramCollector(
            method="entropy",
            symmetric=False,
            num_bins=_ENTROPY_BINS,
            num_quantized_bins=_ENTROPY_LEVELS,
            percentile=None,
            scenario=None,
        )
        ends = np.linspace(*edges, _ENTROPY_BINS + 1).astype(np.float32)
        low, high = np.float32(limits[0]), np.float32(limits[1])
        chosen = collector.get_entropy_threshold((joined, ends, low, high, None), _ENTROPY_LEVELS)
    return float(chosen[0]), float(chosen[1])


def to_int8(model: bytes, ranges: Ranges, nodes: Collection[str]) -> bytes:
    """A model whose nodes of the given names compute in int8: QDQ, uint8 activations, int8 weights by channel.

    Args:
        model: The float model, serialised; its nodes have names of their own.
        ranges: What its tensors hold.
        nodes: Names of the nodes to quantise; those of other operators than `OPERATORS` stay in float.

    Raises:
        NotInstalledError: The runtime's quantiser is not installed.
        QuantisationError: It refuses the model.
    """
    ort = _tools()
    with tempfile.TemporaryDirectory(prefix="lineside-") as folder, _translated("quantised"):
        source = Path(folder) / "model.onnx"
        source.write_bytes(model)
        quantizer = ort.QDQQuantizer(
            ort.load_model_with_shape_infer(source),
            per_channel=True,
            reduce_range=False,
            weight_qType=ort.QuantType.QInt8,
            activation_qType=ort.QuantType.QUInt8,
            tensors_range=_tensors_data(ort, ranges),
            nodes_to_quantize=sorted(nodes),
            nodes_to_exclude=[],
            op_types_to_quantize=list(OPERATORS),
            extra_options={"ForceQuantizeNoInputCheck": False},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
        data: bytes = quantizer.model.model.SerializeToString()
    return data


def to_fp16(model: bytes, float_nodes: Collection[str]) -> bytes:
    """A model in half precision but for some nodes, its inputs and its outputs.

    Args:
        model: The float model, serialised; its nodes have names of their own.
        float_nodes: Names of the nodes that stay in float32.

    Raises:
        NotInstalledError: The runtime's converter is not installed.
        QuantisationError: It refuses the model.
    """
    ort = _tools()
    with tempfile.TemporaryDirectory(prefix="lineside-") as folder, _translated("converted to fp16"):
        source = Path(folder) / "model.onnx"
        source.write_bytes(model)
        half = ort.convert_float_to_float16(
            ort.load_model_with_shape_infer(source), keep_io_types=True, node_block_list=sorted(float_nodes)
        )
        data: bytes = half.SerializeToString()
    return data


def _tensors_data(ort: Any, ranges: Ranges) -> Any:
    """The ranges in the runtime's own form."""
    return ort.TensorsData(
        ort.CalibrationMethod.MinMax,
        {
            name: (np.array(low, np.float32), np.array(high, np.float32))
            for name, (low, high) in ranges.items()
        },
    )


def _tools() -> Any:
    """The runtime's functions that are used here, by their own names.

    Raises:
        NotInstalledError: The installed runtime has no quantiser.
    """
    try:
        from onnxruntime.quantization import CalibrationMethod, QuantType
        from onnxruntime.quantization.calibrate import HistogramCollector, TensorsData
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
        from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
        from onnxruntime.transformers.float16 import convert_float_to_float16
    except ImportError as fault:
        raise NotInstalledError(
            f"quantising needs onnxruntime with its quantiser, and this one lacks it ({fault}). "
            "Install it: pip install 'lineside[cpu]'"
        ) from fault
    return SimpleNamespace(
        CalibrationMethod=CalibrationMethod,
        QuantType=QuantType,
        HistogramCollector=HistogramCollector,
        TensorsData=TensorsData,
        QDQQuantizer=QDQQuantizer,
        load_model_with_shape_infer=load_model_with_shape_infer,
        convert_float_to_float16=convert_float_to_float16,
    )


@contextmanager
def _translated(done: str) -> Iterator[None]:
    """Translate the faults of the runtime's tools, and keep what they advise off the terminal.

    Raises:
        QuantisationError: Whatever they raise: their exceptions have no common base.
    """
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    except QuantisationError:
        raise
    except Exception as fault:  # onnxruntime's exceptions have no common base
        text = (str(fault).strip().splitlines() or [""])[0][:300]
        raise QuantisationError(
            f"the model cannot be {done}: onnxruntime says {type(fault).__name__}: {text}. "
            "Export it again with a newer operator set, or use the float file"
        ) from fault
    finally:
        root.setLevel(level)
