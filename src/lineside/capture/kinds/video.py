"""A video file, read to its end or reported to end early."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.capture.containers import Container, read_container
from lineside.capture.header import AGAIN
from lineside.capture.sources import Unreadable
from lineside.core.errors import ImageTooLargeError, SourceError
from lineside.core.frame import Frame
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.capture.pictures import Reading
    from lineside.capture.sources import Outcome

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"})
"""Suffixes, in lower case, of the files that are opened as videos."""

COUNT_TOLERANCE = 2
"""Frames that a complete video may lack against the count in its container."""

DURATION_TOLERANCE_S = 1.0
"""Seconds that the frames may end before the stated duration, which sound after the picture can lengthen."""


class VideoFile:
    """The frames of a video file, turned upright where the file says so.

    The file is opened once at the start, to refuse what is no video, and again for each iteration, which
    starts from the first frame. Decoding takes one thread, so that it leaves the cores to the model.

    Args:
        name: Path of the file, as it shall be named in the results.
        reading: Limits for the frames.

    Attributes:
        name: Path of the file.
        count: Frames by the container's header, `None` where it does not say.
        fps: Frames per second, `None` where unknown.
        size: Size of the frames.

    Raises:
        SourceError: The file is missing or cannot be opened as a video.
        ImageTooLargeError: Its frames have more pixels than the limit.
    """

    def __init__(self, name: str, reading: Reading) -> None:
        self.name = name
        self._path = Path(name).absolute()
        self._capture: Any = None
        capture, _ = self._open()
        import cv2

        try:
            count, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
            height, width = capture.get(cv2.CAP_PROP_FRAME_HEIGHT), capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        finally:
            capture.release()
        self.count: int | None = int(count) if 1 <= count < 2**53 else None
        self.fps: float | None = fps if math.isfinite(fps) and fps > 0 else None
        self.size = Size(height=int(height), width=int(width))
        if self.size.height * self.size.width > reading.limit_px:
            raise ImageTooLargeError(
                f"{name}: expected frames of at most {reading.limit_px} pixels, they are {self.size}. "
                "Raise limit_px if the file is trusted."
            )

    def __iter__(self) -> Iterator[Outcome]:
        """The frames; an `Unreadable` comes last when frames are missing at the end or were undecodable."""
        import cv2

        self.close()
        try:
            capture, container = self._open()
        except SourceError as error:
            yield Unreadable(self.name, 0, error)
            return
        self._capture = capture
        pace = _Pace(self.fps)
        try:
            while self._capture is capture:
                is_read, image = capture.read()
                if not is_read:
                    break
                position_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
                time_s = position_ms / 1000 if math.isfinite(position_ms) else None
                yield Frame(image, self.name, pace.frames, time_s)
                pace.add(time_s)
            was_closed = self._capture is not capture
        finally:
            capture.release()
        lack = None if was_closed else self._lack(container, pace)
        if lack:
            yield Unreadable(self.name, pace.frames, SourceError(f"{self.name}: {lack}"))

    def close(self) -> None:
        """Let go of the file; an iteration under way ends there."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _open(self) -> tuple[Any, Container]:
        import cv2

        try:
            container = read_container(self._path)
        except OSError as fault:
            raise SourceError(f"{self.name}: the video cannot be read: {fault}") from fault
        # An absolute path, and FFmpeg by name: else a name like "http:x.mp4" or "img%03d.mp4" means more
        # than a file.
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            lack = (
                f"; it is truncated: {container.bytes_missing} bytes are missing at its end"
                if container.bytes_missing
                else ""
            )
            raise SourceError(f"{self.name}: OpenCV cannot open this file as a video{lack}. {AGAIN}")
        return capture, container

    def _lack(self, container: Container, pace: _Pace) -> str | None:
        """What is missing after the last frame, or `None` for a complete video.

        A container that ends before its own structure does is truncated. Else MP4 and AVI count their frames:
        a few may be missing, cut off by an edit list. Others state a duration, from which OpenCV makes up a
        count that is wrong when the rate varies: there the frames' times decide.
        """
        frames = pace.frames
        of_count = f"{frames} of {self.count} frames" if self.count else f"{frames} frames"
        if container.bytes_missing:
            missing = container.bytes_missing
            return (
                f"the video is truncated: {missing} bytes are missing at its end, after {of_count}. {AGAIN}"
            )
        if not frames:
            return f"no frame of the video can be decoded. {AGAIN}"
        if self.count is None or frames >= self.count - COUNT_TOLERANCE:
            return None
        if not container.counts_frames and pace.fills(self.count):
            return None
        return (
            f"the video ended after {of_count}: it is truncated or damaged, or its header is wrong. The frames "
            f"that could be decoded were read. {AGAIN}"
        )


class _Pace:
    """The times of the frames so far, as far as they tell whether frames are missing.

    Args:
        fps: Frames per second that the file states.
    """

    def __init__(self, fps: float | None) -> None:
        self.frames = 0
        self._fps = fps
        self._steady = 0
        self._first_s: float | None = None
        self._last_s: float | None = None

    def add(self, time_s: float | None) -> None:
        """Count a frame."""
        self.frames += 1
        if self._fps and time_s is not None and self._last_s is not None:
            self._steady += abs((time_s - self._last_s) * self._fps - 1) < 0.25
        if self._first_s is None:
            self._first_s = time_s
        self._last_s = time_s

    def fills(self, count: int) -> bool:
        """True when the frames reach to the end of `count` frame times, and leave no gap if the rate is constant."""
        if not self._fps or self._first_s is None or self._last_s is None:
            return False
        end_s = self._last_s + 1 / self._fps
        has_constant_rate = self._steady >= 0.9 * (self.frames - 1)
        spanned = round((self._last_s - self._first_s) * self._fps) + 1
        has_gap = has_constant_rate and spanned > self.frames + COUNT_TOLERANCE
        return end_s >= count / self._fps - DURATION_TOLERANCE_S and not has_gap


class RefusedVideo:
    """A video among others that cannot be opened: its one outcome is the reason.

    Args:
        name: Path of the file.
        error: Why it cannot be opened.
    """

    def __init__(self, name: str, error: SourceError | ImageTooLargeError) -> None:
        self.name = name
        self.count: int | None = 1
        self._error = error

    def __iter__(self) -> Iterator[Outcome]:
        """The reason."""
        yield Unreadable(self.name, 0, self._error)

    def close(self) -> None:
        """Nothing: no file is open."""


def claims(argument: str) -> bool:
    """True for an existing file with the suffix of a video."""
    path = Path(argument)
    return path.suffix.lower() in VIDEO_SUFFIXES and path.exists() and not path.is_dir()


def open_sources(argument: str, reading: Reading) -> list[VideoFile]:
    """One source with the video's frames.

    Raises:
        SourceError: The file cannot be opened as a video.
        ImageTooLargeError: Its frames are larger than the limit.
    """
    return [VideoFile(argument, reading)]
