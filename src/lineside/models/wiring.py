"""Which node of a graph reads what: no more than it takes to see what hangs together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wire:
    """A node and its tensors.

    Attributes:
        name: Its name.
        operator: Its operator.
        reads: Tensors that it reads.
        writes: Tensors that it writes.
    """

    name: str
    operator: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def wiring(model: Path | bytes) -> tuple[Wire, ...]:
    """The nodes of a model's outermost graph, in its order."""
    import onnx

    data = model if isinstance(model, bytes) else Path(model).read_bytes()
    parsed = onnx.load_model_from_string(data)
    return tuple(
        Wire(node.name, node.op_type, tuple(filter(None, node.input)), tuple(filter(None, node.output)))
        for node in parsed.graph.node
    )
