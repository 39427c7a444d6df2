"""Forms of a file that are known to run no faster than float32 on a CPU, or slower, and the cure of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineside.models.graph import Graph

_MEASURE = "Measure it with lineside inspect --measure"
_STATIC = "static int8 (QDQ) with uint8 activations and int8 weights by channel"

CURES = {
    "int8 (dynamic)": f"an export in float32, or {_STATIC}",
    "int8 (static)": f"{_STATIC}, or an export in float32",
    "fp16": "an export in float32",
}
"""What to export instead, by the card's word for the precision."""


def slow_forms(graph: Graph, precision: str) -> tuple[str, ...]:
    """What is known against the speed of a graph on a CPU, one warning each.

    Measured with onnxruntime 1.32 on an x86 CPU with AVX-512 VNNI, one thread, against the same network in float32:
    dynamic int8 1.0 to 1.1 times its time, static int8 with signed activations 1.5 times, with unsigned ones half,
    float16 the same.

    Args:
        graph: The graph.
        precision: The card's word for it.
    """
    if precision == "int8 (dynamic)":
        return (
            (
                "dynamic int8 gains no speed on a CPU, as every layer measures its activations anew. "
                f"{_MEASURE}; the cure: {CURES[precision]}"
            ),
        )
    if precision == "int8 (static)" and _has_signed_activations(graph):
        return (
            (
                "static int8 with int8 activations runs slower than float32 on x86 CPUs, where onnxruntime joins only "
                f"uint8 ones into layers of integers. {_MEASURE}; the cure: {CURES[precision]}"
            ),
        )
    if precision == "fp16":
        return (
            (
                "half precision gains no speed on a CPU that computes it in float32, as x86 does. "
                f"{_MEASURE}; the cure: {CURES[precision]}"
            ),
        )
    return ()


def _has_signed_activations(graph: Graph) -> bool:
    """Whether any quantiser of something computed makes int8 of it."""
    for node in graph.model.graph.node:
        if node.op_type == "QuantizeLinear" and len(node.input) > 2:
            zero = graph.constants.get(node.input[2])
            if zero is not None and zero.dtype.name == "int8" and node.input[0] not in graph.constants:
                return True
    return False
