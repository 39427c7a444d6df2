"""One opening of a camera, from the first call of its library to the last, in a thread of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from lineside.capture.camera import Configurable, Expectant, Paced, configure
from lineside.core.errors import ImageError, LinesideError, SourceEndedError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.changes import Change
    from lineside.capture.requests import Request
    from lineside.core.frame import Frame

T = TypeVar("T")

READ_S = 0.5
"""A read waits so long for a picture."""

IDLE_S = 0.25
"""A camera that waits for triggers is looked at so often, for pictures that nobody asked for and for its loss."""

TOO_OLD_S = 0.005
"""A picture that was taken so long before its trigger is not the trigger's."""

_FLUSHED = 64

MOST_UNASKED = 3
"""So many pictures between two triggers, or any before two triggers in a row, and the camera runs by itself."""


class Owner(Protocol):
    """What a reader tells, and whom it asks. Each call names the reader's generation; one that is heard no more is ignored."""

    def opened(self, generation: int, camera: Camera, period_s: float | None) -> bool:
        """The camera is open. False where it is to be closed again."""

    def calling(self, generation: int, within_s: float) -> bool:
        """A call into the library begins. False where the reader shall end."""

    def returned(self, generation: int) -> None:
        """The call came back."""

    def wanted(self, generation: int) -> None:
        """A picture is due from now on."""

    def take(self, generation: int, frame: Frame, request: Request | None) -> None:
        """A picture came, for a request where there is one."""

    def spoilt(self, generation: int, error: ImageError, request: Request | None) -> None:
        """A picture came that cannot be used."""

    def unasked(self, generation: int) -> None:
        """A picture came that nobody asked for. It is dropped."""

    def next_request(self, generation: int, timeout_s: float) -> Request | None:
        """The next trigger, or `None`."""

    def next_change(self, generation: int) -> Change | None:
        """Features to be set now, before the next picture or trigger."""

    def changed(self, generation: int, change: Change, fault: LinesideError | None) -> None:
        """The camera has the features, or refused them."""

    def failed(self, generation: int, error: LinesideError) -> None:
        """The camera is lost, or what it played is over."""

    def gone(self, generation: int, fault: LinesideError | None) -> None:
        """The thread ends; with what could not be closed."""


class Reader:
    """Opens the camera, reads until it is lost or given up, and closes it.

    Args:
        generation: The number of the opening.
        settings: The camera's.
        open_camera: Opens it.
        owner: Who is told.
    """

    def __init__(
        self,
        generation: int,
        settings: CameraSettings,
        open_camera: Callable[[CameraSettings], Camera],
        owner: Owner,
    ) -> None:
        self._generation = generation
        self._settings = settings
        self._open_camera = open_camera
        self._owner = owner
        self._unasked = 0
        self._was_unasked = False

    def run(self) -> None:
        """The whole life of the opening."""
        camera: Camera | None = None
        closing: LinesideError | None = None
        # A fault of our own must not leave the camera open and nobody told; it goes the way of all faults of a thread.
        ended: LinesideError = SourceError(
            f"camera {self._settings.id}: a fault of lineside ended its thread"
        )
        try:
            camera = self._guarded(lambda: self._open_camera(self._settings))
            self._serve(camera)
            ended = SourceError(f"camera {self._settings.id}: it was given up")
        except LinesideError as error:
            ended = error
        finally:
            # First told, so that what is owed is answered at once; closing may take its time.
            self._owner.failed(self._generation, ended)
            if camera is not None:
                closing = closed(camera, self._settings.id)
            self._owner.gone(self._generation, closing)

    def _serve(self, camera: Camera) -> None:
        period_s = camera.period_s if isinstance(camera, Paced) else None
        fps = self._settings.fps
        if not self._owner.opened(self._generation, camera, period_s or (1 / fps if fps else None)):
            return
        if self._settings.is_triggered:
            self._flush(camera)
            while self._change_next(camera) and self._answer_next(camera):
                pass
        else:
            while self._change_next(camera) and self._read_next(camera):
                pass

    def _change_next(self, camera: Camera) -> bool:
        """Set the features that are asked for by now. False where the reader shall end.

        Raises:
            LinesideError: The camera refused some, or is lost. Nobody knows what it has now, so it is opened anew.
        """
        while (change := self._owner.next_change(self._generation)) is not None:
            if not self._owner.calling(self._generation, READ_S):
                return False
            try:
                self._called(partial(configure, camera, change.features, self._settings.id))
            except LinesideError as error:
                self._owner.changed(self._generation, change, error)
                if isinstance(camera, Configurable):
                    raise
            else:
                self._owner.changed(self._generation, change, None)
        return True

    def _flush(self, camera: Camera) -> None:
        """Drop what the camera had sent before its trigger mode was on."""
        for _ in range(_FLUSHED):
            if not self._owner.calling(self._generation, 0):
                return
            try:
                if self._called(lambda: camera.read(0)) is None:
                    return
            except ImageError:
                pass  # nobody asked for it, whole or not
            self._owner.unasked(self._generation)

    def _read_next(self, camera: Camera) -> bool:
        """Hand on the next picture of a camera that runs by itself. False where the reader shall end."""
        if not self._owner.calling(self._generation, READ_S):
            return False
        try:
            frame = self._called(lambda: camera.read(READ_S))
        except ImageError as error:
            self._owner.spoilt(self._generation, error, None)
            self._owner.wanted(self._generation)
            return True
        if frame is not None:
            self._owner.take(self._generation, frame, None)
            self._owner.wanted(self._generation)
        return True

    def _answer_next(self, camera: Camera) -> bool:
        """Wait for a trigger and hand on its picture. False where the reader shall end."""
        request = self._owner.next_request(self._generation, IDLE_S)
        while self._owner.calling(self._generation, 0):
            try:
                if self._called(lambda: camera.read(0)) is None:
                    return request is None or self._answer(camera, request)
            except ImageError:
                pass  # nobody asked for it, whole or not
            self._drop()
        return False

    def _drop(self) -> None:
        """A picture came that nobody had asked for.

        Raises:
            SourceError: They come all the time. The next one would be taken for the answer to the next trigger.
        """
        self._owner.unasked(self._generation)
        self._unasked += 1
        if self._unasked >= MOST_UNASKED or (self._unasked == 1 and self._was_unasked):
            raise SourceError(
                f"camera {self._settings.id}: it sends pictures that nobody asked for; expected one for each trigger. Is its "
                "trigger mode on?"
            )

    def _answer(self, camera: Camera, request: Request) -> bool:
        if isinstance(camera, Expectant):
            camera.expect(request.part)
        triggered_s = self._settings.clock()
        self._owner.wanted(self._generation)
        if not self._owner.calling(self._generation, 0):
            return False
        self._called(camera.trigger)
        while self._owner.calling(self._generation, READ_S):
            try:
                frame = self._called(lambda: camera.read(READ_S))
            except ImageError as error:
                self._owner.spoilt(self._generation, error, request)
                return True
            if frame is None:
                continue
            if frame.captured_s is not None and frame.captured_s < triggered_s - TOO_OLD_S:
                self._drop()
                continue
            self._was_unasked, self._unasked = self._unasked > 0, 0
            self._owner.take(self._generation, frame, request)
            return True
        return False

    def _called(self, work: Callable[[], T]) -> T:
        try:
            return self._guarded(work)
        finally:
            self._owner.returned(self._generation)

    def _guarded(self, work: Callable[[], T]) -> T:
        return guarded(f"camera {self._settings.id}: its driver failed as its kind does not expect", work)


def guarded(what: str, work: Callable[[], T]) -> T:
    """What the work gives.

    Args:
        what: What failed, if it does, for people.
        work: Code that is not ours: a driver's, or a listener's.

    Raises:
        LinesideError: Its own, or a `SourceError` for anything else that it raised.
    """
    try:
        return work()
    except LinesideError:
        raise
    except Exception as fault:  # other people's code may raise anything
        raise SourceError(f"{what}: {type(fault).__name__}: {fault}") from fault


def closed(camera: Camera, name: str) -> LinesideError | None:
    """What went wrong when the camera was closed."""
    try:
        guarded(f"camera {name}: it could not be closed", camera.close)
    except LinesideError as fault:
        return fault
    return None


def is_end(error: LinesideError) -> bool:
    """Whether the camera is not opened again."""
    return isinstance(error, SourceEndedError)
