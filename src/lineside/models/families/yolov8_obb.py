"""Anchor-free oriented boxes: YOLOv8-obb, 11-obb, 12-obb.

One output (1, 4 + classes + 1, rows): centre, width and height in model pixels, a score a class, and the rotation in
radians last. Width and height lie along the box's own sides.

Conventions: those of YOLOv8. NMS by the overlap of the boxes' Gaussians.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.models.evidence import between_0_and_1
from lineside.models.families import _anchor_free
from lineside.models.families._oriented import oriented_candidates
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions, HeadSpec, as_float32
from lineside.postprocess.candidates import Candidates, Selection, check_boxes, pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.tracing import Segment

TITLE = "anchor-free oriented boxes (YOLOv8-obb, 11-obb, 12-obb)"
ALIASES = ("yolo11-obb", "yolo12-obb", "yolov8-obb")
CONVENTIONS = Conventions(nms="probiou")
NMS_FREE = False


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim on one grid output with an angle behind the scores."""
    if len(head.shapes) != 1:
        return None
    layouts = [layout for layout in head.layouts(0) if layout.anchors == 1 and layout.channels > 5]
    claims = [m for m in (_claim(head, layout) for layout in layouts) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def _claim(head: Head, layout: GridLayout) -> Match | None:
    classes = layout.channels - 5
    parts = head.segments(0, layout.channel_axis)
    structure = _traced(head, parts) if len(parts) > 1 else _named(head, layout)
    if structure is None:
        return None
    values = _anchor_free.box_values(
        head, 0, layout, scores=None if len(parts) > 1 else slice(4, 4 + classes)
    )
    if values is None:
        return None
    reasons = [_anchor_free.grid_reason(layout)]
    reasons += [reason for _, reason in (structure, values) if reason]
    spec = HeadSpec(
        output=0,
        classes=classes,
        strides=layout.strides,
        anchors=1,
        channels_first=layout.channels_first,
        size=head.size,
        rows=layout.rows,
        task="obb",
    )
    return Match(min(structure[0] + values[0] + 0.05, 1.0), tuple(reasons), spec)


def _traced(head: Head, parts: Sequence[Segment]) -> tuple[float, str] | None:
    """What the graph says: the last value must be what the boxes were turned by."""
    channels = _anchor_free.channels_of(parts)
    if channels is None or channels.behind != 1 or channels.scores.origin != "Sigmoid":
        return None
    if len(head.behind(channels.scores)) > 1:
        return None
    angle = head.graph.source(channels.rest[0].tensor)
    turned = {
        node.op_type
        for box in channels.boxes
        for node in head.graph.upstream(box.tensor)
        if node.op_type in {"Cos", "Sin"} and _same_values(head, node.input[0], angle)
    }
    if turned != {"Cos", "Sin"}:
        return None
    classes = channels.scores.channels
    return (
        _anchor_free.TRACED,
        f"its channels are 4 box values, {classes} from one sigmoid, and the angle the boxes were turned by",
    )


def _same_values(head: Head, name: str, angle: str) -> bool:
    """Whether a tensor holds the angle, perhaps in another shape."""
    graph = head.graph
    while (source := graph.source(name)) != angle:
        node = graph.producers.get(source)
        if node is None or node.op_type not in {"Reshape", "Squeeze", "Unsqueeze", "Slice", "Transpose"}:
            return False
        name = node.input[0]
    return True


def _named(head: Head, layout: GridLayout) -> tuple[float, str] | None:
    """What the names say of a head that cannot be followed. An angle is no probability."""
    classes = layout.channels - 5
    rows = head.rows(0, layout)
    if head.names_count != classes or rows is None:
        return None
    angles = rows[:, -1:]
    if between_0_and_1(angles) or not (abs(angles) < 7).all():
        return None
    return _anchor_free.NAMED, f"4 + {classes} + 1 channels fit the {classes} class names and an angle"


scores = _anchor_free.scores


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    channels = _anchor_free.table(outputs, spec)
    check_boxes(channels[:4])
    check_boxes(channels[4 + spec.classes])
    rows, classes, confidence = pick(channels[4 : 4 + spec.classes], want)
    picked = [as_float32(channels[k].take(rows)) for k in (0, 1, 2, 3, 4 + spec.classes)]
    return oriented_candidates(picked, classes, confidence, rows, want)
