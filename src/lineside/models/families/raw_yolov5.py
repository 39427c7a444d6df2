"""Undecoded heads of YOLOv5, of YOLOv7-tiny, and of the models with four levels.

One output a level, (1, 3, H, W, 5 + classes) or another order of these axes. With s for the sigmoid of a value, a cell
at column c and row r, and an anchor of w by h pixels (YOLOv5's `Detect`; Wang et al. 2021, Scaled-YOLOv4):

- centre = (2 s(x) - 0.5 + c) * stride, and the same with r for y;
- size = (2 s(value))**2 * anchor; confidence = s(objectness) * s(class).

The file of such a head holds no anchors. Those of the metadata entry `anchors` are taken (pixels, three pairs a level),
else the defaults: YOLOv3's for three levels, those of the P6 models for four, YOLOv3-tiny's for two. YOLOv7 has other
defaults and another file. Nothing in the graph says which, so the layers before the head must: YOLOv5 makes maps smaller
by convolutions alone.

Conventions: the letterbox of the YOLOv5 repository, which is Ultralytics' own.
"""

from __future__ import annotations

from lineside.models.families import _raw_boxes
from lineside.models.families._raw_anchors import COCO_FOUR_LEVELS, COCO_V3, COCO_V4, Kin, Look
from lineside.models.spec import Conventions

TITLE = "undecoded levels (YOLOv5, v7-tiny, and v5, v7 with four levels)"
ALIASES = ("yolov5_raw", "yolov5-raw", "yolov7-tiny-raw", "yolov7-w6-raw")
CONVENTIONS = Conventions()
NMS_FREE = False


def _leans(look: Look) -> bool | None:
    net, levels = look.net, len(look.levels.strides)
    if net.activation == "mish":
        return False
    if net.activation in {"silu", "hard_swish"}:
        return levels != 3 or not net.pools_down
    if net.activation == "leaky" and look.done != "all":
        if look.is_torch:
            return True if net.pools_down and levels == 3 else None
        return None if net.joined_upwards else False
    return True if net.activation == "leaky" and net.pools_down else None


_KIN = Kin(
    squares=True,
    anchors={
        (8, 16, 32): COCO_V3,
        (8, 16, 32, 64): COCO_FOUR_LEVELS,
        (16, 32): ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319)),
    },
    stretch={},
    leans=_leans,
    others=(COCO_V4,),
)


match = _KIN.match
scores = _raw_boxes.scores
decode = _KIN.decode
