"""What the families share whose graphs answer boxes as corners, one a cell, and a score a class.

In one output, (1, rows, 4 + classes) or turned; or in two, boxes (1, rows, 4) and scores (1, rows, classes) or turned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.evidence import are_corners, between_0_and_1, box_form, in_pixels
from lineside.models.families._cells import cell_counts, near_their_cells, strides_of
from lineside.models.graph import CONVOLUTIONS, WEIGHTED
from lineside.models.head import Match
from lineside.models.spec import HeadSpec, as_float32
from lineside.postprocess.candidates import Candidates, Selection, best_first, check_boxes, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.models.graph import Graph
    from lineside.models.head import Head
    from lineside.models.tracing import Segment

ONE_OUTPUT, TWO_OUTPUTS = "one output", "two outputs"

_REACH_CELLS = 17  # a distribution of 16 bins reaches 15 cells from its point
_UNDECODED = CONVOLUTIONS | {"Exp", "Sigmoid", "Softmax"}
_MOVES = {"Transpose", "Reshape", "Unsqueeze", "Squeeze", "Flatten"}


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a model's outputs as boxes and scores.

    Attributes:
        boxes: Index of the output that holds the boxes.
        scores: Index of the output that holds the scores; the same one where there is only one.
        channels_first: Whether the scores are (1, classes, rows), or one output is (1, 4 + classes, rows).
        classes: Number of classes.
        rows: Number of boxes.
        strides: The levels, in the order of the rows once that is known.
        distributions: Whether the distances from a cell to its box's sides are means of distributions.
    """

    boxes: int
    scores: int
    channels_first: bool
    classes: int
    rows: int
    strides: tuple[int, ...]
    distributions: bool

    @property
    def form(self) -> str:
        """`ONE_OUTPUT` or `TWO_OUTPUTS`."""
        return ONE_OUTPUT if self.boxes == self.scores else TWO_OUTPUTS

    @property
    def axis(self) -> int:
        """The axis of the classes in the output of the scores."""
        return 1 if self.channels_first else 2


def readings(head: Head) -> list[Reading]:
    """Every reading of one or two outputs as a grid of boxes and scores, by the shapes alone."""
    count = len(head.shapes)
    if count > 2 or any(len(shape) != 3 or not head.is_float(i) for i, shape in enumerate(head.shapes)):
        return []
    places = [(0, 0)] if count == 1 else [(0, 1), (1, 0)]
    found = [
        reading
        for boxes, scores in places
        for channels_first in (True, False)
        if (reading := _reading(head, boxes, scores, channels_first=channels_first)) is not None
    ]
    # A square of scores alone can be read either way, and only one is right.
    return [r for r in found if r.form == ONE_OUTPUT or r.rows != r.classes]


def _reading(head: Head, boxes: int, scores: int, *, channels_first: bool) -> Reading | None:
    channels, rows = head.shapes[scores][1:] if channels_first else head.shapes[scores][:0:-1]
    if rows is None or channels is None:
        return None
    if boxes != scores and head.shapes[boxes][1:] != (rows, 4):
        return None
    classes = channels - 4 if boxes == scores else channels
    strides = strides_of(rows, head.size)
    if classes < 1 or strides is None:
        return None
    distributions = _has_distributions(head.graph, head.graph.outputs[boxes].name)
    return Reading(boxes, scores, channels_first, classes, rows, strides, distributions)


def _has_distributions(graph: Graph, output: str) -> bool:
    """Whether an output depends on a softmax, not looking past the layer that takes its mean."""
    for node in graph.upstream(output, stop=WEIGHTED):
        maker: Any = node
        if node.op_type in WEIGHTED:
            maker = graph.maker(node.input[0])
            while maker is not None and maker.op_type in _MOVES:
                maker = graph.maker(maker.input[0])
        if maker is not None and maker.op_type == "Softmax":
            return True
    return False


def claim(head: Head, fits: Callable[[Reading], bool]) -> Match | None:
    """The claim on a grid of corners.

    Args:
        head: The evidence.
        fits: Whether a reading is one of the family's forms.
    """
    claims = [m for m in (_claim(head, reading) for reading in readings(head) if fits(reading)) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _claim(head: Head, reading: Reading) -> Match | None:
    structure = _structure(head, reading)
    strides = _ordered(head, reading)
    if structure is None or strides is None:
        return None
    sureness, reasons = structure
    reasons.insert(0, f"{reading.rows} rows are one box a cell at strides {', '.join(map(str, strides))}")
    if head.probe is not None:
        sureness += 0.3
        reasons.append("in a probe run the boxes are left, top, right and bottom around their cells")
    if head.names_count == reading.classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {reading.classes}")
    spec = HeadSpec(
        output=reading.boxes,
        classes=reading.classes,
        strides=strides,
        anchors=1,
        channels_first=reading.channels_first,
        size=head.size,
        rows=reading.rows,
        others=() if reading.form == ONE_OUTPUT else (reading.scores,),
        form=reading.form,
    )
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _structure(head: Head, reading: Reading) -> tuple[float, list[str]] | None:
    """What the graph says: points and reasons, or `None` where the head is another one."""
    boxes, scores = _parts(head, reading)
    if sum(p.channels or 0 for p in boxes) not in {0, 4} or any(p.origin in _UNDECODED for p in boxes):
        return None
    points = 0.0 if reading.form == ONE_OUTPUT else 0.2
    reasons = [] if reading.form == ONE_OUTPUT else [f"one output is boxes, another {reading.classes} scores"]
    if scores and scores[-1].origin == "Sigmoid":
        if len(scores) > 1 or len(head.behind(scores[0])) > 1:
            return None  # one of the channels is no class
        points += 0.25 if reading.form == ONE_OUTPUT else 0.1
        reasons.append(f"its {reading.classes} scores come from one sigmoid")
    elif any(p.origin in CONVOLUTIONS for p in scores):
        return None
    form = _form(head, boxes)
    if form == "centres":
        return None
    if form == "corners":
        points += 0.35
        reasons.append("the boxes are a point minus two distances, and plus two others")
    return points, reasons


def _parts(head: Head, reading: Reading) -> tuple[list[Segment], list[Segment]]:
    """What boxes and scores are made of; empty where that cannot be followed."""
    if reading.form == TWO_OUTPUTS:
        return head.segments(reading.boxes, 2), head.segments(reading.scores, reading.axis)
    parts = head.segments(reading.boxes, reading.axis)
    if len(parts) < 2:
        return [], []
    before = np.cumsum([0, *(p.channels or 0 for p in parts)])
    cut = int(before.searchsorted(4))
    return parts[:cut], parts[cut:]


def _form(head: Head, boxes: Sequence[Segment]) -> str | None:
    """What the arithmetic says of the boxes, behind their products with the stride and the picture's scale."""
    while (form := box_form(head.graph, boxes)) is None and len(boxes) == 1:
        if not _is_factor(head.graph, boxes[0]):
            return None
        boxes = head.behind(boxes[0])
    if form is not None:
        return form
    made = [p.origin for p in boxes for _ in range(p.channels or 0)]  # of each of the four values
    if made == ["Sub", "Sub", "Add", "Add"]:
        return "corners"
    return "corners" if made == ["Add"] * 4 and _adds_a_negative(head.graph, boxes[0].tensor) else None


def _is_factor(graph: Graph, boxes: Segment) -> bool:
    """Whether boxes are a product, or divided by what is no constant: that would make shares of pixels."""
    node = graph.maker(boxes.tensor)
    if node is None or boxes.origin != "Div":
        return boxes.origin == "Mul"
    divisor = graph.source(node.input[-1])
    stored = any(t.name == divisor for t in graph.model.graph.initializer)
    return not stored and divisor not in graph.constants


def _adds_a_negative(graph: Graph, tensor: str) -> bool:
    """Whether a sum is a difference written otherwise: -distance + point."""
    for name in graph.producers[tensor].input:
        node = graph.maker(name)
        if node is None:
            continue
        factors = [graph.constants.get(graph.source(factor)) for factor in node.input]
        if node.op_type == "Neg" or (
            node.op_type == "Mul" and any(f is not None and f.size == 1 and (f == -1).all() for f in factors)
        ):
            return True
    return False


def _ordered(head: Head, reading: Reading) -> tuple[int, ...] | None:
    """The levels in the order of the rows, or `None` where the answer to the test picture is no such grid.

    Most heads begin with the finest level, Paddle's with the coarsest.
    """
    first = _first_level(head, reading)
    orders = [
        o for o in (reading.strides, reading.strides[::-1]) if first in {None, cell_counts(head.size, o)[0]}
    ]
    if not orders:
        return None
    if head.probe is None:
        return orders[0]
    boxes, scores = _taken(head.probe, reading.boxes, reading.scores, channels_first=reading.channels_first)
    boxes = as_float32(boxes)
    if not (are_corners(boxes) and in_pixels(boxes) and between_0_and_1(scores)):
        return None
    centres = (boxes[:, :2] + boxes[:, 2:]) * np.float32(0.5)
    near = [(near_their_cells(centres, head.size, o, _REACH_CELLS) or 0.0, o) for o in orders]
    share, order = max(near, key=lambda pair: pair[0])
    return order if share > 0.6 else None


def _first_level(head: Head, reading: Reading) -> int | None:
    """How many cells the level has that the rows begin with, or `None` where the graph does not tell."""
    scores = _parts(head, reading)[1]
    shape = head.graph.shapes.get(scores[0].tensor, ()) if scores else ()
    if None in shape or len(shape) < 3:
        return None
    part = scores[0]
    count = math.prod(d or 0 for d in shape) // (part.channels or 1)
    node = head.graph.producers.get(part.tensor)
    if count != reading.rows:
        return count  # the part is the first level's
    if len(shape) != 3 or part.axis not in {1, 2} or node is None or not node.input:
        return None
    pieces = head.graph.segments(node.input[0], 3 - part.axis)
    return pieces[0].channels if len(pieces) > 1 else None


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Class scores, (classes, rows)."""
    return _of(outputs, spec)[1]


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    boxes, class_scores = _of(outputs, spec)
    check_boxes(boxes)
    rows, classes, confidence = pick(class_scores, want)
    return from_corners(as_float32(boxes[rows]), classes, confidence, want)


def from_corners(
    boxes: NDArray[np.float32], classes: NDArray[np.intp], confidence: NDArray[np.float32], want: Selection
) -> Candidates:
    """Sorted candidates from boxes (N, 4) given as corners, copied."""
    order, cut = best_first(confidence, want.limit)
    return Candidates(boxes[order], confidence[order], classes[order].astype(np.int32), cut)


def _of(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> tuple[NDArray[Any], NDArray[Any]]:
    place = spec.others[0] if spec.others else spec.output
    return _taken(outputs, spec.output, place, channels_first=spec.channels_first)


def _taken(
    outputs: Sequence[NDArray[Any]], boxes: int, scores: int, *, channels_first: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Boxes (rows, 4) and scores (classes, rows) as they stand in the outputs."""
    channels = outputs[scores][0] if channels_first else outputs[scores][0].T
    if boxes == scores:
        return channels[:4].T, channels[4:]
    return outputs[boxes][0], channels
