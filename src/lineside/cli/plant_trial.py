"""A link with no line behind it: every trigger gets the same verdict, and all that is heard is shown."""

from __future__ import annotations

import queue
import signal
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import typer

from lineside.cli.words import one_of
from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    ProductChosen,
    TriggerRefused,
    open_link,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.outputs.plant.link import PlantEvent, PlantLink

_LOOK_S = 0.25  # how soon an interrupt is noticed


def run_trial(
    table: Mapping[str, Any], *, verdict: str, reason: str, after_s: float, seconds: float | None
) -> None:
    """The link runs until the time is over or the user ends it.

    Args:
        table: The link's settings, with `kind`.
        verdict: What every part is answered.
        reason: Why, where that is UNKNOWN.
        after_s: Seconds from a trigger to its answer.
        seconds: When to end; `None` for never.

    Raises:
        SettingsError: A word or a setting is not accepted.
        OutputError: The link can never work.
    """
    answered = one_of(Verdict, verdict.upper(), "--verdict")
    why = one_of(Reason, reason, "--reason")
    link = open_link(table)
    trial = _Trial(link, answered, why if answered is Verdict.UNKNOWN else None, after_s)
    for end in (signal.SIGINT, signal.SIGTERM):  # between two events, so that the control sees a tidy end
        signal.signal(end, lambda *_: trial.ending.set())
    try:
        link.start(trial.heard.put)
        link.tell(LineState.READY)
        port = getattr(link, "port", None)
        trial.say("ready", f"{table['kind']}{'' if port is None else f', port {port}'}; Ctrl-C ends")
        trial.run(None if seconds is None else monotonic() + seconds)
        trial.say("end", "not ready any more")
    finally:
        link.close()
    typer.echo(f"{trial.answers} parts answered, {trial.refusals} triggers refused")


class _Trial:
    """What was heard, and what is still to be answered."""

    def __init__(self, link: PlantLink, verdict: Verdict, reason: Reason | None, after_s: float) -> None:
        self.heard: queue.SimpleQueue[PlantEvent] = queue.SimpleQueue()
        self.ending = threading.Event()
        self.answers = self.refusals = 0
        self._link = link
        self._verdict, self._reason, self._after_s = verdict, reason, after_s
        self._due: list[PlantTrigger] = []
        self._started_s = monotonic()

    def run(self, until_s: float | None) -> None:
        """Triggers are answered when they are due, until the time is over or the user ends it."""
        while not self.ending.is_set() and (until_s is None or monotonic() < until_s):
            ends_s = monotonic() + _LOOK_S
            if self._due:
                ends_s = min(ends_s, self._due[0].at_s + self._after_s)
            try:
                event = self.heard.get(timeout=max(ends_s - monotonic(), 0))
            except queue.Empty:
                if self._due and monotonic() >= self._due[0].at_s + self._after_s:
                    self._answer(self._due.pop(0))
                continue
            self._show(event)
            if isinstance(event, PlantTrigger):
                self._due.append(event)
        while not self.heard.empty():
            self._show(self.heard.get())

    def say(self, what: str, text: str) -> None:
        """A line for the user."""
        typer.echo(f"{monotonic() - self._started_s:9.3f} s  {what:<9} {text}")

    def _show(self, event: PlantEvent) -> None:
        match event:
            case PlantTrigger():
                product = f", product {event.product}" if event.product else ""
                serial = f", serial {event.serial}" if event.serial else ""
                self.say("trigger", f"{_number(event.id)}{product}{serial}")
            case TriggerRefused():
                self.refusals += 1
                self.say("refused", f"{_number(event.id)}: {event.sentence}")
            case ProductChosen():
                self.say("product", event.code or "none")
            case PlantNote():
                self.say(event.code, event.sentence)

    def _answer(self, trigger: PlantTrigger) -> None:
        answer = PlantAnswer(
            trigger.id,
            self.answers + 1,
            self._verdict,
            self._reason,
            product=trigger.product or "",
            serial=trigger.serial,
            order=trigger.order,
        )
        try:
            self._link.answer(answer)
        except OutputError as fault:
            self.say("unheard", str(fault))
            return
        self.answers += 1
        why = f", {self._reason}" if self._reason else ""
        self.say("answer", f"{_number(trigger.id)}: {self._verdict}{why}, inspection {answer.inspection}")


def _number(number: int | None) -> str:
    return "without a number" if number is None else f"{number}"
