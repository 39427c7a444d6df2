"""A camera without a device: its pictures, silences, faults and hangs are written down beforehand."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from threading import Condition, Event, Lock
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lineside.capture.camera import CameraStatistics
from lineside.core.errors import ImageError, LinesideError, SourceError
from lineside.core.frame import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineside.capture.camera import CameraSettings


@dataclass(frozen=True, slots=True)
class Picture:
    """A read gives a picture of one grey.

    Attributes:
        level: The grey, 0 to 255.
        shape: Rows and columns, and 3 where it is coloured.
    """

    level: int = 128
    shape: tuple[int, ...] = (48, 64, 3)


@dataclass(frozen=True, slots=True)
class Silence:
    """A read gives nothing in its time."""


@dataclass(frozen=True, slots=True, eq=False)
class Hang:
    """A read does not come back, as one that a library has lost, until `ended` is set; then the next step follows.

    Attributes:
        ended: Ends it.
        begun: Is set when the read is in it.
    """

    ended: Event = field(default_factory=Event)
    begun: Event = field(default_factory=Event)


Step: TypeAlias = Picture | Silence | Hang | LinesideError


class StubCamera:
    """Does what is written down, one step a read; after the last step the `rest` for ever.

    Where the settings say that lineside triggers it, a picture, whole or spoilt (`ImageError`), waits for its trigger, and a read
    without one gives nothing.

    Args:
        settings: The camera's.
        steps: What its reads do; an error is raised.
        rest: What follows.

    Attributes:
        is_closed: Whether it was closed.
        triggers: How often it was triggered.
    """

    def __init__(
        self, settings: CameraSettings, steps: Iterable[Step] = (), rest: Step | None = None
    ) -> None:
        self.is_closed = False
        self.triggers = 0
        self._settings = settings
        self._steps = deque(steps)
        self._rest = Silence() if rest is None else rest
        self._due = 0
        self._sequence = 0
        self._changed = Condition()

    def trigger(self) -> None:
        """One picture is due.

        Raises:
            SourceError: It is closed, or runs by itself.
        """
        with self._changed:
            self._refuse_closed()
            if not self._settings.is_triggered:
                raise SourceError(f"camera {self._settings.id}: it cannot be triggered, it runs by itself")
            self.triggers += 1
            self._due += 1
            self._changed.notify_all()

    def read(self, timeout_s: float) -> Frame | None:
        """What the next step says.

        Raises:
            LinesideError: The step is an error, or the camera is closed.
        """
        with self._changed:
            self._refuse_closed()
            waits = self._settings.is_triggered and not self._due
            step = self._next()
            if isinstance(step, Silence) or (waits and isinstance(step, Picture | ImageError)):
                self._changed.wait_for(lambda: self.is_closed or (waits and self._due), timeout_s)
                self._refuse_closed()
                if not self._due or isinstance(step, Silence):
                    self._done(step if isinstance(step, Silence) else None)
                    return None
            self._done(step)
        if isinstance(step, Hang):
            step.begun.set()
            step.ended.wait()
            return None
        if isinstance(step, LinesideError):
            raise step
        return self._picture(step)

    def statistics(self) -> CameraStatistics:
        """How many pictures it gave."""
        return CameraStatistics(frames=self._sequence)

    def close(self) -> None:
        """It is closed; a read that waits ends, one that hangs does not."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def _refuse_closed(self) -> None:
        if self.is_closed:
            raise SourceError(f"camera {self._settings.id}: it is closed")

    def _next(self) -> Step:
        return self._steps[0] if self._steps else self._rest

    def _done(self, step: Step | None) -> None:
        if step is None:
            return
        if self._steps and self._steps[0] is step:
            self._steps.popleft()
        if isinstance(step, Picture | ImageError):
            self._due = max(self._due - 1, 0)

    def _picture(self, picture: Picture) -> Frame:
        number, self._sequence = self._sequence, self._sequence + 1
        now_s = self._settings.clock()
        image = np.full(picture.shape, picture.level, np.uint8)
        return Frame(image, self._settings.id, number, captured_s=now_s, wall_s=self._settings.wall_at(now_s))


class StubCameras:
    """Opens one stub after the other: what is written down for the first opening, then for the second.

    Args:
        openings: For each opening the steps of its camera, or the error or the `Hang` that the opening is. After the last
            one each opening gives pictures for ever.
        pause_s: Seconds between the pictures that are given for ever.

    Attributes:
        opened: The cameras so far, the oldest first.
    """

    def __init__(
        self, openings: Sequence[Sequence[Step] | LinesideError | Hang] = (), *, pause_s: float = 0.01
    ) -> None:
        self.opened: list[StubCamera] = []
        self._openings = deque(openings)
        self._pause_s = pause_s
        self._lock = Lock()

    def __call__(self, settings: CameraSettings) -> StubCamera:
        """The next camera.

        Raises:
            LinesideError: This opening is a fault.
        """
        with self._lock:
            opening = self._openings.popleft() if self._openings else None
        if isinstance(opening, LinesideError):
            raise opening
        if isinstance(opening, Hang):
            opening.begun.set()
            opening.ended.wait()
        camera = (
            _Running(settings, self._pause_s)
            if opening is None or isinstance(opening, Hang)
            else StubCamera(settings, opening)
        )
        with self._lock:
            self.opened.append(camera)
        return camera


class _Running(StubCamera):
    """A stub that gives pictures for ever, some time apart."""

    def __init__(self, settings: CameraSettings, pause_s: float) -> None:
        super().__init__(settings, rest=Picture())
        self._pause_s = pause_s

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture, after the pause."""
        if not self._settings.is_triggered:
            time.sleep(self._pause_s)
        return super().read(timeout_s)
