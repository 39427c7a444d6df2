"""End-to-end oriented boxes: YOLO26-obb, and exports of oriented boxes that carry their own NMS in the same form.

One output (1, rows, 7): centre, width and height in model pixels, confidence, class, and the rotation in radians
last.

Conventions: those of YOLOv10.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.families import _end_to_end
from lineside.models.families._oriented import oriented_candidates
from lineside.models.head import Head, Match
from lineside.models.spec import Conventions, HeadSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Candidates, Selection

TITLE = "end-to-end oriented boxes (YOLO26-obb)"
ALIASES = ("yolo26-obb",)
CONVENTIONS = Conventions()
NMS_FREE = True

_LARGEST_ANGLE = 7.0  # a full turn is 6.3


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on chosen rows of seven values, in a graph that turns its boxes."""
    if len(head.shapes) != 1 or not {"Cos", "Sin"} <= head.graph.tail(head.graph.outputs[0].name):
        return None
    claim = _end_to_end.claim_rows(head, 0, behind=1, corners=False, by_hand=by_hand)
    if claim is None:
        return None
    if claim.answered is not None and not (abs(claim.answered[:, 6]) < _LARGEST_ANGLE).all():
        return None
    reasons = (*claim.reasons, "the graph turns its boxes by an angle, the seventh value")
    return Match(claim.sureness, reasons, replace(claim.spec, task="obb"), claim.nms_inside)


scores = _end_to_end.scores


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, or a class beyond the model's.
    """
    rows, index, classes, cut = _end_to_end.chosen(outputs, spec, want)
    boxes = rows[index]
    found = oriented_candidates(
        [boxes[:, k] for k in (0, 1, 2, 3, 6)], classes.astype(np.intp), boxes[:, 4].copy(), index, want
    )
    return replace(found, truncated=cut)
