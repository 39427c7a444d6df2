"""An annotated video, complete or not there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lineside.core.errors import ImageFormatError, OutputError, SettingsError
from lineside.outputs.files import PendingFile, WholeOrNone

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

_CODEC = "mp4v"


class VideoWriter(WholeOrNone):
    """Writes frames to an MP4 file (MPEG-4 part 2) under a temporary name; `close` puts it in its place.

    In a `with` block the file appears when the block ends well and is removed when it raises. The codec takes
    even sizes only: of an odd one OpenCV cuts off the last column or row.

    Args:
        path: Where the video shall appear, a name that ends in `.mp4`.
        fps: Frames per second.
        size: Size of every frame.

    Attributes:
        path: Where the video shall appear.
        frames: How many were written.
        size: Size of every frame.

    Raises:
        OutputError: The file cannot be opened for writing.
        SettingsError: The rate, the size or the suffix is out of its range.
    """

    def __init__(self, path: Path, *, fps: float, size: Size) -> None:
        import cv2

        if not (math.isfinite(fps) and fps > 0):
            raise SettingsError(f"fps: expected a rate above 0, got {fps}")
        if min(size) < 2:
            raise SettingsError(f"size: expected frames of at least 2x2 pixels, got {size}")
        if path.suffix != ".mp4":
            raise SettingsError(f'path: expected a name that ends in .mp4, got "{path}"')
        self.path = path
        self.frames = 0
        self.size = size
        self._pending = PendingFile(path)
        self._writer: Any = cv2.VideoWriter(
            str(self._pending.temporary),
            cv2.CAP_FFMPEG,
            cv2.VideoWriter.fourcc(*_CODEC),
            fps,
            (size.width, size.height),
        )
        if not self._writer.isOpened():
            self.discard()
            raise OutputError(f"{path}: OpenCV cannot write a video of {size} at {fps} frames per second")

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append a frame.

        Args:
            image: uint8 BGR (H, W, 3) of the video's size.

        Raises:
            ImageFormatError: The frame has another size or type; OpenCV would drop it without a word.
        """
        expected = (self.size.height, self.size.width, 3)
        if image.shape != expected or image.dtype != "uint8":
            raise ImageFormatError(
                f"{self.path}: expected frames of uint8 {expected}, got {image.dtype} {image.shape}"
            )
        self._writer.write(image)
        self.frames += 1

    def close(self) -> None:
        """Finish the file, count its frames and put it in its place.

        Raises:
            OutputError: No frame was written, or the file does not hold them all, as when the disk is full: OpenCV
                tells nothing of that. The file is removed.
        """
        self._writer.release()
        held = self._frames_in_file()
        if held != self.frames or not held:
            self.discard()
            raise OutputError(
                f"{self.path}: the video holds {held} of the {self.frames} frames that were written, and is "
                "removed. Is the disk full?"
            )
        self._pending.commit()

    def discard(self) -> None:
        """Give the video up: the unfinished file is removed."""
        self._writer.release()
        self._pending.discard()

    def _frames_in_file(self) -> int:
        import cv2

        if not self.frames:
            return 0
        capture = cv2.VideoCapture(str(self._pending.temporary), cv2.CAP_FFMPEG)
        try:
            return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        finally:
            capture.release()
