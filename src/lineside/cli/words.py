"""Options that take one word of a closed list."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lineside.core.errors import UnknownNameError, near

if TYPE_CHECKING:
    from enum import StrEnum

    Word = TypeVar("Word", bound=StrEnum)


def one_of(words: type[Word], text: str, option: str) -> Word:
    """The word that an option's text is.

    Args:
        words: The closed list.
        text: What the user typed.
        option: Its option, for the message.

    Raises:
        UnknownNameError: It is none of them; the message names all, and a near one.
    """
    try:
        return words(text)
    except ValueError:
        known = [str(word) for word in words]
        raise UnknownNameError(
            f'{option}: expected {" or ".join(known)}; got "{text}"{near(text, known)}'
        ) from None
