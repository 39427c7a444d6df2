"""Anchor-free heads: YOLOv8, v9, 11, 12 and 13.

One output (1, 4 + classes, rows): centre x, centre y, width and height in model pixels, decoded from
distributions inside the graph, then one sigmoid score a class. No objectness. Some exporters swap the axes.

Conventions: Ultralytics' `LetterBox` and `scale_boxes` (centred, rounded, one gain an axis).
"""

from __future__ import annotations

from lineside.models.evidence import box_form
from lineside.models.families import _anchor_free
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions, HeadSpec

TITLE = "anchor-free head (YOLOv8, v9, 11, 12, 13)"
ALIASES = (
    "yolov9",
    "yolov11",
    "yolov12",
    "yolov13",
    "yolo8",
    "yolo9",
    "yolo11",
    "yolo12",
    "yolo13",
    "yolov8u",
)
CONVENTIONS = Conventions()
NMS_FREE = False


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim of the anchor-free head on one grid output without objectness."""
    if len(head.shapes) != 1:
        return None
    layouts = [layout for layout in head.layouts(0) if layout.anchors == 1]
    claims = [m for m in (_claim(head, layout) for layout in layouts) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _claim(head: Head, layout: GridLayout) -> Match | None:
    classes = layout.channels - 4
    traced = len(head.segments(0, layout.channel_axis)) > 1
    structure = _structure(head, layout, classes)
    # Scores out of range are the business of the dead-export check, where the channels could be told apart.
    values = _anchor_free.box_values(head, 0, layout, scores=None if traced else slice(4, None))
    if structure is None or values is None:
        return None
    reasons = [_anchor_free.grid_reason(layout)]
    reasons += [reason for _, reason in (structure, values) if reason]
    sureness = structure[0] + values[0]
    if head.names_count == classes and structure[0] >= _anchor_free.TRACED:
        sureness += 0.09
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(0, classes, layout.strides, 1, layout.channels_first, head.size, layout.rows)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _structure(head: Head, layout: GridLayout, classes: int) -> tuple[float, str] | None:
    """What the graph says: points and a reason, or `None` where it is another head's."""
    parts = head.segments(0, layout.channel_axis)
    named = head.names_count == classes
    if len(parts) < 2:
        fits = f"4 + {classes} channels fit the {classes} class names, and leave no room for objectness"
        return (_anchor_free.NAMED, fits) if named else (0.0, "")
    channels = _anchor_free.channels_of(parts)
    if channels is None or channels.rest:
        return None
    if channels.scores.origin == "Sigmoid":
        return _anchor_free.box_structure(head, channels)
    if box_form(head.graph, channels.boxes) == "corners":
        return None
    if not named:
        return 0.0, ""
    return _anchor_free.NAMED, f"its channels are 4 box values and {classes} others, as many as class names"


scores = _anchor_free.scores
decode = _anchor_free.decode
