"""RTMDet: one output of boxes given as corners.

One output (1, rows, 4 + classes), or turned: left, top, right and bottom in model pixels, then one sigmoid score a
class. A box's distances come straight from a convolution, not from distributions: that tells it from PP-YOLOE.

Conventions: MMDetection's `rtmdet` configuration (BGR, mean and deviation of ImageNet, padding right and bottom).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.geometry import Fit
from lineside.models.families import _corners
from lineside.models.families._corners import ONE_OUTPUT, Reading
from lineside.models.spec import Conventions

if TYPE_CHECKING:
    from lineside.models.head import Head, Match

TITLE = "RTMDet, one output of corners"
ALIASES = ("rtm-det",)
CONVENTIONS = Conventions(
    colour="bgr",
    scale=1.0,
    mean=(103.53, 116.28, 123.675),
    deviation=(57.375, 57.12, 58.395),
    fit=Fit(anchor="corner"),
)
NMS_FREE = False


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on one output of corners without distributions."""

    def fits(reading: Reading) -> bool:
        # PP-YOLOE never has its channels first: of that form another family's distributions are meant by hand.
        by_hand_only = by_hand and reading.channels_first
        return reading.form == ONE_OUTPUT and (not reading.distributions or by_hand_only)

    return _corners.claim(head, fits)


scores = _corners.scores
decode = _corners.decode
