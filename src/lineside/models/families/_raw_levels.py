"""Undecoded anchor heads as evidence: which outputs are levels, what has been done to their values, and by what net."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from lineside.models.graph import CONVOLUTIONS
from lineside.models.head import STRIDE_SETS
from lineside.models.tracing import ints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from lineside.models.graph import Graph
    from lineside.models.head import Head

ANCHORS = 3
"""Boxes a cell: of every YOLO with anchors since the third."""

FORMS = ("a h w v", "a v h w", "av h w", "h w a v", "h w av")
"""Axes of a level behind the batch: anchor, height, width, value; `av` holds all values of an anchor, then the next's."""

Done = Literal["logits", "scores", "centres", "all"]
"""What has been through a sigmoid: nothing, objectness and classes, these and the centres, or everything."""

_DONE: dict[tuple[bool, bool, bool], Done] = {
    (False, False, False): "logits",
    (False, False, True): "scores",
    (True, False, True): "centres",
    (True, True, True): "all",
}
_MOVES = {
    "Cast",
    "DequantizeLinear",
    "Flatten",
    "Identity",
    "QuantizeLinear",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
_JOINS = {"Add", "Concat", "Mul"}  # a bias, the scale of a quantised convolution, or parts put together again
_NO_VALUES = {"Constant", "DynamicQuantizeLinear"}


@dataclass(frozen=True, slots=True)
class Levels:
    """Outputs that are the levels of one head.

    Attributes:
        outputs: Their indices, the finest level first.
        strides: Pixels per cell of each.
        values: Values of a box: five and the classes.
        form: Their axes, one of `FORMS`.
    """

    outputs: tuple[int, ...]
    strides: tuple[int, ...]
    values: int
    form: str

    @classmethod
    def of(cls, head: Head) -> Levels | None:
        """The levels, where every output of the head is one; else `None`."""
        if not 2 <= len(head.shapes) <= 4 or not all(map(head.is_float, range(len(head.shapes)))):
            return None
        return next((found for form in FORMS if (found := cls._as(head, form))), None)

    @classmethod
    def _as(cls, head: Head, form: str) -> Levels | None:
        axes = form.split()
        strides: dict[int, int] = {}
        counts = set()
        for i, shape in enumerate(head.shapes):
            lengths = dict(zip(axes, shape[1:], strict=False))
            height, width = lengths.get("h"), lengths.get("w")
            values = lengths.get("v") or (lengths.get("av") or 0) / ANCHORS
            if len(shape) != len(axes) + 1 or not height or not width or lengths.get("a", ANCHORS) != ANCHORS:
                return None
            stride = head.size.height // height
            if (height * stride, width * stride) != head.size or values < 6 or values % 1:
                return None
            strides[stride] = i
            counts.add(int(values))
        order = tuple(sorted(strides))
        if len(strides) != len(head.shapes) or order not in STRIDE_SETS or len(counts) != 1:
            return None
        return cls(tuple(strides[s] for s in order), order, counts.pop(), form)

    @property
    def value_axis(self) -> int:
        """The axis of an output that holds the values."""
        axes = self.form.split()
        return 1 + axes.index("v" if "v" in axes else "av")

    def done(self, head: Head) -> Done | Literal["unknown", "another"]:
        """What has been done to the values of one convolution a level.

        `unknown` where the structure hides it, `another` where the values do not come from one convolution, or
        those that have been through a sigmoid are none of the known sets.
        """
        found = {self._done(head, output) for output in self.outputs}
        if len(found) == 1:
            return found.pop()
        return "another" if "unknown" not in found or "another" in found else "unknown"

    def _done(self, head: Head, output: int) -> Done | Literal["unknown", "another"]:
        parts = head.segments(output, self.value_axis)
        origins = set[str]()
        through = []
        for part in parts:
            before = _before_sigmoid(head.graph, part.tensor) if part.origin == "Sigmoid" else part.tensor
            found = None if before is None else _convolutions(head.graph, before)
            if not found:
                return "unknown"
            origins |= found
            through += [part.origin == "Sigmoid"] * (part.channels or 0)
        if not parts:
            return "unknown"
        if len(origins) != 1 or len(through) % self.values:
            return "another"
        boxes = np.array(through).reshape(-1, self.values)
        groups = boxes[:, :2], boxes[:, 2:4], boxes[:, 4:]
        if any(group.any() != group.all() for group in groups):
            return "another"
        centres, sides, scores = (bool(group.all()) for group in groups)
        return _DONE.get((centres, sides, scores), "another")


@dataclass(frozen=True, slots=True)
class Net:
    """What the layers before a head say of the project that it comes from.

    Attributes:
        activation: The most frequent one: `silu`, `leaky`, `mish`, `hard_swish` or `other`; of nets that mix
            them, Mish goes first, as only the YOLOv4 family has any.
        pools_down: Whether a maximum over a window of stride 2 makes maps smaller.
        joined_upwards: Whether the coarsest level has seen finer ones again (a path aggregation network).
    """

    activation: str
    pools_down: bool
    joined_upwards: bool

    @classmethod
    def of(cls, head: Head, levels: Levels) -> Net:
        """What is known of the net."""
        nodes = head.graph.model.graph.node
        counts = Counter(kind for node in nodes if (kind := _activation(head.graph, node)))
        most = max(counts, key=counts.__getitem__, default="other")
        coarsest = head.graph.outputs[levels.outputs[-1]].name
        return cls(
            activation="mish" if "mish" in counts else most,
            pools_down=any(n.op_type == "MaxPool" and set(ints(n, "strides")) == {2} for n in nodes),
            joined_upwards=any(n.op_type in {"Resize", "Upsample"} for n in head.graph.upstream(coarsest)),
        )

    def __str__(self) -> str:
        """The net in words, for evidence."""
        name = {"silu": "SiLU", "leaky": "LeakyReLU", "mish": "Mish", "hard_swish": "HardSwish"}
        pools = "pooling" if self.pools_down else "no pooling"
        neck = "a neck that goes down again" if self.joined_upwards else "no neck that goes down again"
        return f"{name.get(self.activation, 'other')} layers, {pools} by 2, {neck}"


def _activation(graph: Graph, node: NodeProto) -> str | None:
    """The activation that a node is, or the last node of."""
    alone = {
        "LeakyRelu": "leaky",
        "Mish": "mish",
        "HardSwish": "hard_swish",
        "Swish": "silu",
        "Relu": "other",
    }
    if node.op_type != "Mul" or len(node.input) != 2:
        return alone.get(node.op_type)
    for gate, value in (node.input, reversed(node.input)):
        maker = graph.maker(gate)
        if maker is None or not maker.input:
            continue
        before = graph.source(maker.input[0])
        if maker.op_type in {"Sigmoid", "HardSigmoid"} and before == graph.source(value):
            return "silu" if maker.op_type == "Sigmoid" else "hard_swish"
        inner = graph.maker(maker.input[0])
        if maker.op_type == "Tanh" and inner is not None and inner.op_type == "Softplus":
            return "mish"
    return None


def _before_sigmoid(graph: Graph, name: str) -> str | None:
    """What the sigmoid behind a tensor was given."""
    for node in _moved(graph, name):
        if node.op_type == "Sigmoid":
            return str(node.input[0])
    return None


def _moved(graph: Graph, name: str) -> Iterator[NodeProto]:
    """The nodes behind a tensor, up to and including the first that does more than move values."""
    while (node := graph.producers.get(name)) is not None and node.input:
        yield node
        if node.op_type not in _MOVES:
            return
        name = node.input[0]


def _convolutions(graph: Graph, name: str) -> set[str]:
    """The convolutions whose values a tensor holds, added, multiplied and moved at most; empty where more was done."""
    found, seen, stack = set[str](), set[str](), [name]
    while stack:
        name = stack.pop()
        node = graph.producers.get(name)
        if node is None or name in seen or node.op_type in _NO_VALUES:
            continue
        seen.add(name)
        if node.op_type in CONVOLUTIONS:
            found.add(node.output[0])
        elif node.op_type in _MOVES:
            stack.append(node.input[0])
        elif node.op_type in _JOINS:
            stack.extend(node.input)
        else:
            return set()
    return found
