"""Which rules hold for a part, and what the model is asked for it: chosen when the part comes, and not changed after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core.errors import LinesideError
from lineside.core.verdict import Reason
from lineside.line.events import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.frame import Frame
    from lineside.core.inspection import View
    from lineside.judge.judge import Judgement
    from lineside.line.desk import Looks
    from lineside.line.outfits import Outfit

BETWEEN = " | "
"""Stands between the codes that links chose which do not agree. No product is ever called so."""


@dataclass(frozen=True, slots=True)
class Product:
    """What holds for parts of one product.

    Attributes:
        code: Its code, or an empty string.
        judge: Makes a judgement of the views of a part.
        engine: Looks at its pictures.
        asked: Thresholds of every picture, as for `Engine.submit`.
        views: The views that its parts need; empty for all of the line's.
        about: What the records say of it: its recipe, by name, file and hash.
        outlines: Where its rules look in a view, for people: a name and corners (N, 2) in pixels each.
        outfits: The features that its cameras have; by the camera's name.
        prepare: What is done to a picture of a view before the model sees it, as to cut it; by the view's name.
    """

    code: str
    judge: Callable[[Sequence[View]], Judgement]
    engine: Looks
    asked: Mapping[str, Any] = field(default_factory=dict)
    views: tuple[str, ...] = ()
    prepare: Mapping[str, Callable[[Frame], Frame]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    outlines: Callable[[View], Sequence[tuple[str, NDArray[np.floating[Any]]]]] = lambda _view: ()
    outfits: Mapping[str, Outfit] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class ByCode:
    """Products by their code.

    Attributes:
        get: The product of a code, ready. It is quick, and raises a `LinesideError` where there is none.
        usual: The code that holds where the plant names none; an empty string where it must.
    """

    get: Callable[[str], Product]
    usual: str = ""

    def choose(self, code: str) -> Product | Refusal:
        """The product of a code. One that is not known is refused: the product before never stands in for it."""
        code = code or self.usual
        if BETWEEN in code:
            return Refusal(
                Reason.RECIPE_UNKNOWN,
                f"the plant's links chose different products, {code}; expected one of them to choose, or all the same",
            )
        if not code:
            return Refusal(Reason.RECIPE_UNKNOWN, "the plant named no product, and the settings name none")
        try:
            return self.get(code)
        except LinesideError as refusal:
            return Refusal(Reason.RECIPE_UNKNOWN, str(refusal))
