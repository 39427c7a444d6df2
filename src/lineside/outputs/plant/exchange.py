"""The ledger of one control: each trigger is owed exactly one answer, in the order of the triggers. No threads, no clock, no I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.link import LineState, PlantAnswer, PlantNote, PlantTrigger, TriggerRefused

if TYPE_CHECKING:
    from lineside.outputs.plant.settings import LinkSettings

REFUSALS_KEPT = 16
"""Refused triggers whose answer waits for its turn. One more is only counted: its place in the sequence stays empty."""


@dataclass(slots=True, eq=False)
class _Owed:
    """A trigger, from when it was heard until its answer was acknowledged."""

    order: int
    id: int | None
    at_s: float
    answer: PlantAnswer | None = None


class Exchange:
    """Triggers in, answers out, one shown at a time.

    Args:
        settings: How many parts at once, and how long everything may take.

    Attributes:
        state: What the line says of itself.
        missed: Triggers that were refused.
        shown: The answer that the control can read now, with its trigger's number in the sequence; `None` for none.
    """

    def __init__(self, settings: LinkSettings) -> None:
        self.state = LineState.STARTING
        self.missed = 0
        self.shown: tuple[int, PlantAnswer] | None = None
        self._settings = settings
        self._owed: deque[_Owed] = deque()
        self._order = 0
        self._shown_s = 0.0
        self._is_overdue = False

    @property
    def ready(self) -> bool:
        """A trigger would be taken."""
        return self.state is LineState.READY and len(self._owed) < self._settings.depth

    @property
    def busy(self) -> bool:
        """A part was taken and has no answer yet."""
        return any(owed.answer is None for owed in self._owed)

    def trigger(
        self,
        number: int | None,
        now_s: float,
        *,
        product: str | None = None,
        serial: str = "",
        doubt: str = "",
    ) -> tuple[PlantTrigger | TriggerRefused, bool]:
        """A trigger was heard: it is taken, or refused and answered UNKNOWN with `trigger_missed`.

        Args:
            number: The control's own number.
            now_s: Monotonic seconds.
            product: The product code that holds.
            serial: The part's serial number.
            doubt: Why it must not be taken whatever the state, as a sentence; empty for no reason.

        Returns:
            What to tell the line, and whether an answer will come: not where too many refused ones wait already.
        """
        self._order += 1
        why = doubt or self._objection()
        if not why:
            self._owed.append(_Owed(self._order, number, now_s))
            return PlantTrigger(number, now_s, product, serial, self._order), True
        self.missed += 1
        is_kept = len(self._owed) < self._settings.depth + REFUSALS_KEPT
        if is_kept:
            answer = _unknown(number, Reason.TRIGGER_MISSED, why, self._order, serial=serial)
            self._owed.append(_Owed(self._order, number, now_s, answer))
        return TriggerRefused(number, now_s, why), is_kept

    def answer(self, answer: PlantAnswer, now_s: float) -> None:
        """The answer waits for its turn to be shown.

        Raises:
            OutputError: No trigger waits for it, or nobody can tell which one does.
        """
        owed = self._asked(answer)
        if owed is not None:
            owed.answer = answer
            return
        if len(self._owed) >= self._settings.depth + REFUSALS_KEPT:
            raise OutputError(
                f"inspection {answer.inspection}: {len(self._owed)} answers before it are not acknowledged; "
                "the control does not read them"
            )
        self._order += 1
        self._owed.append(_Owed(self._order, answer.trigger, now_s, answer))

    def acknowledge(self) -> bool:
        """The control has read what is shown, which makes room; `False` where nothing is."""
        if self.shown is None:
            return False
        self._take_back()
        return True

    def reset(self) -> int:
        """Nothing is owed any more: how many parts had no answer that was acknowledged."""
        forgotten = len(self._owed)
        self._owed.clear()
        self.shown = None
        return forgotten

    def advance(self, now_s: float, *, may_show: bool = True) -> list[PlantNote]:
        """What is due by now is done: time-outs, and the next answer is shown.

        Args:
            now_s: Monotonic seconds.
            may_show: The control has seen that the last results are gone.

        Returns:
            What people should know of it.
        """
        notes = self._overdue_answers(now_s)
        notes += self._overdue_acknowledgement(now_s)
        if not notes and may_show and self.shown is None and self._owed and self._owed[0].answer is not None:
            self.shown = (self._owed[0].order, self._owed[0].answer)
            self._shown_s, self._is_overdue = now_s, False
        return notes

    def shown_anew(self, now_s: float) -> None:
        """The control could not read what is shown until now."""
        self._shown_s = now_s

    def _objection(self) -> str:
        if self.state is not LineState.READY:
            return f"the line is {self.state.value} and takes no trigger"
        if len(self._owed) < self._settings.depth:
            return ""
        first = self._owed[0]
        waits = "has no answer yet" if first.answer is None else "has an answer that is not acknowledged"
        return (
            f"{len(self._owed)} parts are on the way, the settings allow {self._settings.depth} (depth); trigger "
            f"{first.id if first.id is not None else f'number {first.order}'} {waits}"
        )

    def _asked(self, answer: PlantAnswer) -> _Owed | None:
        """Which trigger is answered; `None` for a part that no trigger began."""
        if answer.order is not None:
            fits = [o for o in self._owed if o.answer is None and o.order == answer.order]
        else:
            fits = [o for o in self._owed if o.answer is None and o.id == answer.trigger]
        # Without a number and an order it may as well be a part that no trigger of this link began.
        if len(fits) > 1 or (fits and answer.order is None and answer.trigger is None):
            raise OutputError(
                f"inspection {answer.inspection}: expected an answer with the trigger's order; {len(fits)} triggers with the "
                f"number {answer.trigger} wait, and without it nobody can tell which is meant"
            )
        if not fits and (answer.order is not None or answer.trigger is not None):
            raise OutputError(
                f"inspection {answer.inspection}: no trigger {answer.trigger} waits for an answer; it has one already, or the "
                "control was reset"
            )
        return fits[0] if fits else None

    def _overdue_answers(self, now_s: float) -> list[PlantNote]:
        notes = []
        for owed in self._owed:
            if owed.answer is None and now_s - owed.at_s > self._settings.answer_timeout_s:
                why = f"the line gave no answer within {self._settings.answer_timeout_s:g} s"
                owed.answer = _unknown(owed.id, Reason.INTERNAL_FAULT, why, owed.order)
                notes.append(PlantNote("plc.unanswered", now_s, f"trigger {owed.id}: {why}; it is UNKNOWN"))
        return notes

    def _overdue_acknowledgement(self, now_s: float) -> list[PlantNote]:
        limit_s = self._settings.acknowledge_timeout_s
        if self.shown is None or self._is_overdue or now_s - self._shown_s <= limit_s:
            return []
        self._is_overdue = True
        trigger = self.shown[1].trigger
        goes_on = self._settings.lost_acknowledge == "next"
        if goes_on:
            self._take_back()
        then = "they are taken back" if goes_on else "they stay, and triggers are refused"
        sentence = f"the results of trigger {trigger} were not acknowledged within {limit_s:g} s; {then}"
        return [PlantNote("plc.unacknowledged", now_s, sentence)]

    def _take_back(self) -> None:
        self._owed.popleft()
        self.shown = None


def _unknown(number: int | None, reason: Reason, detail: str, order: int, *, serial: str = "") -> PlantAnswer:
    return PlantAnswer(number, 0, Verdict.UNKNOWN, reason, serial=serial, detail=detail, order=order)
