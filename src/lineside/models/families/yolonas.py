"""YOLO-NAS without NMS: two outputs, boxes (1, rows, 4) given as corners and scores (1, rows, classes).

Conventions: SuperGradients' processing of COCO (RGB, divided by 255, padded around the picture, one gain). There the
picture keeps two pixels of padding on every side as well, which the letterbox here does not leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.geometry import Fit
from lineside.models.families import _corners
from lineside.models.families._corners import TWO_OUTPUTS, Reading
from lineside.models.spec import Conventions

if TYPE_CHECKING:
    from lineside.models.head import Head, Match

TITLE = "YOLO-NAS, boxes and scores in two outputs"
ALIASES = ("yolo-nas", "yolo_nas")
CONVENTIONS = Conventions(fit=Fit(gain="single"))
NMS_FREE = False


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on boxes and scores in two outputs, a row a cell in both."""

    def fits(reading: Reading) -> bool:
        # DAMO-YOLO has the scores first, and takes other values.
        in_order = reading.boxes < reading.scores or by_hand
        return reading.form == TWO_OUTPUTS and not reading.channels_first and in_order

    return _corners.claim(head, fits)


scores = _corners.scores
decode = _corners.decode
