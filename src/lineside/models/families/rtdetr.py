"""DETRs over convolutions: RT-DETR, RT-DETRv2, D-FINE and DEIM.

Ultralytics writes one output of boxes and scores, Hugging Face boxes and class logits, the authors' own exporters
(Zhao et al. 2023, DETRs Beat YOLOs on Real-time Object Detection; Peng et al. 2024, D-FINE; Huang et al. 2025, DEIM)
labels, boxes and scores of the best pairs, with the picture's size as a second input. `_query_forms` tells them apart.

Conventions: the authors' evaluation: the picture stretched to the input, RGB from 0 to 1, no NMS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.geometry import Fit
from lineside.models.families import _queries, _query_forms
from lineside.models.spec import Conventions

if TYPE_CHECKING:
    from lineside.models.head import Head, Match

TITLE = "DETR over convolutions (RT-DETR, D-FINE, DEIM)"
ALIASES = ("rt-detr", "rtdetrv2", "d-fine", "dfine", "deim")
CONVENTIONS = Conventions(fit=Fit(anchor="stretch"))
NMS_FREE = True


def match(head: Head, *, by_hand: bool) -> Match | None:  # noqa: ARG001 # the hand adds nothing to the evidence
    """The claim on a DETR's outputs behind a convolutional stem."""
    return _query_forms.claim(head, "convolutions")


scores = _queries.scores
decode = _queries.decode
