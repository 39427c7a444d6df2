"""What piled up while a stream was being opened. No thread, no clock."""

from __future__ import annotations

import math
from collections import deque

_USUAL_FPS = 25.0
_IN_A_ROW = 5
_SHARE = 0.9  # of the camera's own pace


class Backlog:
    """The pictures that a camera sent while FFmpeg looked at what it sends, a second or more of them.

    FFmpeg hands them on first, so that the first picture is as old as the opening took. They are known by coming at once; where
    five in a row took as long as the camera takes for them, the stream is of now. One that took long proves nothing: the machine
    may have been busy. To let FFmpeg drop them (`nobuffer`) would lose the key picture too, and with it all of a camera that
    seldom sends one.

    Args:
        fps: Pictures a second by the stream's header; `None` where it does not say.
        opened_s: How long opening took: more than came in it has not piled up.
    """

    def __init__(self, fps: float | None, opened_s: float) -> None:
        period_s = 1 / (fps or _USUAL_FPS)
        self._left = math.ceil(opened_s / period_s) + _IN_A_ROW
        self._waits_s: deque[float] = deque(maxlen=_IN_A_ROW)
        self._awaited_s = _IN_A_ROW * _SHARE * period_s

    def holds(self, waited_s: float) -> bool:
        """Whether a picture is one of them. After the first that is not, none is.

        Args:
            waited_s: How long the decoder took for it.
        """
        self._waits_s.append(waited_s)
        if self._left == 0 or sum(self._waits_s) >= self._awaited_s:
            self._left = 0
            return False
        self._left -= 1
        return True
