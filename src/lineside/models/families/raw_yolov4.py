"""Undecoded heads of YOLOv4 and YOLOv4-tiny, as darknet and TensorFlow exporters write them.

The form is that of `raw_yolov3`; the ONNX model zoo's YOLOv4 has channels last, (1, H, W, 3, 5 + classes), with the sigmoid
of objectness and classes in the graph. Sizes are decoded as YOLOv3's, but the sigmoid of the centre is stretched
about its middle (Bochkovskiy et al. 2020, "eliminate grid sensitivity"; `scale_x_y` of `yolov4.cfg`): with a factor f

- centre = (f s(x) - (f - 1) / 2 + column) * stride; f is 1.2, 1.1 and 1.05 at strides 8, 16 and 32, and 1.05 in YOLOv4-tiny.

The file holds no anchors: those of the metadata entry `anchors` are taken (pixels, three pairs a level), else those of
`yolov4.cfg` and `yolov4-tiny.cfg`. Mish layers tell YOLOv4 from YOLOv3; nothing tells the tiny ones apart. Models with
`new_coords=1` (Scaled-YOLOv4) are `raw_yolov7`.

Conventions: the ONNX model zoo's `image_preprocess` and `postprocess_boxes` (RGB, divided by 255, whole pixels by `int()`,
centred, one gain, grey 128). AlexeyAB's darknet stretches the picture unless it is told `letter_box=1`:
`anchor = "stretch"` sets that.
"""

from __future__ import annotations

from lineside.core.geometry import Fit
from lineside.models.families import _raw_boxes
from lineside.models.families._raw_anchors import COCO_TINY, COCO_V3, COCO_V4, Kin, Look
from lineside.models.spec import Conventions

TITLE = "undecoded levels (YOLOv4, v4-tiny)"
ALIASES = ("yolov4", "yolo4", "yolov4_raw", "yolov4-raw", "yolov4-tiny-raw", "darknet-v4")
CONVENTIONS = Conventions(fit=Fit(rounding="floor", gain="single", pad_value=128))
NMS_FREE = False


def _leans(look: Look) -> bool | None:
    net = look.net
    if net.activation in {"silu", "hard_swish"}:
        return None if look.done == "centres" else False
    if len(look.levels.strides) != 3 or net.activation == "other":
        return None
    if net.activation == "mish":
        return None if look.is_torch and look.done != "centres" else True
    if not net.joined_upwards or (look.is_torch and net.pools_down):
        return False
    return True if look.done == "centres" else None


_KIN = Kin(
    squares=False,
    anchors={
        (8, 16, 32): COCO_V4,
        (16, 32): COCO_TINY,
    },
    stretch={(8, 16, 32): (1.2, 1.1, 1.05), (16, 32): (1.05, 1.05)},
    leans=_leans,
    others=(COCO_V3,),
)


match = _KIN.match
scores = _raw_boxes.scores
decode = _KIN.decode
