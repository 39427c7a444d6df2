"""Who hears an answer, and in which order: the plant, the ejector, the records, the people."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from lineside.line.border import Fault, attempt
from lineside.line.events import Detected, LateLook, Shown
from lineside.outputs.trace.late import Late

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.core.detections import Detections
    from lineside.core.inspection import Inspection, Origin
    from lineside.line.events import LateResult
    from lineside.line.outbox import Outbox
    from lineside.line.parts import Parts
    from lineside.line.tally import Tally

_REMEMBERED = 512  # answers for which something may still come


class Telling:
    """Tells answers, and what comes after them. The run loop alone uses it.

    Args:
        parts: Who hears.
        tally: Counts.
        outbox: In front of the listeners.
        clock: Monotonic seconds.
    """

    def __init__(self, parts: Parts, tally: Tally, outbox: Outbox, clock: Callable[[], float]) -> None:
        self._parts = parts
        self._tally = tally
        self._outbox = outbox
        self._clock = clock
        self._note = parts.board.post
        self._answered: OrderedDict[int, tuple[float, str, Origin]] = OrderedDict()

    def begun(self, part: int, at_s: float) -> None:
        """A part was triggered: the ejector follows it. Its fault must not cost the part its answer."""
        ejector = self._parts.ejector
        if ejector is None:
            return
        outcome = attempt("ejector", lambda: ejector.expect(part, at_s))
        if isinstance(outcome, Fault):
            sentence = f"part {part} is not followed to the ejector, take it off the line: {outcome.sentence}"
            self._note("ejector.failed", sentence)

    def answer(self, inspection: Inspection, about: Mapping[str, Any]) -> None:
        """The plant hears first; nothing of what follows can hold it up or keep it from hearing.

        Args:
            inspection: The answer.
            about: What the records say of the part's product.
        """
        parts = self._parts
        if parts.plant is not None:
            parts.plant.answer(inspection)
        if parts.ejector is not None:
            parts.ejector.decide(inspection.part, inspection.verdict)
        if parts.gate is not None:
            self._tell("gate", inspection, parts.gate)
        self._tell("record", inspection, lambda said: parts.record(said, about))
        self._tally.answer(inspection)
        self._outbox.offer(inspection)
        self._remember(inspection)

    def late(self, event: LateLook | LateResult) -> None:
        """Something came for a part that was answered: it is counted and told to the trace, and changes nothing."""
        if isinstance(event, LateLook):
            self._tally.late()
            self._record(event.shown, event.detections, event.device)
            return
        came = event.event
        shown = Shown(came.camera, came.part)
        if isinstance(came, Detected):
            self._tally.late(came.seconds)
            self._record(shown, came.detections, came.device)
        else:
            self._tally.late()
            self._record(shown)

    def alive(self, now_s: float) -> float:
        """Tell the ejector that the run loop goes round; when it has to again, in monotonic seconds."""
        ejector = self._parts.ejector
        return math.inf if ejector is None else ejector.alive(now_s)

    def close(self, beat: Callable[[], object]) -> None:
        """No answer comes any more: the controls are let go of, and the ejector when the last parts have come to it.

        Args:
            beat: Is called again and again while they are on their way.
        """
        parts = self._parts
        if parts.plant is not None:
            parts.plant.close()
        if (ejector := parts.ejector) is not None:
            outcome = attempt("ejector", lambda: ejector.close(beat))
            if isinstance(outcome, Fault):
                self._note("ejector.failed", f"the ejector was not let go of: {outcome.sentence}")

    def _remember(self, inspection: Inspection) -> None:
        reason = "" if inspection.reason is None else f" ({inspection.reason})"
        answered = f"{inspection.verdict}{reason}"
        self._answered[inspection.part] = (inspection.answered_s, answered, inspection.origin)
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)

    def _record(self, shown: Shown, detections: Detections | None = None, device: str = "") -> None:
        at_s, answered, origin = self._answered.get(shown.part, (None, "", None))
        late = Late(
            part=shown.part,
            camera=shown.camera,
            stage=shown.stage,
            detections=detections,
            device=device,
            after_s=None if at_s is None else self._clock() - at_s,
            trigger=None if origin is None else origin.trigger,
            serial="" if origin is None else origin.serial,
            answered=answered,
        )
        outcome = attempt("record", lambda: self._parts.late(late))
        if isinstance(outcome, Fault):
            self._note(
                "record.failed", f"part {shown.part}: a late result is not recorded: {outcome.sentence}"
            )

    def _tell(self, what: str, inspection: Inspection, hears: Callable[[Inspection], None]) -> None:
        outcome = attempt(what, lambda: hears(inspection))
        if isinstance(outcome, Fault):
            self._note(
                f"{what}.failed",
                f"part {inspection.part}: the {what} did not take the answer: {outcome.sentence}",
            )
