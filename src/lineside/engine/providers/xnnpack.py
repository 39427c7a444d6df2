"""XNNPACK: Google's kernels for ARM and x86 processors; in no wheel of the package index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.engine.options import Kind, Option
from lineside.engine.provider import Callers, Device, Keeps, Provider
from lineside.engine.providers.cpu import cpu_name

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_FROM = "ONNX Runtime's documentation of 1.32"
"""No wheel holds the provider, so its only option was read there."""

_OPTIONS = (
    Option(
        "intra_op_num_threads",
        Kind.INTEGER,
        "Threads of XNNPACK's own pool, which stands beside the session's.",
        default="1",
        unit="threads",
        least=1,
        most=1024,
    ),
)


def _find_devices() -> tuple[Device, ...]:
    return (Device("xnnpack", "0", cpu_name(), None, "cpu"),)


def _precision_of(_: Mapping[str, str]) -> str:
    return "float32"


PROVIDER = Provider(
    name="xnnpack",
    title="XNNPACK",
    runtime_name="XnnpackExecutionProvider",
    extra=None,
    packages=(),
    options=_OPTIONS,
    faults=(),
    find_devices=_find_devices,
    precision_of=_precision_of,
    callers=Callers.FREE,
    keeps=Keeps.NOTHING,
    least_share=0.6,
    thread_option="intra_op_num_threads",
    notes=(
        "No wheel has it: build ONNX Runtime with --use_xnnpack and install that wheel.",
        "It takes convolutions, products, pooling, resizing and softmax; the rest of a YOLO stays with the CPU provider.",
    ),
)
