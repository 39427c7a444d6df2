"""DETRs over a vision transformer: RF-DETR, and DEIMv2 with a DINOv3 backbone.

RF-DETR answers boxes (1, K, 4) as shares of the picture and class logits (1, K, classes); `_query_forms` tells them
from the other forms. A class is the logit's column. RF-DETR writes a column more than there are classes, the first
one for data sets whose ids start at 1 (91 columns for COCO, with COCO's own ids), the last one otherwise; the graph does
not tell which, so no column is left out and none is renamed.

Conventions: Roboflow's `predict`: the picture stretched to the input, RGB, divided by 255, ImageNet's mean and
deviation, no NMS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.geometry import Fit
from lineside.models.families import _queries, _query_forms
from lineside.models.spec import Conventions

if TYPE_CHECKING:
    from lineside.models.head import Head, Match

TITLE = "DETR over a vision transformer (RF-DETR, DEIMv2)"
ALIASES = ("rf-detr", "deimv2")
CONVENTIONS = Conventions(
    fit=Fit(anchor="stretch"), mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)
)
NMS_FREE = True


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim on a DETR's outputs behind a layer that cuts the picture into patches."""
    return _query_forms.claim(head, "patches")


scores = _queries.scores
decode = _queries.decode
