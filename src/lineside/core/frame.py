"""A frame: one picture and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.truth import FrameTruth


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture on its way through the line.

    Attributes:
        image: uint8 BGR (H, W, 3), C-contiguous, owned by the frame; it may lie in memory that `FrameBuffers` lent.
        stream: Name of the source: a path, or a camera's id.
        sequence: Number within the stream, from 0, without gaps.
        time_s: Position in the stream in seconds, where the source has one (a video); else `None`.
        captured_s: When the picture was taken, in monotonic seconds of the source's clock; `None` for a file.
        wall_s: The same moment in seconds since 1970, of the host's clock or of a camera that follows one by PTP;
            `None` for a file. Never used to measure a duration.
        device_s: The same moment by the camera's own clock, in its seconds; `None` where it has none.
        device_frame: The camera's own number of the picture, whose gaps tell of lost ones; `None` where it has none.
        part: Number of the part in the picture, where a trigger gave it one; else `None`.
        setting: Which features the camera had, by the name that whoever set them gave them; empty for those that it was opened
            with by the line's settings, `None` where it was changed at about that moment and nobody knows.
        truth: What is truly in the picture, where the source drew it itself; else `None`.
    """

    image: NDArray[np.uint8]
    stream: str
    sequence: int
    time_s: float | None = None
    captured_s: float | None = None
    wall_s: float | None = None
    device_s: float | None = None
    device_frame: int | None = None
    part: int | None = None
    setting: str | None = ""
    truth: FrameTruth | None = None
