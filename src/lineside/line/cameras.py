"""A camera of the line: a thread that takes a picture of each part it is told of, and opens a lost camera again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lineside.core.errors import SourceError
from lineside.core.frame import Frame
from lineside.core.verdict import Reason
from lineside.line.border import Fault, attempt
from lineside.line.events import Capture, FrameArrived, FrameLost
from lineside.line.station import Station

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.line.events import Event
    from lineside.line.link import Link


class Camera(Protocol):
    """Something that takes a picture when it is told to."""

    def trigger(self, part: int) -> Frame:
        """A fresh picture of the part, whose number it carries.

        Raises:
            SourceError: The camera is lost. It is closed and opened again.
            ImageError: The picture cannot be judged; the camera is well.
        """

    def close(self) -> None:
        """Let go of the device; may be called twice."""


class CameraStation(Station[Capture, "Camera"]):
    """Answers each `Capture` with one `FrameArrived` or one `FrameLost`.

    Args:
        name: The camera's name.
        link: Opens the camera.
        post: Takes what happened.
        note: Takes a code and a sentence for the people at the line.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        link: Link[Camera],
        *,
        post: Callable[[Event], None],
        note: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(link, clock)
        self._name = name
        self._post = post
        self._note = note

    def _opened(self) -> None:
        if self._link.lost_s is not None:
            away_s = self._clock() - self._link.lost_s
            self._note("camera.back", f"camera {self._name} is open again, {away_s:.1f} s after it was lost")

    def _not_opened(self, fault: Fault) -> None:
        if self._link.failures == 1:
            self._note("camera.lost", f"camera {self._name} cannot be opened: {fault.sentence}")

    def _serve(self, resource: Camera, request: Capture) -> None:
        outcome = attempt(f"camera {self._name}", lambda: _picture(resource, request))
        if isinstance(outcome, Frame):
            self._link.prove()
            self._post(FrameArrived(request.camera, request.part, outcome))
            return
        self._post(FrameLost(request.camera, request.part, outcome.reason, outcome.sentence))
        if outcome.reason is not Reason.IMAGE_UNHEALTHY:
            self._link.lose(outcome, self._clock())
            self._close(resource)
            self._note("camera.lost", f"camera {self._name} is lost: {outcome.sentence}")

    def _refuse(self, request: Capture) -> None:
        why = "" if self._link.fault is None else f": {self._link.fault.sentence}"
        self._post(FrameLost(request.camera, request.part, Reason.NO_FRAME, f"the camera is lost{why}"))

    def _close(self, resource: Camera) -> None:
        outcome = attempt(f"closing camera {self._name}", resource.close)
        if isinstance(outcome, Fault):
            self._note("camera.close", f"camera {self._name} could not be closed: {outcome.sentence}")


def _picture(camera: Camera, request: Capture) -> Frame:
    frame = camera.trigger(request.part)
    if not isinstance(frame, Frame):
        raise SourceError(f"camera {request.camera}: expected a Frame, got {type(frame).__name__}")
    return frame
