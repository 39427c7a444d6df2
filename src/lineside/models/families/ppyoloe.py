"""PP-YOLOE: boxes given as corners from distributions, as PaddleDetection exports them without NMS.

Two outputs, boxes (1, rows, 4) and scores (1, classes, rows) (`exclude_nms`), or one (1, rows, 4 + classes)
(`exclude_post_process`). The rows begin with the coarsest level. With two outputs the graph has a second input,
`scale_factor`, that the boxes are divided by.

Conventions: PP-YOLOE+'s reader (RGB, divided by 255, stretched). The first PP-YOLOE centred its values by ImageNet's
mean and deviation; its graph is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.geometry import Fit
from lineside.models.families import _corners
from lineside.models.families._corners import ONE_OUTPUT, Reading
from lineside.models.spec import Conventions

if TYPE_CHECKING:
    from lineside.models.head import Head, Match

TITLE = "PP-YOLOE, corners from distributions"
ALIASES = ("pp-yoloe", "pp-yoloe+", "ppyoloe+")
CONVENTIONS = Conventions(fit=Fit(anchor="stretch"))
NMS_FREE = False

_LEVELS = 3  # with four the head is PicoDet's


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on a grid of corners in one of Paddle's two forms."""

    def fits(reading: Reading) -> bool:
        if len(reading.strides) > _LEVELS:
            return False
        if reading.form == ONE_OUTPUT:
            return reading.distributions and (not reading.channels_first or by_hand)
        return reading.channels_first and (reading.boxes < reading.scores or by_hand)

    return _corners.claim(head, fits)


scores = _corners.scores
decode = _corners.decode
