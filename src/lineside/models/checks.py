"""Dead exports: files that load and run but cannot detect anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import DeadModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.graph import Graph
    from lineside.models.head import Family
    from lineside.models.spec import HeadSpec

_CURE = "Export it again with the decode tail (the last Concat and what follows it) left in float"


def refuse_quantised_answer(graph: Graph, file: str) -> None:
    """Refuse an answer of boxes and scores that left one quantiser together.

    One scale that covers boxes of hundreds of pixels has no steps left for scores between 0 and 1.

    Raises:
        DeadModelError: A float output comes straight from one DequantizeLinear over a Concat.
    """
    for tensor in graph.outputs:
        node = graph.producers.get(tensor.name)
        if node is None or node.op_type != "DequantizeLinear" or len(tensor.shape) != 3:
            continue
        joined = graph.maker(tensor.name)
        while joined is not None and joined.op_type in {"Transpose", "Reshape"}:
            joined = graph.maker(joined.input[0])
        if joined is not None and joined.op_type == "Concat":
            raise DeadModelError(
                f'{file}: dead export: output "{tensor.name}" comes straight from one DequantizeLinear over '
                f"boxes and scores; its one scale rounds every score to a few values. {_CURE}"
            )


def refuse_dead_answer(
    family: Family, outputs: Sequence[NDArray[Any]], spec: HeadSpec, *, nms_inside: bool, file: str
) -> None:
    """Refuse a model whose answer to the test picture no working model gives.

    Args:
        family: The head's family.
        outputs: The run's outputs.
        spec: The head.
        nms_inside: Whether the file carries NMS: then an empty answer is legal.
        file: The model's name, for the message.

    Raises:
        DeadModelError: NaN or infinite values, scores above 1, or at most two distinct scores.
    """
    for output in outputs:
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            raise DeadModelError(
                f"{file}: dead export: the answer to a test picture holds NaN or infinite values. "
                "A half precision export that overflows does this; export it in float32"
            )
    scores = family.scores(outputs, spec)
    if scores.size == 0:
        if nms_inside:
            return
        raise DeadModelError(f"{file}: dead export: it answered no scores at all to a test picture. {_CURE}")
    top = float(scores.max())
    if top > 1.001:
        raise DeadModelError(
            f"{file}: dead export: scores up to {top:.2f} on a test picture; probabilities end at 1. {_CURE}"
        )
    if nms_inside:
        return
    low = float(scores.min())
    if not ((scores != low) & (scores != top)).any():
        values = f"{low:.3g}" if low == top else f"{low:.3g} and {top:.3g}"
        raise DeadModelError(
            f"{file}: dead export: all {scores.size} scores of a test picture are {values}; "
            f"it would find nothing, or everything. {_CURE}"
        )
