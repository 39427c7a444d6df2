"""YOLOX heads with raw grid outputs.

One output (1, rows, 5 + classes), one box a cell: x and y offsets in cells, logarithms of width and height
in cells, then objectness and class scores, both through a sigmoid; a box's confidence is their product.
The grid is added here: centre = (offset + cell) * stride, size = exp(value) * stride.

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
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions, HeadSpec
from lineside.postprocess.candidates import Candidates, Selection, from_centres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TITLE = "YOLOX, raw grid outputs"
ALIASES = ("yolo-x",)
CONVENTIONS = Conventions(colour="bgr", scale=1.0, fit=Fit(anchor="corner", rounding="floor", gain="single"))
NMS_FREE = False

_RAW = {"Conv", "ConvInteger", "QLinearConv", "Add"}  # a quantised convolution ends with the bias's Add
_DECODED_SLOPE = 0.5  # decoded centres grow by a pixel a pixel, offsets in cells hardly at all
_LARGEST_LOG = 20.0  # exp(20) cells: far beyond any picture, and finite


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim of the raw YOLOX head on one grid output with objectness."""
    if len(head.shapes) != 1:
        return None
    layouts = [lay for lay in head.layouts(0) if lay.anchors == 1 and lay.channels >= 6]
    claims = [m for m in (_claim(head, lay, by_hand=by_hand) for lay in layouts) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _claim(head: Head, layout: GridLayout, *, by_hand: bool) -> Match | None:
    classes = layout.channels - 5
    structure = _structure(head, layout, classes, by_hand=by_hand)
    if structure is None and not (by_hand and len(head.segments(0, layout.channel_axis)) < 2):
        return None
    sureness = 0.3 if structure is None else 0.6
    strides = ", ".join(map(str, layout.strides))
    reasons = [f"{layout.rows} rows are one box a cell at strides {strides}"]
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
