"""How a model is judged on a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lineside.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What the detector is asked for, and by which limits its answers are judged.

    Attributes:
        confidence: The detector's lowest confidence, 0 to below 1. Low, because the curves need the weak
            detections too; no rate can be told below it.
        iou: Overlap of the detector's NMS, above 0 to 1.
        max_detections: Boxes kept in one picture, at least 1.
        multi_label: True: a box counts for each class that reaches the confidence. False: only for its best
            class, as on the line.
        defects: Names of the classes that make a picture bad; none: every class.
        max_escape: The highest escape rate that a suggested threshold may have, 0 to 1.
        min_size_px: True boxes whose longer side is shorter are ignored, from 0 up.
        scale_16bit: The 16-bit value that becomes 255 in a picture; `None` refuses 16-bit pictures.
        nms: The detector's kind of NMS; `None`: the habit of the model's family.
        slices: How the detector cuts large pictures, in words for the record; `None`: not at all.

    Raises:
        SettingsError: A value is outside its range.
    """

    confidence: float = 0.001
    iou: float = 0.7
    max_detections: int = 300
    multi_label: bool = True
    defects: tuple[str, ...] = ()
    max_escape: float = 0.01
    min_size_px: float = 0.0
    scale_16bit: float | None = None
    nms: str | None = None
    slices: str | None = None

    def __post_init__(self) -> None:
        for option, value, fits, expected in (
            ("--confidence", self.confidence, 0 <= self.confidence < 1, "0 to below 1"),
            ("--iou", self.iou, 0 < self.iou <= 1, "above 0 and at most 1"),
            ("--max-detections", self.max_detections, self.max_detections >= 1, "1 or more"),
            ("--max-escape", self.max_escape, 0 <= self.max_escape <= 1, "0 to 1 (0.01 is 1 %)"),
            ("--min-size", self.min_size_px, 0 <= self.min_size_px < math.inf, "0 or more pixels"),
        ):
            if not fits:
                raise SettingsError(f"{option}: expected {expected}, got {value:g}")
