"""The heads of DETRs told apart: a fixed number of queries, each of which answers one box and a score a class.

Exporters write them in five forms:

- `joined`, one output (1, K, 4 + classes): boxes, and scores that went through a sigmoid;
- `logits`, two outputs: boxes (1, K, 4) and class logits (1, K, classes), in either order;
- `scores`, the same with the sigmoid in the graph;
- `chosen`, three outputs: labels (1, K) in whole numbers, boxes (1, K, 4) and scores (1, K), the best K pairs of
  query and class;
- `rows`, PaddleDetection's: the same as rows (K, 6) of label, score and corners, and the number of them, always K.

Boxes are centre and size as shares of the picture, those of the best pairs two corners in pixels of the size that the
graph is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lineside.models.evidence import are_corners, between_0_and_1, in_pixels, is_whole
from lineside.models.families._queries import PAIRS, best_pairs, class_table
from lineside.models.graph import CONVOLUTIONS, WEIGHTED
from lineside.models.head import Match
from lineside.models.spec import HeadSpec, as_float32
from lineside.models.tracing import integer, ints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.graph import Graph
    from lineside.models.head import Head

Stem = Literal["patches", "convolutions"]

_LINEAR = {"Add", "Gemm", "MatMul", "QLinearMatMul"}
_ATTENTION = {"Attention", "MultiHeadAttention", "Softmax"}
_PATCH_PX = 8  # a vision transformer's first layer cuts patches of 8 to 16 pixels
_STEM = (
    3  # RT-DETR's and its heirs' first convolutions; older DETRs, with 7, were trained on normalised pixels
)
_SHARES_BELOW = 4.0  # boxes as shares reach little beyond the picture; in pixels they are far larger


@dataclass(frozen=True, slots=True)
class _Form:
    """Which output holds what."""

    name: str
    boxes: int
    others: tuple[int, ...]
    classes: int
    rows: int
    reason: str


def claim(head: Head, stem: Stem) -> Match | None:
    """The claim of a family of DETRs whose picture enters by `stem`.

    The outputs alone do not tell a network on a vision transformer, which was trained on normalised pixels, from one
    on convolutions, which was not: the first layer does. Where it is neither both families claim the head.

    Args:
        head: The evidence.
        stem: The family's first layer.
    """
    readers = {1: (_joined,), 2: (_apart, _rows), 3: (_chosen,)}.get(len(head.shapes), ())
    form = next((form for form in (reader(head) for reader in readers) if form is not None), None)
    if form is None or not _has_queries(head, form):
        return None
    own = first_layer(head.graph)
    # Ultralytics and PaddleDetection have none over a vision transformer.
    if own not in {stem, None} or (stem == "patches" and form.name in {"joined", "rows"}):
        return None
    sureness, reasons = 0.5, [form.reason, "queries chosen by a top-k attend to each other"]
    if own is not None:
        sureness += 0.1
        first = "cuts the picture into patches" if own == "patches" else "is a small convolution"
        reasons.append(f"the first layer {first}")
    spec = HeadSpec(
        output=form.boxes,
        classes=form.classes or head.names_count or 0,
        strides=(),
        anchors=1,
        channels_first=False,
        size=head.size,
        rows=form.rows,
        others=form.others,
        form=form.name,
    )
    if head.probe is not None:
        if not (_pairs_agree if form.name in PAIRS else _queries_agree)(head.probe, spec):
            return None
        sureness += 0.3
        where = "corners in pixels" if form.name in PAIRS else "centres and sizes as shares of the picture"
        reasons.append(f"in a probe run the boxes are {where}")
    if form.classes and head.names_count == form.classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {form.classes}")
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def is_without_selection(head: Head) -> bool:
    """Whether a head has the form of `logits`, but of learnt queries: their classes may go through a softmax."""
    form = _apart(head) if len(head.shapes) == 2 else None
    if form is None or form.name != "logits":
        return False
    made = {node.op_type for node in head.graph.upstream(head.graph.outputs[form.boxes].name)}
    return bool(made & _ATTENTION) and "TopK" not in made


def first_layer(graph: Graph) -> Stem | None:
    """How the picture enters the network, or `None` where its first layers are neither patches nor small convolutions."""
    stack = [tensor.name for tensor in graph.inputs if len(tensor.shape) == 4]
    seen, steps, kernels = set[int](), [0], [0]
    while stack:
        for node in graph.consumers.get(stack.pop(), []):
            if id(node) in seen or node.op_type == "Shape":
                continue
            seen.add(id(node))
            if node.op_type in CONVOLUTIONS:
                steps.append(max(ints(node, "strides"), default=1))
                kernels.append(max(ints(node, "kernel_shape"), default=_STEM))
            elif node.op_type not in WEIGHTED:
                stack.extend(node.output)
    if max(steps) >= _PATCH_PX:
        return "patches"
    return "convolutions" if 0 < max(kernels) <= _STEM else None


def _joined(head: Head) -> _Form | None:
    """Four values of one sigmoid, and the classes of another."""
    shape = head.shapes[0]
    if len(shape) != 3 or shape[1] is None or shape[2] is None or not head.is_float(0):
        return None
    parts = head.segments(0, 2)
    if [part.origin for part in parts] != ["Sigmoid", "Sigmoid"] or parts[0].channels != 4:
        return None
    classes = shape[2] - 4
    reason = f"{shape[1]} rows of 4 box values from one sigmoid and {classes} scores from another"
    return _Form("joined", 0, (), classes, shape[1], reason)


def _apart(head: Head) -> _Form | None:
    """Boxes and classes as two outputs; where there are four classes too, the classes come from a linear layer."""
    if any(len(s) != 3 or s[1] is None or s[2] is None for s in head.shapes) or not (
        head.is_float(0) and head.is_float(1) and head.shapes[0][1] == head.shapes[1][1]
    ):
        return None
    origins = [[part.origin for part in head.segments(output, 2)] for output in (0, 1)]
    found = []
    for boxes, classes in ((0, 1), (1, 0)):
        made = "".join(origins[classes]) if len(origins[classes]) == 1 else ""
        plain = (
            len(origins[boxes]) == 1 and origins[boxes][0] in _LINEAR
        )  # a box is never a layer's bare answer
        if head.shapes[boxes][2] == 4 and not plain and (made in _LINEAR or made == "Sigmoid"):
            found.append((boxes, classes, made))
    if len(found) != 1:
        return None
    boxes, classes, made = found[0]
    count, rows = head.shapes[classes][2] or 0, head.shapes[classes][1] or 0
    form = "scores" if made == "Sigmoid" else "logits"
    what = "scores from a sigmoid" if made == "Sigmoid" else "class values straight from a linear layer"
    return _Form(form, boxes, (classes,), count, rows, f"{rows} rows of 4 box values, and of {count} {what}")


def _chosen(head: Head) -> _Form | None:
    """Labels, boxes and scores of the best pairs, in any order."""
    boxes = [
        i for i, shape in enumerate(head.shapes) if len(shape) == 3 and shape[2] == 4 and head.is_float(i)
    ]
    flat = [i for i, shape in enumerate(head.shapes) if len(shape) == 2]
    scores = [i for i in flat if head.is_float(i)]
    labels = [i for i in flat if not head.is_float(i)]
    if not (len(boxes) == len(scores) == len(labels) == 1) or len({shape[1] for shape in head.shapes}) != 1:
        return None
    rows = head.shapes[boxes[0]][1] or 0
    classes = _classes(head.graph, head.graph.outputs[labels[0]].name) or 0
    reason = f"{rows} labels, boxes and scores, the best pairs of query and class"
    return _Form("chosen", boxes[0], (scores[0], labels[0]), classes, rows, reason)


def _rows(head: Head) -> _Form | None:
    """Rows of a label, a score and two corners, and their number."""
    rows, number = head.shapes
    if len(rows) != 2 or rows[1] != 6 or rows[0] is None or head.is_float(1) or number not in {(1,), (None,)}:
        return None
    parts = head.segments(0, 1)
    whole = [is_whole(head.graph, part.tensor) for part in parts]
    if [part.channels for part in parts] != [1, 1, 4] or whole != [True, False, False]:
        return None
    classes = _classes(head.graph, parts[0].tensor) or 0
    return _Form("rows", 0, (), classes, rows[0], f"{rows[0]} rows of a label, a score and 4 box values")


def _has_queries(head: Head, form: _Form) -> bool:
    """Whether a top-k, and no NMS, chose what attends to each other."""
    made = {n.op_type for output in head.graph.outputs for n in head.graph.upstream(output.name)}
    by_layer = {n.op_type for n in head.graph.upstream(head.graph.outputs[form.boxes].name)}
    return "TopK" in by_layer and bool(made & _ATTENTION) and "NonMaxSuppression" not in made


def _classes(graph: Graph, labels: str) -> int | None:
    """The number of classes: what splits the flat index of a top-k into query and class."""
    for node in graph.upstream(labels, stop=frozenset({"TopK"})):
        if node.op_type in {"Div", "Mod"} and len(node.input) == 2:
            divisor = graph.constants.get(graph.source(node.input[1]))
            if divisor is not None and divisor.size == 1:
                return int(divisor.reshape(-1)[0])
        if node.op_type == "ArgMax":
            shape, axis = graph.shapes.get(node.input[0], ()), integer(node, "axis", 0)
            return shape[axis] if -len(shape) <= axis < len(shape) else None
    return None


def _pairs_agree(probe: Sequence[NDArray[Any]], spec: HeadSpec) -> bool:
    """Whether the answer to the test picture holds labels, scores, and corners in pixels of the picture."""
    boxes, scores, labels = best_pairs(probe, spec)
    if not boxes.size or float(np.abs(boxes).max()) > 2 * max(spec.size) or not in_pixels(boxes):
        return False
    numbered = (labels == np.round(labels)).all() and labels.min() >= 0
    known = spec.classes == 0 or labels.max() < spec.classes
    return bool(numbered and known) and are_corners(boxes) and between_0_and_1(scores)


def _queries_agree(probe: Sequence[NDArray[Any]], spec: HeadSpec) -> bool:
    """Whether the answer to the test picture holds centres and sizes as shares of it, and classes as the form says."""
    boxes = as_float32(probe[spec.output][0])[:, :4]
    if not boxes.size or float(np.abs(boxes).max()) >= _SHARES_BELOW or (boxes[:, 2:] < 0).any():
        return False
    if (boxes[:, 2:] >= boxes[:, :2]).all():
        return False  # two corners: sizes would not all reach as far as their centres
    return between_0_and_1(class_table(probe, spec)) != (spec.form == "logits")
