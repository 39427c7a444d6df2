"""Anchor-free heads: YOLOv8, v9, 11, 12 and 13.

One output (1, 4 + classes, rows): centre x, centre y, width and height in model pixels, decoded from
distributions inside the graph, then one sigmoid score a class. No objectness. Some exporters swap the axes.

Conventions: Ultralytics' `LetterBox` and `scale_boxes` (centred, rounded, one gain an axis).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.models.evidence import (
    are_corners,
    between_0_and_1,
    box_form,
    follow_grid,
    grid_agreement,
    in_pixels,
)
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions, HeadSpec, as_float32
from lineside.postprocess.candidates import Candidates, Selection, check_boxes, from_centres, pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.tracing import Segment

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

_REACH_CELLS = 17  # a distribution of 16 bins reaches 15 cells from its anchor point, a longer one is rare
_RAW = {"Sigmoid", "Conv", "ConvInteger", "QLinearConv", "Add"}  # no decoded box ends in one of these
_TRACED = 0.6  # how sure the structure alone makes


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim of the anchor-free head on one grid output without objectness."""
    if len(head.shapes) != 1:
        return None
    layouts = [layout for layout in head.layouts(0) if layout.anchors == 1]
    claims = [m for m in (_claim(head, layout) for layout in layouts) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _claim(head: Head, layout: GridLayout) -> Match | None:
    classes = layout.channels - 4
    parts = head.segments(0, layout.channel_axis)
    structure = _structure(head, parts, classes)
    # Scores out of range are the business of the dead-export check, where the channels could be told apart.
    values = _values(head, layout, any_scores=len(parts) > 1)
    if structure is None or values is None:
        return None
    reasons = [f"{layout.rows} rows are one box a cell at strides {', '.join(map(str, layout.strides))}"]
    reasons += [reason for _, reason in (structure, values) if reason]
    sureness = structure[0] + values[0]
    if head.names_count == classes and structure[0] >= _TRACED:
        sureness += 0.09
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(0, classes, layout.strides, 1, layout.channels_first, head.size, layout.rows)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _structure(head: Head, parts: Sequence[Segment], classes: int) -> tuple[float, str] | None:
    """What the graph says: points and a reason, or `None` where it is another head's."""
    named = head.names_count == classes
    if len(parts) < 2:
        fits = f"4 + {classes} channels fit the {classes} class names, and leave no room for objectness"
        return (0.4, fits) if named else (0.0, "")
    boxes, scores = parts[:-1], parts[-1]
    form = box_form(head.graph, boxes)
    if sum(p.channels or 0 for p in boxes) != 4 or form == "corners" or any(p.origin in _RAW for p in boxes):
        return None
    if scores.origin == "Sigmoid":
        if len(head.behind(scores)) > 1:
            return None  # one of the channels is no class: objectness, joined before the sigmoid
        if form is None and head.probe is None:
            return (
                0.2,
                "its channels are 4 box values and one sigmoid's; the boxes' form cannot be told without a run",
            )
        return _TRACED, f"its channels are 4 box values from arithmetic and {classes} from one sigmoid"
    return (
        (0.4, f"its channels are 4 box values and {classes} others, as many as class names")
        if named
        else (0.0, "")
    )


def _values(head: Head, layout: GridLayout, *, any_scores: bool) -> tuple[float, str] | None:
    """What the probe run says: points and a reason, or `None` where it contradicts."""
    rows = head.rows(0, layout)
    if rows is None:
        return 0.0, ""
    agreement = grid_agreement(rows, layout, head.size, _REACH_CELLS)
    if (
        agreement < 0.6
        or not in_pixels(rows)
        or are_corners(rows)
        or not follow_grid(rows, layout, head.size)
    ):
        return None
    if not any_scores and not between_0_and_1(rows[:, 4:]):
        return None
    return 0.3, f"in a probe run {agreement:.0%} of the boxes are centred near their cell"


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Class scores, (classes, rows)."""
    return _channels(outputs, spec)[4:]


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    channels = _channels(outputs, spec)
    check_boxes(channels[:4])
    rows, classes, confidence = pick(channels[4:], want)
    return from_centres(as_float32(channels[:4].take(rows, axis=1)), classes, confidence, want)


def _channels(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    value: NDArray[Any] = outputs[spec.output][0]
    return value if spec.channels_first else value.T
