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

_MOVES = {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
_CURE = "Export it again with the decode tail (the last Concat and what follows it) left in float"


def refuse_quantised_answer(graph: Graph, file: str) -> None:
    """Refuse an answer of boxes and scores that left one quantiser together.

    One scale that covers boxes of hundreds of pixels has no steps left for scores between 0 and 1.

    Raises:
        DeadModelError: A float output comes straight from one DequantizeLinear over a Concat.
    """
    rows = [tensor for tensor in graph.outputs if len(tensor.shape) == 3]
    for tensor in rows if len(rows) == 1 else []:  # of several, one may hold nothing but scores
        node = graph.producers.get(tensor.name)
        while node is not None and node.op_type in _MOVES and node.input:
            node = graph.producers.get(node.input[0])
        if node is None or node.op_type != "DequantizeLinear":
            continue
        joined = graph.maker(node.output[0])
        while joined is not None and joined.op_type in _MOVES and joined.input:
            joined = graph.maker(joined.input[0])
        if joined is not None and joined.op_type == "Concat":
            raise DeadModelError(
                f'{file}: dead export: output "{tensor.name}" comes straight from one DequantizeLinear over '
                f"boxes and scores; its one scale rounds every score to a few values. {_CURE}"
            )


def refuse_not_finite(outputs: Sequence[NDArray[Any]], file: str) -> None:
    """Refuse a model whose answer to the test picture holds NaN or infinite values.

    Raises:
        DeadModelError: It does.
    """
    for output in outputs:
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            raise DeadModelError(
                f"{file}: dead export: the answer to a test picture holds NaN or infinite values. "
                "A half precision export that overflows does this; export it in float32"
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
        DeadModelError: NaN or infinite values, scores below 0 or above 1, or at most two distinct scores (of a
            classifier: one).
    """
    refuse_not_finite(outputs, file)
    scores = family.scores(outputs, spec)
    if scores.size == 0 and nms_inside:
        return
    low, top = float(scores.min(initial=0)), float(scores.max(initial=0))
    if low < -0.001 or top > 1.001:
        raise DeadModelError(
            f"{file}: dead export: scores from {low:.2f} to {top:.2f} on a test picture; probabilities lie "
            f"between 0 and 1. Where the sigmoid was left out, export it with it. {_CURE}"
        )
    distinct = [] if nms_inside else _first_distinct(scores)
    # One row of a classifier that is sure holds few values; without any difference it says nothing.
    if len(distinct) in ({1} if spec.task == "classify" else {1, 2}):
        values = " and ".join(f"{v:.3g}" for v in distinct)
        raise DeadModelError(
            f"{file}: dead export: all {scores.size} scores of a test picture are {values}; "
            f"it would find nothing, or everything. {_CURE}"
        )


def _first_distinct(scores: NDArray[Any]) -> list[float]:
    """Up to three distinct values, ascending; without sorting, as there may be a million."""
    found: list[float] = []
    rest = scores.reshape(-1)
    while rest.size and len(found) < 3:
        found.append(float(rest[0]))
        rest = rest[rest != rest[0]]
    return sorted(found)
