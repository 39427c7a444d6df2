"""Anchor-free pose: YOLOv8-pose, 11-pose, 12-pose.

One output (1, 4 + classes + keypoints, rows): YOLOv8's rows with x and y in model pixels, and mostly a visibility
from 0 to 1, of each keypoint behind the scores.

Conventions: those of YOLOv8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.models.evidence import follow_grid
from lineside.models.families import _anchor_free
from lineside.models.graph import CONVOLUTIONS
from lineside.models.head import Details, GridLayout, Head, Match
from lineside.models.keypoint_layout import keypoint_layouts
from lineside.models.spec import Conventions, HeadSpec, as_float32
from lineside.postprocess.finite import check_finite
from lineside.postprocess.keypoints import frame_keypoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox
    from lineside.models.keypoint_layout import KeypointLayout
    from lineside.models.tracing import Segment
    from lineside.postprocess.candidates import Candidates

TITLE = "anchor-free pose (YOLOv8-pose, 11-pose, 12-pose)"
ALIASES = ("yolo11-pose", "yolo12-pose", "yolov8-pose")
CONVENTIONS = Conventions()
NMS_FREE = False


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim on one grid output with keypoints behind the scores."""
    if len(head.shapes) != 1:
        return None
    layouts = [layout for layout in head.layouts(0) if layout.anchors == 1]
    claims = [m for m in (_claim(head, layout) for layout in layouts) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def keypoints_behind(head: Head, layout: GridLayout) -> tuple[int, list[KeypointLayout]]:
    """How many values are behind the scores of a grid, and the layouts of keypoints that they can be.

    Returns:
        No values where the head has no place for keypoints; no layouts where the values fit none.
    """
    parts = head.segments(0, layout.channel_axis)
    tensors: list[str] = []
    if len(parts) > 1:
        channels = _anchor_free.channels_of(parts)
        if channels is None or not _may_be_points(channels.rest):
            return 0, []
        if _anchor_free.box_structure(head, channels) is None:
            return 0, []
        values, tensors = channels.behind, [part.tensor for part in channels.rest]
    else:
        values = layout.channels - 4 - (head.names_count or layout.channels)
    if values < 2:
        return 0, []
    rows = head.rows(0, layout)
    return values, keypoint_layouts(head, values, tensors, None if rows is None else rows[:, -values:])


def _may_be_points(parts: Sequence[Segment]) -> bool:
    """Whether parts of a row can be keypoints: plain answers of convolutions and mere scores are not decoded."""
    if [(part.channels, part.origin) for part in parts[1:]] == [(1, "Sigmoid")]:
        parts = parts[:1]  # the visibility of a single keypoint
    plain = CONVOLUTIONS | {"Add", "Sigmoid"}
    return bool(parts) and not any(part.origin in plain for part in parts)


def _claim(head: Head, layout: GridLayout) -> Match | None:
    values, layouts = keypoints_behind(head, layout)
    if len(layouts) != 1:
        return None
    classes = layout.channels - 4 - values
    channels = _anchor_free.channels_of(head.segments(0, layout.channel_axis))
    if channels is None:
        structure = (_anchor_free.NAMED, f"4 + {classes} + {values} channels fit the class names")
        scores = slice(4, 4 + classes)
    else:
        found = _anchor_free.box_structure(head, channels)
        if found is None:
            return None
        structure, scores = found, None
    boxes = _anchor_free.box_values(head, 0, layout, scores=scores)
    if boxes is None or not _points_follow_grid(head, layout, values):
        return None
    ((count, each),) = layouts
    reasons = [_anchor_free.grid_reason(layout)]
    reasons += [reason for _, reason in (structure, boxes) if reason]
    reasons.append(f"the {values} values behind them are {count} keypoints of {each}")
    spec = HeadSpec(
        output=0,
        classes=classes,
        strides=layout.strides,
        anchors=1,
        channels_first=layout.channels_first,
        size=head.size,
        rows=layout.rows,
        task="pose",
        keypoints=(count, each),
    )
    return Match(min(structure[0] + boxes[0] + 0.05, 1.0), tuple(reasons), spec)


def _points_follow_grid(head: Head, layout: GridLayout, values: int) -> bool:
    """Whether the first keypoint of each probe row lies along the grid, as only decoded ones do."""
    rows = head.rows(0, layout)
    return rows is None or follow_grid(rows[:, -values:], layout, head.size)


scores = _anchor_free.scores
decode = _anchor_free.decode


def details(
    outputs: Sequence[NDArray[Any]], spec: HeadSpec, found: Candidates, letterbox: Letterbox
) -> Details:
    """The keypoints of the objects that NMS left.

    Raises:
        ModelOutputError: A value is not finite, of any row, or a visibility no probability.
    """
    assert found.rows is not None
    check_finite(outputs[spec.output][0], "value")
    values = _anchor_free.table(outputs, spec)[4 + spec.classes :]
    points = as_float32(values.take(found.rows, axis=1).T)
    return Details(keypoints=frame_keypoints(points, spec.keypoints, letterbox))
