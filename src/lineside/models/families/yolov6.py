"""YOLOv6: a decoded grid with an objectness that is always 1.

One output (1, rows, 5 + classes): centre x, centre y, width and height in model pixels, the constant 1, then one
sigmoid score a class. A decoded YOLOX answers rows of the same form but takes other pictures; the constant in the
graph tells them apart.

Conventions: the letterbox of the YOLOv6 repository, which is that of YOLOv5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.models.evidence import box_form
from lineside.models.families import _objectness
from lineside.models.families._constants import is_one
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions, HeadSpec
from lineside.postprocess.candidates import Candidates, Selection, from_centres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.tracing import Segment

TITLE = "YOLOv6, decoded with a constant objectness"
ALIASES = ("yolo6",)
CONVENTIONS = Conventions()
NMS_FREE = False


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on one decoded grid whose objectness is the constant 1."""
    layouts = _objectness.layouts(head)
    claims = [m for m in (_claim(head, layout, by_hand=by_hand) for layout in layouts) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _claim(head: Head, layout: GridLayout, *, by_hand: bool) -> Match | None:
    classes = layout.channels - 5
    parts = head.segments(0, layout.channel_axis)
    known = _structure(head, parts, classes)
    if not known and not (by_hand and len(parts) < 2):
        return None  # where the constant is hidden only the user can tell
    reasons = [_objectness.rows_text(layout)]
    reasons += (
        [f"its channels are 4 box values, the constant 1 and {classes} from one sigmoid"] if known else []
    )
    sureness = 0.6 if known else 0.0
    rows = head.rows(0, layout)
    if rows is not None:
        if not _objectness.are_decoded(head, layout, rows) or not (rows[:, 4] == 1).all():
            return None
        sureness += 0.3
        reasons.append("in a probe run the boxes are centred along the cells, and every objectness is 1")
    if head.names_count == classes:
        sureness += 0.1
        reasons.append(f"5 + {classes} channels fit the {classes} class names")
    spec = HeadSpec(0, classes, layout.strides, 1, layout.channels_first, head.size, layout.rows)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _structure(head: Head, parts: Sequence[Segment], classes: int) -> bool:
    """Whether the channels are decoded boxes, the constant 1 and the classes."""
    if len(parts) < 3 or (parts[-1].channels, parts[-1].origin) != (classes, "Sigmoid"):
        return False
    *boxes, constant, _ = parts
    if sum(p.channels or 0 for p in boxes) != 4 or constant.channels != 1 or not is_one(head.graph, constant):
        return False
    return not _objectness.is_raw(boxes) and box_form(head.graph, boxes) != "corners"


scores = _objectness.scores


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    _, boxes, classes, confidence = _objectness.chosen(outputs, spec, want)
    return from_centres(boxes, classes, confidence, want)
