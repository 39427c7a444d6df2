"""The one that runs the model: a thread over a session that is opened again when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lineside.core.detections import Detections
from lineside.core.errors import ModelOutputError
from lineside.core.geometry import Size
from lineside.core.verdict import Reason
from lineside.line.border import Fault, attempt
from lineside.line.events import Detect, Detected, DetectFailed, DeviceDown, DeviceUp
from lineside.line.station import Station

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lineside.line.events import Event
    from lineside.line.link import Link


class StageTimes(Protocol):
    """How long each stage of a detection took, in seconds."""

    @property
    def preprocess_s(self) -> float:
        """From the picture to the model's input."""

    @property
    def run_s(self) -> float:
        """The model's run."""

    @property
    def postprocess_s(self) -> float:
        """From its outputs to detections."""


class Model(Protocol):
    """What detects: a `Detector`, or anything that is called as one."""

    def thresholds(self, *, confidence: float) -> Any:
        """What `timed` takes so that every object above the confidence, of any class, is in its answer."""

    def timed(self, image: NDArray[Any], settings: Any) -> tuple[Detections, StageTimes]:
        """What is in the picture, and how long each stage took."""


class Worker(Station[Detect, Model]):
    """Answers each `Detect` with one `Detected` or `DetectFailed`, or all at once with one `DeviceDown`.

    Args:
        link: Opens the session.
        settings: The thresholds of every call.
        post: Takes what happened.
        note: Takes a code and a sentence for the people at the line.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        link: Link[Model],
        settings: Any,
        *,
        post: Callable[[Event], None],
        note: Callable[[str, str], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(link, clock)
        self._settings = settings
        self._post = post
        self._note = note

    def note_demotion(self) -> None:
        """Tell the people at the line that the model runs on another device than was asked for, where it does."""
        truth = getattr(self._link.resource, "truth", None)  # a `Detector` has one, other models need not
        if truth is not None and truth.is_demoted:
            self._note("device.demoted", truth.sentence)

    def _opened(self) -> None:
        if self._link.lost_s is not None:
            away_s = self._clock() - self._link.lost_s
            self._note("device.back", f"{self._link.what} is open again, {away_s:.1f} s after it was lost")
        self.note_demotion()
        # What waits was settled when the device was lost; no more comes before the ledger hears that it is back.
        self._drain()
        self._post(DeviceUp())

    def _not_opened(self, fault: Fault) -> None:
        if self._link.failures == 1:
            self._lost(fault)

    def _serve(self, resource: Model, request: Detect) -> None:
        if self._clock() >= request.deadline_s:
            detail = "it waited for the model until its deadline had passed, and was not run"
            self._post(DetectFailed(request.camera, request.part, Reason.LATE, detail))
            return
        outcome = attempt("detection", lambda: _detected(resource, self._settings, request))
        if isinstance(outcome, Detected):
            self._link.prove()
            self._post(outcome)
        elif outcome.reason is Reason.IMAGE_UNHEALTHY:
            self._post(DetectFailed(request.camera, request.part, outcome.reason, outcome.sentence))
        else:
            self._link.lose(outcome, self._clock())
            self._lost(outcome)

    def _lost(self, fault: Fault) -> None:
        self._post(DeviceDown(fault.reason, fault.sentence))
        word = "gave an impossible answer" if fault.reason is Reason.MODEL_UNHEALTHY else "failed"
        self._note(f"device.{fault.reason}", f"{self._link.what} {word}: {fault.sentence}")

    def _refuse(self, request: Detect) -> None:
        """Nothing is owed: the ledger settled the request when it heard that the device is down."""

    def _close(self, resource: Model) -> None:
        """A session is let go of with its last reference."""


def _detected(model: Model, settings: Any, request: Detect) -> Detected:
    detections, times = model.timed(request.frame.image, settings)
    size = Size(*request.frame.image.shape[:2])
    if not isinstance(detections, Detections) or detections.size != size:
        raise ModelOutputError(
            f"expected Detections in a picture of {size}; got {type(detections).__name__} in "
            f"{getattr(detections, 'size', 'none')}"
        )
    seconds = {"preprocess": times.preprocess_s, "run": times.run_s, "postprocess": times.postprocess_s}
    return Detected(request.camera, request.part, detections, seconds)
