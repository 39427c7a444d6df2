"""What `lineside demo --fault` breaks on purpose, for the middle third of the run."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core.errors import DeviceError, SourceError
from lineside.testing.faults import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.core.frame import Frame
    from lineside.core.inspection import Inspection
    from lineside.line.cameras import Camera
    from lineside.line.worker import Model, StageTimes


class FaultKind(StrEnum):
    """What can be broken."""

    CAMERA = "camera"
    DEVICE = "device"
    MODEL = "model"


class FaultPlan:
    """Breaks one thing for the middle third of a run, and remembers whose pictures it took.

    The time counts from the first question on: the first trigger of a camera, or the first run of the model.

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
        self._images: list[NDArray[Any]] = []

    @property
    def window(self) -> tuple[str, float, float] | None:
        """Name, begin and end, or `None` where nothing is broken."""
        return None if self.kind is None else (str(self.kind), self.begin_s, self.end_s)

    def is_on(self, kind: FaultKind) -> bool:
        """Whether this is broken now. Cameras and worker ask from their threads."""
        with self._lock:
            if self._started_s is None:
                self._started_s = self._clock()
            return self.kind is kind and self.begin_s <= self._clock() - self._started_s < self.end_s

    def take(self, *, part: int | None = None, image: NDArray[Any] | None = None) -> None:
        """The fault cost this part or picture its proof."""
        with self._lock:
            if part is not None:
                self._parts.add(part)
            if image is not None:
                self._images.append(image)

    def took(self, inspection: Inspection) -> bool:
        """Whether the fault took something that the part needed."""
        with self._lock:
            frames = [view.frame for view in inspection.views if view.frame is not None]
            return inspection.part in self._parts or any(
                frame.image is image for frame in frames for image in self._images
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
            self._plan.take(part=part)
            raise _cable(self._name)
        return self._camera.trigger(part)

    def close(self) -> None:
        """Close the camera."""
        self._camera.close()


class Breakable(Protocol):
    """A model in which something can be broken: a `lineside.testing.faults.FaultyDetector`."""

    broken: Broken | None

    def thresholds(self, *, confidence: float) -> Any:
        """What `timed` takes."""

    def timed(self, image: NDArray[Any], settings: Any) -> tuple[Detections, StageTimes]:
        """What is in the picture, and how long each stage took."""


class BreakableModel:
    """A model that is broken when the plan says so.

    Args:
        model: The model.
        plan: When.
    """

    def __init__(self, model: Breakable, plan: FaultPlan) -> None:
        self._model = model
        self._plan = plan

    @property
    def truth(self) -> Any:
        """The report on the session behind it."""
        return getattr(self._model, "truth", None)

    def thresholds(self, *, confidence: float) -> Any:
        """What `timed` takes."""
        return self._model.thresholds(confidence=confidence)

    def timed(self, image: NDArray[Any], settings: Any) -> tuple[Detections, StageTimes]:
        """The model's answer.

        Raises:
            DeviceError: The device is gone.
            ModelOutputError: The model answers NaN.
        """
        self._model.broken = next((what for what in Broken if self._plan.is_on(FaultKind(what))), None)
        if self._model.broken:
            self._plan.take(image=image)
        return self._model.timed(image, settings)


def breakable_camera(opener: Callable[[], Camera], name: str, plan: FaultPlan) -> Callable[[], Camera]:
    """An opener that fails as long as the cable is out, and opens a breakable camera."""

    def opened() -> Camera:
        if plan.is_on(FaultKind.CAMERA):
            raise _cable(name)
        return BreakableCamera(opener(), name, plan)

    return opened


def breakable_model(opener: Callable[[], Breakable], plan: FaultPlan) -> Callable[[], Model]:
    """An opener that fails as long as the device is gone, and opens a breakable model."""

    def opened() -> Model:
        if plan.is_on(FaultKind.DEVICE):
            raise DeviceError("no such device (taken away by --fault device)")
        return BreakableModel(opener(), plan)

    return opened


def _cable(name: str) -> SourceError:
    return SourceError(f'the cable of camera "{name}" is out (pulled by --fault camera)')
