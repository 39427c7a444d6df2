"""Faults that last, told to people once and not with every part."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Once:
    """Tells each code once until it is over. One code never silences another.

    Args:
        note: Takes a code and a sentence.
    """

    def __init__(self, note: Callable[[str, str], None]) -> None:
        self._note = note
        self._lasting: set[str] = set()

    def tell(self, code: str, sentence: str) -> None:
        """Something is wrong, or still is."""
        if code not in self._lasting:
            self._lasting.add(code)
            self._note(code, sentence)

    def over(self, code: str) -> None:
        """It works again."""
        self._lasting.discard(code)
