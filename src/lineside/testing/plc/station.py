"""What controls share that are the station: the link comes to them, and finds the signals in their memory."""

from __future__ import annotations

from typing import Any


class Station:
    """A control that a link reaches for.

    Args:
        kind: The link's kind.
        settings: More settings of the link, which win.
        where: How the link reaches the control.

    Attributes:
        settings: What the link needs, with its `kind`.
    """

    def __init__(self, kind: str, settings: dict[str, Any], **where: Any) -> None:
        self.settings = {"kind": kind, "retry_first_s": 0.02, **where, **settings}

    def attach(self, link: Any) -> None:
        """The link connects by itself."""

    def kill(self) -> None:
        """Its server is gone, and its memory with it."""
        raise NotImplementedError

    def close(self) -> None:
        """Nobody listens any more."""
        self.kill()
