"""What `lineside demo --fault` breaks on purpose, for the middle third of the run."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SourceError
from lineside.testing.faults import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.core.frame import Frame
    from lineside.core.inspection import Inspection
    from lineside.line.cameras import Camera


class FaultKind(StrEnum):
    """What can be broken."""

    CAMERA = "camera"
    DEVICE = "device"
    MODEL = "model"


class FaultPlan:
    """Breaks one thing for the middle third of a run, and remembers whose pictures it took.

    The time counts from `begin` on. It is the breaker of the engine's first device.

    Args:
        kind: What is broken, or `None` for nothing.
        seconds: Length of the run.
        clock: Monotonic seconds.

    Attributes:
        begin_s: When it breaks, in seconds since the start.
        end_s: When it is whole again.
    """

    def __init__(self, kind: FaultKind | None, *, seconds: float, clock: Callable[[], float]) -> None:
        self.kind = kind
        self.begin_s = seconds / 3
        self.end_s = 2 * seconds / 3
        self._clock = clock
        self._started_s: float | None = None
        self._lock = threading.Lock()
        self._parts: set[int] = set()
        self._images: list[tuple[NDArray[Any], str]] = []

    @property
    def window(self) -> tuple[str, float, float] | None:
        """Name, begin and end, or `None` where nothing is broken."""
        return None if self.kind is None else (str(self.kind), self.begin_s, self.end_s)

    def begin(self) -> None:
        """Parts begin to come."""
        with self._lock:
            self._started_s = self._clock()

    def is_on(self, kind: FaultKind) -> bool:
        """Whether this is broken now. Cameras and workers ask from their threads."""
        with self._lock:
            if self._started_s is None or self.kind is not kind:
                return False
            return self.begin_s <= self._clock() - self._started_s < self.end_s

    def broken(self) -> Broken | None:
        """What is broken in the engine's first device now."""
        return next((what for what in (Broken.DEVICE, Broken.MODEL) if self.is_on(FaultKind(what))), None)

    def broke(self, picture: NDArray[Any], device: str) -> None:
        """This device did not look at this picture: an answer of it would be no proof."""
        with self._lock:
            self._images.append((picture, device))

    def take(self, part: int) -> None:
        """The fault cost this part a picture."""
        with self._lock:
            self._parts.add(part)

    def took(self, inspection: Inspection) -> bool:
        """Whether the fault took something that the part needed."""
        with self._lock:
            return inspection.part in self._parts or any(
                view.frame is not None and view.frame.image is image and view.device in {"", device}
                for view in inspection.views
                for image, device in self._images
            )


class BreakableCamera:
    """A camera whose cable comes out when the plan says so.

    Args:
        camera: The camera behind it.
        name: Its name, for messages.
        plan: When.
    """

    def __init__(self, camera: Camera, name: str, plan: FaultPlan) -> None:
        self._camera = camera
        self._name = name
        self._plan = plan

    def trigger(self, part: int) -> Frame:
        """The camera's picture.

        Raises:
            SourceError: The cable is out.
        """
        if self._plan.is_on(FaultKind.CAMERA):
            self._plan.take(part)
            raise _cable(self._name)
        return self._camera.trigger(part)

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()


def breakable_camera(opener: Callable[[], Camera], name: str, plan: FaultPlan) -> Callable[[], Camera]:
    """An opener that fails as long as the cable is out, and opens a breakable camera."""

    def opened() -> Camera:
        if plan.is_on(FaultKind.CAMERA):
            raise _cable(name)
        return BreakableCamera(opener(), name, plan)

    return opened


def _cable(name: str) -> SourceError:
    return SourceError(f'the cable of camera "{name}" is out (pulled by --fault camera)')
