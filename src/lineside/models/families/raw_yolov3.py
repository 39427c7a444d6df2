"""Undecoded heads of YOLOv3 and YOLOv3-tiny, as darknet, Keras and Caffe exporters write them.

One output a level, (1, 3 x (5 + classes), H, W), with channels last, or with the boxes of a cell on an axis of their own;
the coarsest level often comes first. With s for the sigmoid of a value, a cell at column c and row r, and an anchor of w by
h pixels (Redmon, Farhadi 2018, YOLOv3, section 2.1):

- centre = (s(x) + c) * stride, and the same with r for y;
- size = exp(value) * anchor; confidence = s(objectness) * s(class).

The file holds no anchors: those of the metadata entry `anchors` are taken (pixels, three pairs a level), else the paper's.
For two levels the defaults are those of `yolov3-tiny.cfg` as its weights were trained: anchors 4 to 6 on the coarse
level and 2 to 4 on the fine one. YOLOv4-tiny has the same form and anchors, and nothing in the graph tells them
apart. With three levels YOLOv3 has a neck that only goes up, and no Mish.

Conventions: darknet's `letterbox_image` and `correct_yolo_boxes`, which Keras ports and the ONNX model zoo follow (RGB,
divided by 255, whole pixels by `int()`, centred, grey 128). AlexeyAB's darknet stretches the picture unless it is
told `letter_box=1`: `anchor = "stretch"` sets that.
"""

from __future__ import annotations

from lineside.core.geometry import Fit
from lineside.models.families import _raw_boxes
from lineside.models.families._raw_anchors import COCO_TINY, COCO_V3, COCO_V4, Kin, Look
from lineside.models.spec import Conventions

TITLE = "undecoded levels (YOLOv3, v3-tiny)"
ALIASES = ("yolov3_raw", "yolov3-raw", "yolov3-tiny-raw", "darknet-v3")
CONVENTIONS = Conventions(fit=Fit(rounding="floor", pad_value=128))
NMS_FREE = False


def _leans(look: Look) -> bool | None:
    net = look.net
    known = net.activation in {"leaky", "other"} or look.done == "centres"
    if not known or net.activation == "mish":
        return False
    if len(look.levels.strides) != 3 or net.activation != "leaky":
        return None
    if net.joined_upwards or net.pools_down:
        return False
    return None if look.is_torch and look.done != "centres" else True


_KIN = Kin(
    squares=False,
    anchors={
        (8, 16, 32): COCO_V3,
        (16, 32): COCO_TINY,
    },
    stretch={},
    leans=_leans,
    others=(COCO_V4,),
)


match = _KIN.match
scores = _raw_boxes.scores
decode = _KIN.decode
