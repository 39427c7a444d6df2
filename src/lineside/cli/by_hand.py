"""The options that set a model's facts by hand: written once, and shared by every command that opens a model."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from lineside.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

_SHARED: dict[str, Any] = {
    "family": options.Family,
    "names": options.Names,
    "size": options.Size,
    "colour": options.Colour,
    "scale": options.Scale,
    "mean": options.Mean,
    "deviation": options.Deviation,
    "anchor": options.Anchor,
    "rounding": options.Rounding,
    "gain": options.Gain,
    "pad_value": options.PadValue,
}


def by_hand(
    *, without: tuple[str, ...] = (), **others: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose parameter `facts` is asked for as eleven options; typer reads signatures, so it is given another one.

    Args:
        without: Options that the command has no use for.
        others: Other forms of an option, by name.
    """
    shared = {name: option for name, option in (_SHARED | others).items() if name not in without}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != "facts"]
        asked = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
            for name, option in shared.items()
        ]

        @functools.wraps(command)
        def run(*values: Any, **named: Any) -> None:
            given = dict.fromkeys(_SHARED) | {name: named.pop(name, None) for name in shared}
            command(*values, facts=options.facts(**given), **named)

        parameters = [*own, *asked]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # what typer reads
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate
