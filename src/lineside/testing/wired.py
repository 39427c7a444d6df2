"""Cameras that a wire fires: a test is the photo-eye."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import TYPE_CHECKING

from lineside.capture.camera import CameraStatistics
from lineside.core.errors import SourceError
from lineside.core.frame import Frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.capture.camera import CameraSettings


class WiredCamera:
    """Gives the pictures that it was fired for.

    Args:
        settings: The camera's.
    """

    def __init__(self, settings: CameraSettings) -> None:
        self._settings = settings
        self._taken: SimpleQueue[Frame | None] = SimpleQueue()
        self._is_closed = Event()
        self._frames = 0
        self._numbers = 0

    def fire(self, image: NDArray[np.uint8], *, is_lost: bool = False) -> None:
        """It takes a picture now.

        Args:
            image: uint8 BGR (H, W, 3), what it sees.
            is_lost: The picture is counted by the camera and lost on its way.
        """
        number, self._numbers = self._numbers, self._numbers + 1
        at_s = self._settings.clock()
        if is_lost:
            return
        self._taken.put(
            Frame(
                image,
                self._settings.id,
                number,
                captured_s=at_s,
                wall_s=self._settings.wall_at(at_s),
                device_frame=number,
            )
        )

    def trigger(self) -> None:
        """It cannot be asked.

        Raises:
            SourceError: Always.
        """
        raise SourceError(f"camera {self._settings.id}: only its wire fires it")

    def read(self, timeout_s: float) -> Frame | None:
        """The next picture, or `None` where the wire fired none in time.

        Raises:
            SourceError: It is closed.
        """
        if self._is_closed.is_set():
            raise SourceError(f"camera {self._settings.id}: it is closed")
        try:
            frame = self._taken.get(timeout=timeout_s)
        except Empty:
            return None
        self._frames += frame is not None
        return frame

    def statistics(self) -> CameraStatistics:
        """How many pictures it gave."""
        return CameraStatistics(frames=self._frames, missed=self._numbers - self._frames)

    def close(self) -> None:
        """A read that waits ends."""
        self._is_closed.set()
        self._taken.put(None)


class WiredCameras:
    """Opens wired cameras; the newest of each name is the one that its wire fires."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cameras: dict[str, WiredCamera] = {}

    def __call__(self, settings: CameraSettings) -> WiredCamera:
        """A camera, open."""
        camera = WiredCamera(settings)
        with self._lock:
            self._cameras[settings.id] = camera
        return camera

    def fire(self, name: str, image: NDArray[np.uint8], *, is_lost: bool = False) -> None:
        """A camera takes a picture now; as `WiredCamera.fire`.

        Args:
            name: Which.
            image: uint8 BGR (H, W, 3).
            is_lost: It never arrives.
        """
        with self._lock:
            camera = self._cameras[name]
        camera.fire(image, is_lost=is_lost)
