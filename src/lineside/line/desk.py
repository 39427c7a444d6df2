"""Where pictures are handed to the engine, and its answers become events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lineside.core.detections import Detections
from lineside.core.errors import ModelOutputError, Recovery, UnansweredError
from lineside.core.geometry import Size
from lineside.line.border import Fault, attempt
from lineside.line.events import Detected, DetectFailed, LateLook, Shown, Stumble
from lineside.line.supervision import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from lineside.core.verdict import Reason
    from lineside.line.events import Detect, Event, News


class Looks(Protocol):
    """What looks at pictures: a `lineside.Engine`, or anything that is called as one."""

    def submit(
        self, image: NDArray[Any], *, deadline_s: float | None = None, name: object = None, **asked: Any
    ) -> Future[Detections]:
        """The future of what is in the picture, by the deadline; it may tell its `device` and its `seconds` by stage.

        What comes after the deadline may be told by the picture's name.
        """


def looker(camera: str) -> str:
    """Who looks at the pictures of a view, for people."""
    return f"the model, of {camera}"


class Desk:
    """Answers each `Detect` with one `Detected` or `DetectFailed`, by its deadline.

    Args:
        post: Takes what came of each; it is called by whoever brings the answer.
    """

    def __init__(self, post: Callable[[Event | News], None]) -> None:
        self._post = post

    def put(self, request: Detect, engine: Looks, asked: Mapping[str, Any]) -> None:
        """Hand a picture over.

        Args:
            request: The picture.
            engine: Looks at it.
            asked: Thresholds, as for `Engine.submit`.
        """
        # Parts are independent of each other: no picture waits for the answer to the one before it.
        outcome = attempt(
            "detection",
            lambda: engine.submit(
                request.frame.image,
                deadline_s=request.deadline_s,
                name=Shown(request.camera, request.part),
                **asked,
            ),
        )
        if isinstance(outcome, Fault):
            self._fail(request, outcome, outcome.reason)
        else:
            outcome.add_done_callback(lambda future: self._answered(request, future))

    def _answered(self, request: Detect, future: Future[Detections]) -> None:
        outcome = attempt("detection", lambda: _detected(request, future))
        if isinstance(outcome, Fault):
            refusal = future.exception()
            reason = refusal.reason if isinstance(refusal, UnansweredError) else outcome.reason
            self._fail(request, outcome, reason)
        else:
            self._post(outcome)

    def _fail(self, request: Detect, fault: Fault, reason: Reason) -> None:
        self._post(DetectFailed(request.camera, request.part, reason, fault.sentence))
        if fault.recovery is Recovery.STOP:
            self._post(Stumble(looker(request.camera), fault, PATIENCE))


def late_look(post: Callable[[News], None]) -> Callable[[object, Any, str], None]:
    """What an engine's `late_result` is given: it posts what was seen in a picture of a part after its answer.

    Args:
        post: Takes the news.
    """

    def late(name: object, result: Any, device: str) -> None:
        if isinstance(name, Shown) and isinstance(result, Detections):
            post(LateLook(name, result, device))

    return late


def _detected(request: Detect, future: Future[Detections]) -> Detected:
    detections = future.result()
    size = Size(*request.frame.image.shape[:2])
    if not isinstance(detections, Detections) or detections.size != size:
        raise ModelOutputError(
            f"expected Detections in a picture of {size}; got {type(detections).__name__} in "
            f"{getattr(detections, 'size', 'none')}"
        )
    return Detected(
        request.camera,
        request.part,
        detections,
        getattr(future, "seconds", {}),  # a plain future tells neither
        getattr(future, "device", ""),
    )
