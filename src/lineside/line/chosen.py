"""What holds for the parts on the line: the product that each was begun with, whatever the plant chooses meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineside.core.verdict import Reason, Verdict
from lineside.judge.judge import Judgement
from lineside.line.border import Fault, attempt
from lineside.line.events import FrameArrived, FrameLost, Judged, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.line.events import Event, JudgePart, Triggered
    from lineside.line.products import Product, Products


class Chosen:
    """The products of the open parts. The run loop alone uses it.

    Args:
        products: All that the line knows.
        dress: Has the cameras take a product's features before the next picture that is asked for; never waits.
        clock: Monotonic seconds.
        note: Takes a code and a sentence for the people at the line.
    """

    def __init__(
        self,
        products: Products,
        *,
        dress: Callable[[Product], None],
        clock: Callable[[], float],
        note: Callable[[str, str], None],
    ) -> None:
        self._products = products
        self._dress = dress
        self._clock = clock
        self._note = note
        self._of: dict[int, Product] = {}

    def begin(self, event: Triggered, code: str) -> Triggered:
        """The part with its product, or with the reason why there is none.

        Args:
            event: The part.
            code: The product's code; an empty text where the plant names none.
        """
        if event.refusal is None:
            product = self._products.choose(code)
            if isinstance(product, Refusal):
                event = replace(event, refusal=product)
            else:
                self._of[event.part] = product
                self._dress(product)
                code = product.code or code
                event = replace(event, views=product.views) if product.views else event
        return replace(event, origin=replace(event.origin, product=code)) if code else event

    def expect(self, code: str) -> None:
        """Have the cameras ready for the product that the next part will have, as far as that is known now."""
        product = self._products.choose(code)
        if not isinstance(product, Refusal):
            self._dress(product)

    def of(self, part: int) -> Product:
        """The product of an open part that is judged."""
        return self._of[part]

    def leave(self, part: int) -> Mapping[str, Any]:
        """The part is answered: what the records say of its product."""
        product = self._of.pop(part, None)
        return {} if product is None else product.about

    def prepared(self, event: FrameArrived) -> Event:
        """The picture as the part's product wants it."""
        product = self._of.get(event.part)
        prepare = None if product is None else product.prepare.get(event.camera)
        if prepare is None:
            return event
        outcome = attempt("preparing a picture", lambda: prepare(event.frame))
        if isinstance(outcome, Fault):
            return FrameLost(event.camera, event.part, outcome.reason, outcome.sentence)
        return FrameArrived(event.camera, event.part, outcome)

    def judged(self, action: JudgePart) -> Judged:
        """What the rules of the part's product say of its views."""
        start_s = self._clock()
        product = self._of.get(action.part)
        if product is None:  # it was refused before anybody looked at it
            view = action.views[0]
            said = Judgement(Verdict.UNKNOWN, view.reason or Reason.INTERNAL_FAULT, view.detail)
            return Judged(action.part, said, 0.0)
        outcome = attempt("judge", lambda: product.judge(action.views))
        if isinstance(outcome, Fault):
            self._note("judge.failed", outcome.sentence)
            outcome = Judgement(Verdict.UNKNOWN, outcome.reason, outcome.sentence)
        return Judged(action.part, outcome, self._clock() - start_s)
