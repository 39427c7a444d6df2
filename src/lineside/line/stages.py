"""Several models over one picture, as one that is asked: the later ones look at what the first one found."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineside.core.errors import LinesideError, UnansweredError
from lineside.dispatch.look import LookFuture
from lineside.line.border import Fault, attempt
from lineside.line.events import Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.judge.stages import Crop, Stages
    from lineside.line.desk import Looks


class StagedLook:
    """The models of one product. Nothing is known of a picture of which one of them does not answer.

    Args:
        plan: What the later models are shown, and how all answers become one.
        first: Looks at whole pictures.
        later: Looks at crops, with its thresholds; by the stage's name.
    """

    def __init__(
        self, plan: Stages, first: Looks, later: Mapping[str, tuple[Looks, Mapping[str, Any]]]
    ) -> None:
        self._plan = plan
        self._first = first
        self._later = later

    def submit(
        self, image: NDArray[Any], *, deadline_s: float | None = None, name: object = None, **asked: Any
    ) -> Future[Detections]:
        """The future of what all models see in a picture, by its deadline.

        Raises:
            LinesideError: As the first model's engine.
        """
        whole = LookFuture()
        first = self._first.submit(image, deadline_s=deadline_s, name=name, **asked)
        first.add_done_callback(
            lambda future: _settle_by(whole, lambda: self._go_on(whole, future, image, deadline_s, name))
        )
        return whole

    def _go_on(
        self,
        whole: LookFuture,
        future: Future[Detections],
        image: NDArray[Any],
        deadline_s: float | None,
        name: object,
    ) -> None:
        found = future.result()
        whole.device = getattr(future, "device", "")
        whole.seconds = getattr(future, "seconds", {})
        crops = self._plan.follow_ups(found, image)
        if not crops:
            whole.set_result(self._plan.merge(found, (), ()))
            return
        gathered = _Gathered(len(crops), lambda answers: self._merge(whole, found, crops, answers))
        for number, crop in enumerate(crops):
            engine, asked = self._later[crop.stage]
            own = replace(name, stage=crop.stage) if isinstance(name, Shown) else name
            one = engine.submit(crop.image, deadline_s=deadline_s, name=own, **asked)
            one.add_done_callback(lambda done, number=number: gathered.take(number, done))  # type: ignore[misc] # mypy has no type for a lambda's default

    def _merge(
        self,
        whole: LookFuture,
        found: Detections,
        crops: Sequence[Crop],
        answers: Sequence[Detections | UnansweredError],
    ) -> None:
        _settle_by(whole, lambda: whole.set_result(self._plan.merge(found, crops, answers)))


class _Gathered:
    """The answers to some crops, handed on when the last is there."""

    def __init__(self, count: int, done: Callable[[Sequence[Detections | UnansweredError]], None]) -> None:
        self._answers: list[Detections | UnansweredError | None] = [None] * count
        self._left = count
        self._done = done
        self._lock = threading.Lock()

    def take(self, number: int, future: Future[Detections]) -> None:
        """Take one."""
        outcome = attempt("a later model", future.result)
        answer: Detections | UnansweredError
        if isinstance(outcome, Fault):
            refusal = future.exception()
            reason = refusal.reason if isinstance(refusal, UnansweredError) else outcome.reason
            answer = UnansweredError(outcome.sentence, reason)
        else:
            answer = outcome
        with self._lock:
            self._answers[number] = answer
            self._left -= 1
            is_last = not self._left
        if is_last:
            self._done([answer for answer in self._answers if answer is not None])


def _settle_by(whole: LookFuture, work: Callable[[], None]) -> None:
    """Do something that settles a future; where it fails, the future holds why."""
    try:
        work()
    except LinesideError as refusal:
        whole.set_exception(refusal)
    except Exception as fault:  # noqa: BLE001 # a callback's fault would else be lost, and the part late for no known reason
        whole.set_exception(fault)
