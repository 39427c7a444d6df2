"""A link to something that may be lost and is opened again: a camera, a session. Without threads and clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from lineside.core.backoff import Backoff
from lineside.line.border import Fault, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Link(Generic[T]):
    """Something that is open, or is going to be opened again after a pause.

    A link that is lost again before it worked once counts as the same loss, so its pauses go on growing.

    Args:
        what: What is opened, for messages.
        opener: Opens it; a `LinesideError` says why it cannot.
        opened: What is open already.
        backoff: The pauses.

    Attributes:
        what: What is opened.
        resource: It, while the link is open.
        fault: Why it was lost, until it has worked again.
        failures: How often in a row it was lost or could not be opened.
        lost_s: When it was lost, until it has worked again.
    """

    def __init__(
        self,
        what: str,
        opener: Callable[[], T],
        *,
        opened: T | None = None,
        backoff: Backoff = Backoff(),  # noqa: B008 # a frozen value
    ) -> None:
        self.what = what
        self.resource = opened
        self.fault: Fault | None = None
        self.failures = 0
        self.lost_s: float | None = None
        self._opener = opener
        self._backoff = backoff
        self._due_s: float | None = None

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until the next attempt; `None` while the link is open."""
        if self.resource is not None:
            return None
        return 0.0 if self._due_s is None else max(self._due_s - now_s, 0.0)

    def open_if_due(self, now_s: float) -> bool:
        """Whether the link was opened by this call. It tries where it is closed and its pause is over."""
        if self.resource is not None or self.wait_s(now_s):
            return False
        outcome = attempt(f"opening {self.what}", self._opener)
        if isinstance(outcome, Fault):
            self.lose(outcome, now_s)
            return False
        self.resource = outcome
        return True

    def lose(self, fault: Fault, now_s: float) -> None:
        """The link is closed, for this reason; the pause before the next attempt begins."""
        self.resource = None
        self.fault = fault
        self.failures += 1
        self.lost_s = now_s if self.lost_s is None else self.lost_s
        self._due_s = now_s + self._backoff.pause_s(self.failures)

    def prove(self) -> None:
        """The link has done its work: what came before is over."""
        self.failures = 0
        self.fault = self.lost_s = None
