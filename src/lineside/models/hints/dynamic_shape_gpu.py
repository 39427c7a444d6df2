"""`dynamic_shape_gpu`: axes of the picture that the file leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Severity

if TYPE_CHECKING:
    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

SEVERITY = Severity.NOTE
WHY = (
    "it costs nothing on a CPU (0.99 to 1.02). CUDA's exhaustive search for the best convolution begins anew with each new "
    "shape, TensorRT builds an engine for a range of shapes, and CUDA graphs want one"
)
CURE = "for a GPU: lineside convert MODEL OUT.onnx --size WIDTHxHEIGHT --batch 1 --fold; or export it with dynamic=False"


def look(graph: Graph, card: ModelCard) -> str | None:
    """The input and its open axes."""
    free = [
        n
        for n, is_open in (("batch", card.input.dynamic_batch), ("size", card.input.dynamic_size))
        if is_open
    ]
    name = next((tensor.name for tensor in graph.inputs if tensor.name == card.input.name), card.input.name)
    return f'input "{name}" leaves its {" and ".join(free)} open' if free else None
