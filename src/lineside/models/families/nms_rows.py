"""NMS inside, one row a detection: YOLOv7's and YOLOv6's end-to-end export for ONNX Runtime.

One output (M, 7) of as many rows as there are detections: number of the picture, left, top, right, bottom in model
pixels, class, score (YOLOv7, `ONNX_ORT` of its `export.py --end2end --max-wh`). Rows that end with score and class instead,
as those of YOLO-NAS, are another head's.

Conventions: the letterbox of the YOLOv7 repository, which is that of YOLOv5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.models.evidence import between_0_and_1
from lineside.models.families import _final_boxes
from lineside.models.head import Head, Match
from lineside.models.spec import Conventions, HeadSpec, as_float32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Candidates, Selection

TITLE = "rows of an NMS layer (YOLOv7, v6 end to end)"
ALIASES = ("yolov7-end2end", "yolov6-end2end")
CONVENTIONS = Conventions()
NMS_FREE = True

_COLUMNS = 7


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on one output of seven values a detection."""
    if len(head.shapes) != 1 or len(head.shapes[0]) != 2 or head.shapes[0][1] != _COLUMNS:
        return None
    inside = _final_boxes.has_nms(head.graph, 0)
    if not head.is_float(0) or not (inside or by_hand) or _contradicted(head):
        return None
    whole = _whole_columns(head)
    if whole is not None and whole != (0, 5):
        return None
    reasons = ["rows of 7 values" + (", chosen by an NMS node in the graph" if inside else "")]
    sureness = 0.3 if inside else 0.0
    if whole:
        sureness += 0.4
        reasons.append("the first and the sixth value are made from whole numbers, the others are not")
    if head.probe is not None and len(head.probe[0]):
        sureness += 0.2
        reasons.append("in a probe run they are a picture's number, a box, a class number and a probability")
    classes = _final_boxes.class_count(head.graph, (0,)) or head.names_count
    if classes is None:
        reasons.append("the number of classes stands neither in the graph nor in the metadata")
    elif head.names_count == classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(
        output=0,
        classes=classes or 0,
        strides=(),
        anchors=1,
        channels_first=False,
        size=head.size,
        rows=0,
    )
    return Match(min(sureness, 1.0), tuple(reasons), spec, nms_inside=True)


def _whole_columns(head: Head) -> tuple[int, ...] | None:
    """The columns made from whole numbers, or `None` where they cannot be followed."""
    parts = head.graph.segments(head.graph.outputs[0].name, 1)
    if any(part.channels is None for part in parts) or sum(p.channels or 0 for p in parts) != _COLUMNS:
        return None
    if len(parts) < 2:
        return None
    found, at = list[int](), 0
    for part in parts:
        channels = part.channels or 0
        if _final_boxes.holds_whole_numbers(head.graph, part.tensor):
            found += range(at, at + channels)
        at += channels
    return tuple(found)


def _contradicted(head: Head) -> bool:
    """Whether the rows of the probe run are none of this form; an empty answer says nothing."""
    if head.probe is None or not len(head.probe[0]):
        return False
    rows = as_float32(head.probe[0])
    numbers, labels = rows[:, 0], rows[:, 5]
    ordered = (rows[:, 3] >= rows[:, 1]) & (rows[:, 4] >= rows[:, 2])
    return not (
        not numbers.any()
        and ordered.all()
        and rows[:, 1:5].max() > 2  # else shares of the picture
        and between_0_and_1(rows[:, 6])
        and (labels >= 0).all()
        and (labels == np.round(labels)).all()
    )


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """The confidence of each row."""
    return np.asarray(outputs[spec.output][:, 6])


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, a score no probability, a class none of the model's, or a row
            belongs to another picture.
    """
    rows = outputs[spec.output]
    if not (rows[:, 0] == 0).all():  # not for NaN either
        raise ModelOutputError(
            f"the model answered rows of picture {rows[:, 0].max()}; it was given one, number 0. "
            "The result of this run is not used"
        )
    return _final_boxes.candidates(rows[:, 1:5], rows[:, 6], rows[:, 5], spec, want, full=False)
