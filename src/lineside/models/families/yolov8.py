"""Anchor-free heads: YOLOv8, v9, 11, 12 and 13.

One output (1, 4 + classes, rows): centre x, centre y, width and height in model pixels, decoded from
distributions inside the graph, then one sigmoid score a class. No objectness. Some exporters swap the axes.

Conventions: Ultralytics' `LetterBox` and `scale_boxes` (centred, rounded, one gain an axis).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.models.head import GridLayout, Head, Match, between_0_and_1, grid_agreement
from lineside.models.spec import Conventions, HeadSpec
from lineside.postprocess.candidates import Candidates, Selection, check_boxes, from_centres, pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TITLE = "anchor-free head (YOLOv8, v9, 11, 12, 13)"
ALIASES = ("yolov9", "yolov11", "yolov12", "yolov13", "yolo8", "yolo9", "yolo11", "yolo12", "yolo13", "yolov8u")
CONVENTIONS = Conventions()
NMS_FREE = False

_REACH_CELLS = 17  # a distribution of 16 bins reaches 15 cells from its anchor point, a longer one is rare


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim of the anchor-free head on one grid output without objectness."""
    if len(head.shapes) != 1:
        return None
    claims = [m for m in (_claim(head, lay, by_hand=by_hand) for lay in head.layouts(0) if lay.anchors == 1) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _claim(head: Head, layout: GridLayout, *, by_hand: bool) -> Match | None:
    classes = layout.channels - 4
    reasons = [f"{layout.rows} rows are one box a cell at strides {_text(layout.strides)}"]
    sureness = 0.0
    parts = head.segments(0, layout.channel_axis)
    if len(parts) > 1:
        boxes, scores = parts[:-1], parts[-1]
        if scores.origin != "Sigmoid" or sum(p.channels or 0 for p in boxes) != 4:
            return None
        if any(p.origin in {"Sigmoid", "Conv", "ConvInteger"} for p in boxes):
            return None
        sureness += 0.6
        reasons.append(f"its channels are 4 box values from arithmetic and {classes} from one sigmoid")
    elif head.names_count == classes:
        sureness += 0.4
        reasons.append(f"4 + {classes} channels fit the {classes} class names, and leave no room for objectness")
    rows = head.rows(0, layout)
    if rows is not None:
        agreement = grid_agreement(rows, layout, head.size, _REACH_CELLS)
        # Scores above 1 are the business of the dead-export check, where the structure is beyond doubt.
        if agreement < 0.6 or rows[:, :4].max() <= 2 or (not parts[1:] and not between_0_and_1(rows[:, 4:])):
            return None
        sureness += 0.3
        reasons.append(f"in a probe run {agreement:.0%} of the boxes are centred near their cell")
        if not between_0_and_1(rows[:, 4:]):
            reasons.append("in the probe run its scores are no probabilities")
    if head.names_count == classes and len(parts) > 1:
        sureness += 0.09
        reasons.append(f"the {classes} class names agree")
    if not by_hand and sureness < 0.3:
        return None
    spec = HeadSpec(0, classes, layout.strides, 1, layout.channels_first, head.size, layout.rows)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


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
    return from_centres(channels[:4, rows], classes, confidence, want)


def _channels(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    value: NDArray[Any] = outputs[spec.output][0]
    return value if spec.channels_first else value.T


def _text(strides: Sequence[int]) -> str:
    return ", ".join(map(str, strides))
