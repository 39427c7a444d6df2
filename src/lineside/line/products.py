"""Which rules hold for a part, and what the model is asked for it: chosen when the part comes, and not changed after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core.errors import LinesideError
from lineside.core.verdict import Reason
from lineside.line.events import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lineside.core.inspection import View
    from lineside.judge.judge import Judgement


@dataclass(frozen=True, slots=True)
class Product:
    """What holds for parts of one product.

    Attributes:
        code: Its code, or an empty string.
        judge: Makes a judgement of the views of a part.
        asked: Thresholds of every picture, as for `Engine.submit`.
    """

    code: str
    judge: Callable[[Sequence[View]], Judgement]
    asked: Mapping[str, Any] = field(default_factory=dict)


class Products(Protocol):
    """The products that the line knows."""

    def choose(self, code: str) -> Product | Refusal:
        """The product of a code, or why it cannot be judged. It is quick: the run loop asks it for every part."""


@dataclass(frozen=True, slots=True)
class OneProduct:
    """The same for every part, whatever code comes with it: a line without recipes.

    Attributes:
        product: It.
    """

    product: Product

    def choose(self, code: str) -> Product | Refusal:  # noqa: ARG002 # it is the only one
        """The product."""
        return self.product


@dataclass(slots=True)
class ByCode:
    """Products by their code.

    Attributes:
        load: The product of a code, checked and ready. It is asked once a code, and again after a refusal.
        usual: The code that holds where the plant names none; an empty string where it must.
    """

    load: Callable[[str], Product]
    usual: str = ""
    _known: dict[str, Product] = field(default_factory=dict)

    def choose(self, code: str) -> Product | Refusal:
        """The product of a code. One that is not known, or whose recipe is broken, is refused: the one before never stands in for it."""
        code = code or self.usual
        if not code:
            return Refusal(Reason.RECIPE_UNKNOWN, "the plant named no product, and the settings name none")
        known = self._known.get(code)
        if known is not None:
            return known
        try:
            known = self._known[code] = self.load(code)
        except LinesideError as refusal:
            return Refusal(Reason.RECIPE_UNKNOWN, f'product "{code}": {refusal}')
        return known
