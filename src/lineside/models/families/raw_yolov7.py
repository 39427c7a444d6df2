"""Undecoded heads of YOLOv7, and of what else decodes as YOLOv5 does with the anchors of YOLOv4.

The form and the decoding are those of `raw_yolov5`; the default anchors for three levels are YOLOv4's. YOLOv7 makes maps
smaller by a convolution beside a pooling (Wang et al. 2022, `MP` blocks), which tells it from YOLOv5. Models with four
levels share YOLOv5's anchors and are recognised as that; they may be set by hand as this. YOLOv7-tiny has
YOLOv5's anchors, and Scaled-YOLOv4 (Mish layers) is this family set by hand.

Conventions: the letterbox of the YOLOv7 repository, which is that of YOLOv5.
"""

from __future__ import annotations

from lineside.models.families import _raw_boxes
from lineside.models.families._raw_anchors import COCO_FOUR_LEVELS, COCO_V3, COCO_V4, Kin, Look
from lineside.models.spec import Conventions

TITLE = "undecoded levels (YOLOv7, Scaled-YOLOv4)"
ALIASES = ("yolov7_raw", "yolov7-raw", "scaled-yolov4-raw")
CONVENTIONS = Conventions()
NMS_FREE = False


def _leans(look: Look) -> bool | None:
    net = look.net
    if len(look.levels.strides) != 3:
        return False
    if net.activation in {"silu", "hard_swish"}:
        return net.pools_down
    if net.activation == "mish":
        return None if look.is_torch or look.done == "all" else False
    if net.activation == "leaky":
        return None if look.done == "all" and not net.pools_down else False
    return None


_KIN = Kin(
    squares=True,
    anchors={(8, 16, 32): COCO_V4, (8, 16, 32, 64): COCO_FOUR_LEVELS},
    stretch={},
    leans=_leans,
    others=(COCO_V3,),
)


match = _KIN.match
scores = _raw_boxes.scores
decode = _KIN.decode
