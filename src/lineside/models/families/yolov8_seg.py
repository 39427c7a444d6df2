"""Anchor-free segmentation: YOLOv8-seg, v9-seg, 11-seg, 12-seg.

Two outputs in either order: (1, 4 + classes + masks, rows), YOLOv8's rows with a coefficient a prototype behind the
scores, and the prototypes (1, masks, height / 4, width / 4).

Conventions: those of YOLOv8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.families import _anchor_free, _prototypes
from lineside.models.head import GridLayout, Head, Match
from lineside.models.spec import Conventions

if TYPE_CHECKING:
    from lineside.models.families._prototypes import MaskOutputs

TITLE = "anchor-free segmentation (YOLOv8-seg, v9-seg, 11-seg, 12-seg)"
ALIASES = ("yolov9-seg", "yolo11-seg", "yolo12-seg", "yolov8-seg")
CONVENTIONS = Conventions()
NMS_FREE = False


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim on one grid output without objectness, and prototypes."""
    return _prototypes.surest(head, 1, _claim)


def _claim(head: Head, where: MaskOutputs, layout: GridLayout) -> Match | None:
    classes = layout.channels - 4 - where.masks
    if classes < 1:
        return None
    parts = head.segments(where.rows, layout.channel_axis)
    if len(parts) > 1:
        channels = _anchor_free.channels_of(parts)
        if channels is None or not _prototypes.are_coefficients(channels.rest, where.masks):
            return None
        structure = _anchor_free.box_structure(head, channels)
        scores = None
    elif head.names_count == classes:
        structure = (
            _anchor_free.NAMED,
            f"4 + {classes} + {where.masks} channels fit the class names and prototypes",
        )
        scores = slice(4, 4 + classes)
    else:
        return None
    values = _anchor_free.box_values(head, where.rows, layout, scores=scores)
    if structure is None or values is None:
        return None
    reasons = [_anchor_free.grid_reason(layout), where.reason]
    reasons += [reason for _, reason in (structure, values) if reason]
    sureness = structure[0] + values[0] + 0.05
    spec = _prototypes.grid_spec(head, where, layout, classes)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


scores = _anchor_free.scores
decode = _anchor_free.decode
details = _prototypes.details
