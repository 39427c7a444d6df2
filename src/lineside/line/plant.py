"""The plant's side of the line: what its control says becomes news, what the line says becomes an answer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from lineside.core.backoff import Backoff
from lineside.core.errors import Recovery
from lineside.core.verdict import Verdict
from lineside.line.border import Fault, attempt
from lineside.line.events import PlantAsked, ProductsChanged, Stumble
from lineside.line.products import BETWEEN
from lineside.outputs.plant.link import (
    LineState,
    PlantAnswer,
    PlantNote,
    PlantTrigger,
    ProductChosen,
    TriggerRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.core.inspection import Inspection
    from lineside.line.events import News
    from lineside.outputs.plant.link import PlantEvent, PlantLink


class Plant:
    """The links to the plant's controls. All hear every answer; the one that asked for the part hears its own number with it.

    Everything but what the links hear is called by the run loop alone.

    Args:
        links: The links, not yet started.
        post: Takes news.
        note: Takes a code and a sentence for the people at the line.

    Attributes:
        refused: Triggers that a link could not take and has answered itself.
        unwritten: Answers that a link could not write.
    """

    def __init__(
        self, links: Sequence[PlantLink], *, post: Callable[[News], None], note: Callable[[str, str], None]
    ) -> None:
        self._links = tuple(links)
        self._post = post
        self._note = note
        self._asked: dict[int, PlantAsked] = {}
        self._backoff = Backoff(0.25, 5.0)
        self._untold: dict[int, tuple[float, int]] = {}
        self._lost: dict[int, str] = {}
        self.refused = 0
        self.unwritten = 0
        self._chosen: dict[int, str] = {}
        self.state = LineState.STARTING

    @property
    def alarms(self) -> tuple[str, ...]:
        """What is wrong with the links now, a sentence each."""
        untold = [
            f"link {number} to the plant does not take the line's state" for number in tuple(self._untold)
        ]
        return (*self._lost.values(), *untold)

    @property
    def standing(self) -> tuple[tuple[str, str], ...]:
        """Each link: its kind, and why its control is away; an empty text while it is not known to be."""
        kinds = [type(link).__module__.rpartition(".")[2] for link in self._links]
        return tuple((kind, self._lost.get(number, "")) for number, kind in enumerate(kinds))

    @property
    def product(self) -> str | None:
        """The product that the controls chose for the parts to come; `None` where they chose none.

        Links that chose different ones have chosen none that a recipe could be for: their codes, with `BETWEEN` between them.
        """
        return BETWEEN.join(sorted({code for code in self._chosen.values() if code})) or None

    def start(self) -> None:
        """Open the links.

        Raises:
            OutputError: One can never work. Those that were opened are closed again.
        """
        try:
            for number, link in enumerate(self._links):
                link.start(self._hearing(number))
                link.tell(self.state)
        except BaseException:
            self.close()
            raise

    def tell(self, state: LineState) -> None:
        """Let the controls see the line's state."""
        if state is self.state:
            return
        self.state = state
        for number in range(len(self._links)):
            self._untold.pop(number, None)
            if not self._tell(number):
                self._untold[number] = (-math.inf, 1)

    def work(self, now_s: float) -> None:
        """Tell the line's state again to a link that did not take it, after growing pauses: its control would else wait for ever.

        Args:
            now_s: Monotonic seconds.
        """
        for number, (due_s, failures) in tuple(self._untold.items()):
            if due_s == -math.inf:
                self._untold[number] = (now_s + self._backoff.pause_s(failures), failures)
            elif now_s >= due_s and self._tell(number, is_news=False):
                del self._untold[number]
                self._note("plc.told", f"link {number}: the plant's control has the line's state again")
            elif now_s >= due_s:
                self._untold[number] = (now_s + self._backoff.pause_s(failures + 1), failures + 1)

    def _tell(self, number: int, *, is_news: bool = True) -> bool:
        link, state = self._links[number], self.state
        return self._guard(number, "the line's state", lambda: link.tell(state), is_news=is_news)

    def asked(self, part: int, news: PlantAsked) -> None:
        """A part was begun for this trigger."""
        self._asked[part] = news

    def product_of(self, part: int) -> str:
        """The product that a part has which names none itself; empty for one that a trigger of the control began, which was told its own."""
        return "" if part in self._asked else self.product or ""

    def answer(self, inspection: Inspection) -> None:
        """Write the answer to every link; what a link cannot take is told and counted."""
        asked = self._asked.pop(inspection.part, None)
        for number, link in enumerate(self._links):
            own = asked.trigger if asked is not None and asked.link == number else None
            said = plant_answer(inspection, own)
            what = f"the answer to part {inspection.part}"
            self.unwritten += not self._guard(number, what, lambda link=link, said=said: link.answer(said))  # type: ignore[misc] # the same

    def close(self) -> None:
        """Close the links."""
        for number, link in enumerate(self._links):
            self._guard(number, "closing the link", link.close)

    def _guard(self, number: int, what: str, do: Callable[[], None], *, is_news: bool = True) -> bool:
        outcome = attempt("the plant", do)
        if not isinstance(outcome, Fault):
            return True
        if is_news:
            self._note("plc.unwritten", f"{what} was not written: {outcome.sentence}")
        if (
            outcome.recovery is Recovery.STOP
        ):  # no retry mends it: the plant would wait for answers that never come
            self._post(Stumble(f"link {number} to the plant", outcome))
        return False

    def _hearing(self, number: int) -> Callable[[PlantEvent], None]:
        return lambda event: self._hear(number, event)

    def _hear(self, number: int, event: PlantEvent) -> None:
        match event:
            case PlantTrigger():
                # The product of now: one that is chosen while the trigger waits to be taken is for later parts.
                self._post(PlantAsked(number, replace(event, product=event.product or self.product)))
            case ProductChosen():
                self._choose(number, event.code)
            case TriggerRefused():
                self.refused += 1
                self._note("plc.trigger_refused", event.sentence)
            case PlantNote():
                if event.code == "plc.back":
                    self._lost.pop(number, None)
                elif event.code == "plc.lost":
                    self._lost[number] = event.sentence
                self._note(event.code, event.sentence)

    def _choose(self, number: int, code: str) -> None:
        # A new table, because each link has a thread of its own, and others read meanwhile.
        self._chosen = {**self._chosen, number: code}
        self._post(ProductsChanged())
        self._note("plc.product", f'the plant chose the product "{code}"')
        if BETWEEN in (held := self.product or ""):
            self._note(
                "plc.product_conflict",
                f"the plant's links chose different products, {held}; a part that is not triggered with its own is UNKNOWN",
            )


def plant_answer(inspection: Inspection, trigger: PlantTrigger | None) -> PlantAnswer:
    """What a control hears of a part.

    Args:
        inspection: The line's answer.
        trigger: The control's own trigger of the part; `None` for a control that did not ask for it.
    """
    seen = [view.detections for view in inspection.views if view.detections is not None]
    best = max((float(one.confidence.max()) for one in seen if len(one)), default=0.0)
    return PlantAnswer(
        trigger=None if trigger is None else trigger.id,
        inspection=inspection.part,
        verdict=inspection.verdict,
        reason=inspection.reason,
        count=sum(len(one) for one in seen),
        confidence=best if inspection.verdict is Verdict.FAIL else 0.0,
        product=inspection.origin.product,
        serial=inspection.origin.serial,
        detail=inspection.detail,
        order=None if trigger is None else trigger.order,
    )
