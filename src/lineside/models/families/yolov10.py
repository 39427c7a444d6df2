"""End-to-end heads: YOLOv10 and 26, and exports that carry their own NMS in the same form.

One output (1, rows, 6): left, top, right, bottom in model pixels, confidence, class. The graph has chosen the
best rows already, by a top-k or by an NMS node; unused rows of the latter are zero.

Conventions: Ultralytics' letterbox and `scale_boxes`.
"""

from __future__ import annotations

from lineside.models.families import _end_to_end
from lineside.models.head import Head, Match
from lineside.models.spec import Conventions

TITLE = "end-to-end head (YOLOv10, 26)"
ALIASES = ("yolo26", "yolov26", "yolo10", "end2end")
CONVENTIONS = Conventions()
NMS_FREE = True


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim of the end-to-end head on one output of six values a row."""
    if len(head.shapes) != 1:
        return None
    claim = _end_to_end.claim_rows(head, 0, by_hand=by_hand)
    return None if claim is None else Match(claim.sureness, claim.reasons, claim.spec, claim.nms_inside)


scores = _end_to_end.scores
decode = _end_to_end.decode
