"""Files that are played as if a camera took them."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from lineside.capture.camera import CameraStatistics
from lineside.capture.pacing import Pace
from lineside.capture.sources import Unreadable
from lineside.core.errors import ImageError, SourceEndedError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lineside.capture.camera import CameraSettings
    from lineside.capture.sources import FrameSource, Outcome
    from lineside.core.frame import Frame


class Player:
    """A camera that gives the outcomes of a source, each when it is due or when it is triggered.

    A frame that nobody read in time is skipped and counted, as a real camera would lose it. A picture that cannot be read
    is an `ImageError` in its place.

    Args:
        settings: The camera's.
        source: What is played; it can be iterated again.
        fps: Pictures a second; `None` for the settings', and if there is none, as fast as they are read.
        loop: Begin again after the last one.
    """

    def __init__(
        self, settings: CameraSettings, source: FrameSource, *, fps: float | None = None, loop: bool = False
    ) -> None:
        self._settings = settings
        self._source = source
        self._loop = loop
        self._pace = Pace(settings, fps or settings.fps)
        self._outcomes: Iterator[Outcome] | None = None
        self._statistics = CameraStatistics()
        self._reading = Lock()

    @property
    def period_s(self) -> float | None:
        """Seconds between two pictures."""
        return self._pace.period_s

    def trigger(self) -> None:
        """The next picture is due.

        Raises:
            SourceError: The camera is closed, or runs by itself.
        """
        self._pace.trigger()

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture, or `None`.

        Raises:
            SourceError: The camera is closed.
            SourceEndedError: The last picture was given.
            ImageError: The picture that was due cannot be read; the next ones can.
        """
        due = self._pace.wait(timeout_s)
        if due is None:
            return None
        with self._reading:
            for _ in range(due.skipped):
                self._next()
            outcome = self._next()
        done = self._statistics
        self._statistics = replace(done, dropped=done.dropped + due.skipped)
        if isinstance(outcome, Unreadable):
            raise self._told(outcome)
        height, width = outcome.image.shape[:2]
        if height * width > self._settings.limit_px:
            raise ImageError(
                f"{outcome.stream}: expected at most {self._settings.limit_px} pixels, got {width}x{height}"
            )
        self._statistics = replace(self._statistics, frames=done.frames + 1)
        return replace(
            outcome,
            stream=self._settings.id,
            sequence=done.frames,
            captured_s=due.at_s,
            wall_s=self._settings.wall_at(due.at_s),
            device_frame=due.number,
        )

    def statistics(self) -> CameraStatistics:
        """What it has done."""
        return self._statistics

    def close(self) -> None:
        """Nothing is played any more."""
        self._pace.close()
        with self._reading:  # a decoder that is let go of while it decodes would end the process
            self._source.close()

    def _next(self) -> Outcome:
        """The next outcome, of the next round if need be.

        Raises:
            SourceEndedError: There is none.
        """
        is_fresh = self._outcomes is None
        if self._outcomes is None:
            self._outcomes = iter(self._source)
        outcome = next(self._outcomes, None)
        if outcome is not None:
            return outcome
        if not self._loop or is_fresh:
            raise SourceEndedError(f"camera {self._settings.id}: {self._source.name} is played to its end")
        self._outcomes = None
        return self._next()

    def _told(self, outcome: Unreadable) -> ImageError | SourceError:
        """What the camera says of a picture that cannot be read."""
        if not isinstance(outcome.error, SourceError):
            self._statistics = replace(self._statistics, incomplete=self._statistics.incomplete + 1)
            return outcome.error
        # A video that breaks off: there is nothing behind it.
        if self._loop:
            return ImageError(str(outcome.error))
        return SourceEndedError(f"camera {self._settings.id}: {outcome.error}")


def pictures_of(settings: CameraSettings, folder: Path, scale_16bit: float | None) -> FrameSource:
    """The pictures of a folder, in natural order.

    Raises:
        SourceError: The folder cannot be listed, or has none.
    """
    from lineside.capture.kinds.folder import open_sources
    from lineside.capture.kinds.picture import PictureFiles
    from lineside.capture.pictures import DEFAULT_LIMIT_PX, Reading

    limit_px = min(settings.limit_px, DEFAULT_LIMIT_PX)
    for source in open_sources(str(folder), Reading(limit_px, scale_16bit)):
        if isinstance(source, PictureFiles):
            return source
        source.close()
    raise SourceError(f'camera {settings.id}: expected pictures in the folder "{folder}"; there are none')
