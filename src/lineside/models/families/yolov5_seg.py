"""Anchor segmentation: YOLOv5-seg and v7-seg.

Two outputs in either order: (1, rows, 5 + classes + masks), YOLOv5's rows with a coefficient a prototype behind the
scores, and the prototypes (1, masks, height / 4, width / 4).

Conventions: those of YOLOv5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.models.evidence import are_corners, between_0_and_1, follow_grid, grid_agreement, in_pixels
from lineside.models.families import _objectness, _prototypes
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions
from lineside.postprocess.candidates import Candidates, Selection, from_centres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.families._prototypes import MaskOutputs
    from lineside.models.spec import HeadSpec
    from lineside.models.tracing import Segment

TITLE = "anchors with objectness, segmentation (YOLOv5-seg, v7-seg)"
ALIASES = ("yolov7-seg", "yolov5-seg")
CONVENTIONS = Conventions()
NMS_FREE = False

_REACH_CELLS = 2  # 2 * sigmoid - 0.5 keeps the centre within one and a half cells


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim on an output with three boxes a cell, and prototypes."""
    return _prototypes.surest(head, 3, _claim)


def _claim(head: Head, where: MaskOutputs, layout: GridLayout) -> Match | None:
    classes = layout.channels - 5 - where.masks
    if classes < 1:
        return None
    reasons = [f"{layout.rows} rows are three boxes a cell at strides {', '.join(map(str, layout.strides))}"]
    sureness = 0.35
    parts = head.segments(where.rows, layout.channel_axis)
    if len(parts) > 1:
        if not _is_anchor_row(parts, classes, where.masks):
            return None
        sureness += 0.2
        reasons.append(
            f"its channels are 4 box values from arithmetic, 1 + {classes} from sigmoids and {where.masks} plain ones"
        )
    agreement = _agreement(head, where.rows, layout, classes)
    if agreement is None:
        return None
    if agreement:
        sureness += 0.4
        reasons.append(
            f"in a probe run {agreement:.0%} of the boxes are centred within two cells of their own"
        )
    if head.names_count == classes:
        sureness += 0.1
        reasons.append(f"5 + {classes} + {where.masks} channels fit the class names and prototypes")
    spec = _prototypes.grid_spec(head, where, layout, classes)
    return Match(min(sureness, 1.0), (*reasons, where.reason), spec)


def _is_anchor_row(parts: Sequence[Segment], classes: int, masks: int) -> bool:
    """Whether parts are four box values, the objectness and the classes of sigmoids, and the coefficients."""
    origins = [part.origin for part in parts]
    if "Sigmoid" not in origins:
        return False
    first = origins.index("Sigmoid")
    last = len(origins) - origins[::-1].index("Sigmoid")
    sizes = [part.channels or 0 for part in parts]
    return (
        sum(sizes[:first]) == 4
        and sum(sizes[first:last]) == 1 + classes
        and set(origins[first:last]) == {"Sigmoid"}
        and _prototypes.are_coefficients(parts[last:], masks)
    )


def _agreement(head: Head, output: int, layout: GridLayout, classes: int) -> float | None:
    """The share of boxes near their cell in a probe run; 0 without one, `None` where the values contradict."""
    rows = head.rows(output, layout)
    if rows is None:
        return 0.0
    agreement = grid_agreement(rows, layout, head.size, _REACH_CELLS)
    if agreement < 0.9 or not between_0_and_1(rows[:, 4 : 5 + classes]) or not in_pixels(rows):
        return None
    if are_corners(rows) or not follow_grid(rows, layout, head.size):
        return None
    return agreement


scores = _objectness.scores
details = _prototypes.details


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels, with their rows.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    index, boxes, classes, confidence = _objectness.chosen(outputs, spec, want)
    return from_centres(boxes, classes, confidence, want, rows=index)
