"""Anchor heads with objectness, decoded in the graph: YOLOv5, v7 and Ultralytics' v3.

One output (1, rows, 5 + classes) with three anchor boxes a cell: centre x, centre y, width and height in
model pixels, objectness, then a score a class; a box's confidence is the product of the two. Older exports
add the undecoded level outputs, which are not needed.

Conventions: the letterbox of the YOLOv5 repository, which is Ultralytics' own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lineside.models.evidence import are_corners, between_0_and_1, follow_grid, grid_agreement, in_pixels
from lineside.models.families import _objectness
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions, HeadSpec
from lineside.postprocess.candidates import Candidates, Selection, from_centres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TITLE = "anchors with objectness (YOLOv5, v7, v3)"
ALIASES = ("yolov7", "yolov3", "yolo5", "yolo7", "yolo3")
CONVENTIONS = Conventions()
NMS_FREE = False

_REACH_CELLS = 2  # 2 * sigmoid - 0.5 keeps the centre within one and a half cells


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim of the anchor head on an output with three boxes a cell."""
    layouts = [lay for lay in head.layouts(0) if lay.anchors == 3 and lay.channels >= 6]
    claims = [m for m in (_claim(head, lay) for lay in layouts if _only_levels(head, lay)) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _only_levels(head: Head, layout: GridLayout) -> bool:
    """Whether the other outputs, if any, are the undecoded levels."""
    cells = [(head.size.height // s) * (head.size.width // s) for s in layout.strides]
    levels = [3 * layout.channels * n for n in cells]
    others = [math.prod(d or 0 for d in shape[1:]) for shape in head.shapes[1:]]
    return not others or sorted(others) == sorted(levels)


def _claim(head: Head, layout: GridLayout) -> Match | None:
    classes = layout.channels - 5
    reasons = [f"{layout.rows} rows are three boxes a cell at strides {', '.join(map(str, layout.strides))}"]
    sureness = 0.3
    parts = head.segments(0, layout.channel_axis)
    if len(parts) > 1:
        scores = [p.channels or 0 for p in parts if p.origin == "Sigmoid"]
        if sum(scores) != 1 + classes or any(p.origin != "Sigmoid" for p in parts[-len(scores) :]):
            return None
        sureness += 0.2
        reasons.append(f"its channels are 4 box values from arithmetic and 1 + {classes} from sigmoids")
    rows = head.rows(0, layout)
    if rows is not None:
        agreement = grid_agreement(rows, layout, head.size, _REACH_CELLS)
        if agreement < 0.9 or not between_0_and_1(rows[:, 4:]) or not in_pixels(rows):
            return None
        if are_corners(rows) or not follow_grid(rows, layout, head.size):
            return None
        sureness += 0.4
        reasons.append(
            f"in a probe run {agreement:.0%} of the boxes are centred within two cells of their own"
        )
    if head.names_count == classes:
        sureness += 0.1
        reasons.append(f"5 + {classes} channels fit the {classes} class names")
    spec = HeadSpec(0, classes, layout.strides, 3, layout.channels_first, head.size, layout.rows)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


scores = _objectness.scores


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    _, boxes, classes, confidence = _objectness.chosen(outputs, spec, want)
    return from_centres(boxes, classes, confidence, want)
