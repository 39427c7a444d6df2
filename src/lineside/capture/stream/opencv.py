"""Decoders over OpenCV: FFmpeg for the network, V4L2 for the cable."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import SourceError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.capture.stream.options import OptionsGate


class OpenCvDecoder:
    """A `cv2.VideoCapture` that is open.

    Args:
        name: The camera, for messages.
        capture: The capture. It is let go of here.
    """

    remark = ""

    def __init__(self, name: str, capture: Any) -> None:
        import cv2

        self._name = name
        self._capture = capture
        self._error: type[Exception] = cv2.error
        fps = capture.get(cv2.CAP_PROP_FPS)
        height, width = capture.get(cv2.CAP_PROP_FRAME_HEIGHT), capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        self.fps: float | None = fps if math.isfinite(fps) and 0.1 <= fps <= 1000 else None
        self.size: Size | None = (
            Size(height=int(height), width=int(width)) if height > 0 and width > 0 else None
        )

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture, or `None` when none comes any more.

        Raises:
            SourceError: OpenCV refuses what came.
        """
        try:
            is_read, image = self._capture.read()
        except self._error as fault:
            raise SourceError(f"{self._name}: OpenCV cannot decode what comes: {fault}") from fault
        if not is_read:
            return None
        picture: NDArray[np.uint8] = np.ascontiguousarray(image)
        return picture

    def close(self) -> None:
        """The stream is let go of."""
        self._capture.release()


def open_network(
    name: str, url: str, *, transport: str, timeouts_s: tuple[float, float], gate: OptionsGate
) -> OpenCvDecoder | None:
    """A decoder of a network stream, or `None` where OpenCV cannot open it; it does not say why.

    One thread decodes: a frame thread more is a frame of delay more.

    Args:
        name: The camera, for messages.
        url: With user and password.
        transport: `tcp` or `udp`, for RTSP.
        timeouts_s: For opening, and for a read.
        gate: What keeps cameras with other options apart.

    Raises:
        SourceError: Cameras with other options were in the way.
    """
    import cv2

    # FFmpeg writes to stderr what cannot be caught here; the line tells it in its own way.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # Nothing that a file would mind: one may be opened elsewhere in this process meanwhile.
    options = f"rtsp_transport;{transport}"
    open_ms, read_ms = (round(1000 * seconds) for seconds in timeouts_s)
    with gate.held(options, timeouts_s[0]):
        capture = cv2.VideoCapture(
            url,
            cv2.CAP_FFMPEG,
            [
                *(cv2.CAP_PROP_N_THREADS, 1),
                *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, open_ms),
                *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, read_ms),
            ],
        )
    if not capture.isOpened():
        capture.release()
        return None
    return OpenCvDecoder(name, capture)
