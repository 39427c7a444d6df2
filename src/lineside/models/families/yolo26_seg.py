"""End-to-end segmentation: YOLO26-seg, and segmentation exports that carry their own NMS in the same form.

Two outputs in either order: (1, rows, 6 + masks), the rows of YOLOv10 with a coefficient a prototype behind the class,
and the prototypes (1, masks, height / 4, width / 4).

Conventions: those of YOLOv10.
"""

from __future__ import annotations

from dataclasses import replace

from lineside.models.families import _end_to_end, _prototypes
from lineside.models.head import Head, Match
from lineside.models.spec import Conventions

TITLE = "end-to-end segmentation (YOLO26-seg)"
ALIASES = ("yolo26-seg",)
CONVENTIONS = Conventions()
NMS_FREE = True


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on chosen rows with as many values behind the class as there are prototypes."""
    where = _prototypes.mask_outputs(head)
    if where is None:
        return None
    claim = _end_to_end.claim_rows(head, where.rows, behind=where.masks, by_hand=by_hand)
    if claim is None:
        return None
    spec = replace(claim.spec, task="segment", others=(where.prototypes,), coefficients=where.masks)
    return Match(min(claim.sureness + 0.05, 1.0), (*claim.reasons, where.reason), spec, claim.nms_inside)


scores = _end_to_end.scores
decode = _end_to_end.decode
details = _prototypes.details
