"""What a running line does about an error, by the error's own recovery.

Most recoveries have an owner below: a feed opens its camera again, an engine its devices, an outbox its sinks, a polled link its
station. Here is what is left: the error that no retry can mend. Without threads, clock and I/O.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lineside.core.errors import LinesideError, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.line.border import Fault

PATIENCE = 3
"""So many pictures in a row must be refused for good before the line stops: one may be a freak."""


class Supervision:
    """Says when the line must stop, and why.

    Args:
        note: Takes a code and a sentence for the people at the line.

    Attributes:
        error: Why the line must stop; `None` as long as it need not.
    """

    def __init__(self, note: Callable[[str, str], None]) -> None:
        self.error: LinesideError | None = None
        self._note = note
        self._in_a_row: Counter[str] = Counter()

    def failed(self, who: str, fault: Fault, *, patience: int = 1) -> bool:
        """Whether the line must stop now: somebody has failed so often in a row in a way that only people can mend.

        Args:
            who: Who failed, for people.
            fault: How.
            patience: How often in a row.
        """
        if fault.recovery is not Recovery.STOP or fault.error is None or self.error is not None:
            return False
        self._in_a_row[who] += 1
        if self._in_a_row[who] < patience:
            return False
        self.error = fault.error
        self._note(
            "line.operator",
            f"the line stops, because only people can mend this ({fault.code}): {who}: {fault.sentence}",
        )
        return True

    def worked(self, who: str) -> None:
        """Somebody has done its work."""
        self._in_a_row.pop(who, None)
