"""YOLOX heads, raw and decoded.

One output (1, rows, 5 + classes), one box a cell: x and y offsets in cells, logarithms of width and height
in cells, then objectness and class scores, both through a sigmoid; a box's confidence is their product.
The grid is added here: centre = (offset + cell) * stride, size = exp(value) * stride.

An export with `decode_in_inference` has added it itself: centre x, centre y, width and height in model pixels. YOLOv6
answers rows of the same form but takes other pictures; the exponential behind the sizes tells them apart.

Conventions: the YOLOX repository's `preproc` and `demo_postprocess` (BGR 0 to 255, `int()` of the scaled
size, padding right and bottom, one gain).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.geometry import Fit, Size
from lineside.models.evidence import between_0_and_1, cell_centres, grid_slopes
from lineside.models.families import _objectness
from lineside.models.graph import WEIGHTED
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions, HeadSpec
from lineside.postprocess.candidates import Candidates, Selection, from_centres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.tracing import Segment

TITLE = "YOLOX, raw or decoded"
ALIASES = ("yolo-x",)
CONVENTIONS = Conventions(colour="bgr", scale=1.0, fit=Fit(anchor="corner", rounding="floor", gain="single"))
NMS_FREE = False

_RAW = {"Conv", "ConvInteger", "QLinearConv", "Add"}  # a quantised convolution ends with the bias's Add
_DECODED_SLOPE = 0.5  # decoded centres grow by a pixel a pixel, offsets in cells hardly at all
_LARGEST_LOG = 20.0  # exp(20) cells: far beyond any picture, and finite
_DECODED = "decoded"


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim of the YOLOX head, raw or decoded, on one grid output with objectness."""
    claims = [
        m
        for layout in _objectness.layouts(head)
        for m in (_raw_claim(head, layout, by_hand=by_hand), _decoded_claim(head, layout, by_hand=by_hand))
        if m
    ]
    return max(claims, key=lambda m: m.sureness, default=None)


def _raw_claim(head: Head, layout: GridLayout, *, by_hand: bool) -> Match | None:
    classes = layout.channels - 5
    structure = _structure(head, layout, classes, by_hand=by_hand)
    if structure is None and not (by_hand and len(head.segments(0, layout.channel_axis)) < 2):
        return None
    sureness = 0.3 if structure is None else 0.6
    reasons = [_objectness.rows_text(layout)]
    reasons += [structure] if structure else []
    rows = head.rows(0, layout)
    if rows is not None:
        # Where boxes follow the grid they are decoded: adding the grid again would be silently wrong.
        if any(s > _DECODED_SLOPE for s in grid_slopes(rows, layout, head.size)) or not between_0_and_1(
            rows[:, 4:]
        ):
            return None
        sureness += 0.3
        reasons.append("in a probe run the box values do not follow the grid, so they are not decoded yet")
    if head.names_count == classes:
        sureness += 0.1
        reasons.append(f"5 + {classes} channels fit the {classes} class names")
    spec = HeadSpec(0, classes, layout.strides, 1, layout.channels_first, head.size, layout.rows)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _decoded_claim(head: Head, layout: GridLayout, *, by_hand: bool) -> Match | None:
    classes = layout.channels - 5
    parts = head.segments(0, layout.channel_axis)
    known = _is_decoded(head, parts, classes) or _is_written_over(head, layout, classes)
    if not known and not (by_hand and len(parts) < 2):
        return None
    reasons = [_objectness.rows_text(layout)]
    reasons += [
        f"its channels are 4 box values, sizes from exponentials, and 1 + {classes} from sigmoids"
    ] * known
    sureness = 0.6 * known
    rows = head.rows(0, layout)
    if rows is None and not known:
        return None  # by hand, and whether the boxes are decoded only a run can tell
    if rows is not None:
        if not _objectness.are_decoded(head, layout, rows) or (rows[:, 4] == 1).all():
            return None
        sureness += 0.3
        reasons.append("in a probe run the boxes are centred along the cells, so they are decoded")
    if head.names_count == classes:
        sureness += 0.1
        reasons.append(f"5 + {classes} channels fit the {classes} class names")
    spec = HeadSpec(
        0, classes, layout.strides, 1, layout.channels_first, head.size, layout.rows, form=_DECODED
    )
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _is_decoded(head: Head, parts: Sequence[Segment], classes: int) -> bool:
    """Whether the channels are boxes whose sizes, not centres, are exponentials, then objectness and classes."""
    scores = [p for p in parts if p.origin == "Sigmoid"]
    boxes = parts[: len(parts) - len(scores)]
    if [p.channels for p in scores] != [1, classes] or sum(p.channels or 0 for p in boxes) != 4:
        return False
    halves = head.behind(boxes[0]) if len(boxes) == 1 else boxes
    if _objectness.is_raw(boxes) or [p.channels for p in halves] != [2, 2]:
        return False
    made = [{n.op_type for n in head.graph.upstream(p.tensor, stop=WEIGHTED)} for p in halves]
    return "Exp" not in made[0] and "Exp" in made[1]


def _is_written_over(head: Head, layout: GridLayout, classes: int) -> bool:
    """Whether decoded boxes were written over the raw ones, as the first releases did."""
    output = head.graph.outputs[0].name
    name, node = output, head.graph.maker(output)
    while node is not None and node.op_type == "ScatterND":
        name = node.input[0]
        node = head.graph.maker(name)
    if name == output or "Exp" not in head.graph.tail(output):
        return False
    parts = head.graph.segments(name, layout.channel_axis)
    raw = [p for p in parts if p.origin in _RAW]
    return sum(p.channels or 0 for p in raw) == 4 and [p.channels for p in parts[len(raw) :]] == [1, classes]


def _structure(head: Head, layout: GridLayout, classes: int, *, by_hand: bool) -> str | None:
    """What in the graph speaks for the head, or `None` where nothing does, or something against it.

    Objectness and classes come from sigmoids of their own. Where one sigmoid makes both, the same form may be
    raw distances and classes without objectness, and only the user can tell.
    """
    parts = head.segments(0, layout.channel_axis)
    raw = [p.channels or 0 for p in parts if p.origin in _RAW]
    scores = [p.channels for p in parts[len(raw) :] if p.origin == "Sigmoid"]
    if sum(raw) != 4 or len(raw) + len(scores) != len(parts):
        return None
    if scores != [1, classes] and not (by_hand and scores == [1 + classes]):
        return None
    cells = [(head.size.height // s) * (head.size.width // s) for s in layout.strides]
    levels = [p.channels for p in head.segments(0, 3 - layout.channel_axis)]
    if len(levels) > 1 and levels != cells:
        return None
    return f"its channels are 4 straight from a convolution and 1 + {classes} from sigmoids"


scores = _objectness.scores


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    index, raw, classes, confidence = _objectness.chosen(outputs, spec, want)
    if spec.form == _DECODED:
        return from_centres(raw, classes, confidence, want)
    corner, stride = _grid(spec.size, spec.strides)
    boxes = np.empty_like(raw)
    np.multiply(raw[:2] + corner[:, index], stride[index], out=boxes[:2])
    np.multiply(np.exp(np.minimum(raw[2:], _LARGEST_LOG)), stride[index], out=boxes[2:])
    return from_centres(boxes, classes, confidence, want)


@lru_cache(maxsize=16)
def _grid(size: Size, strides: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Each row's cell, float32 (2, rows) in cells, and its stride, float32 (rows,)."""
    x, y, stride = cell_centres(size, strides, 1)
    return np.stack([x, y]) / stride - np.float32(0.5), stride
