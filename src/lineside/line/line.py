"""A line of `line.toml`, from its file to its end: `Line.from_toml("line.toml").run()`."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lineside.line.board import Board
from lineside.line.building import build
from lineside.line.keeper import Keeper
from lineside.line.loop import Loop
from lineside.line.settings.reading import LineSettings
from lineside.line.viewing import viewed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from lineside.core.inspection import Inspection
    from lineside.line.outside import Outside
    from lineside.line.statistics import Statistics
    from lineside.line.systemd import Notify


class Line:
    """A line that was put together from its settings: its models are open. It runs once.

    Args:
        settings: They.
        board: Where everything that people should hear is told. Listen to it before the line is made to hear all.
        notify: Tells the system's manager how the line does.
        outside: Where cameras, engines and the time of day come from; `None` for where they are.
        view: Where people see what the cameras see: a folder, a file that ends in .mp4, a port or `http://HOST:PORT`; `None` for where
            the settings say.

    Attributes:
        settings: They.
        name: The line's name.
        run_name: The run's name: when it began, and something that no other run has.
        board: As given.

    Raises:
        LinesideError: Something of it cannot be opened.

    Example:
        >>> line = Line.from_toml("line.toml")                                     # doctest: +SKIP
        >>> statistics = line.run(seconds=60)                                      # doctest: +SKIP
    """

    def __init__(
        self,
        settings: LineSettings,
        *,
        board: Board | None = None,
        notify: Notify | None = None,
        outside: Outside | None = None,
        view: str | None = None,
    ) -> None:
        self.settings = settings
        self.name = settings.document.line.name
        self.run_name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self.board = board or Board()
        self._built = build(settings, self.board, self.run_name, outside)
        self._loop = Loop(self._built.parts, self._built.how)
        health_file = settings.document.line.health_file
        self._keeper = Keeper(
            self._loop,
            self._built,
            about={"line": self.name, "run": self.run_name},
            health_file=None if health_file is None else settings.path(health_file),
            notify=notify,
        )
        self._open_view(view)

    def _open_view(self, to: str | None) -> None:
        try:
            view = viewed(
                self.settings, self._built, self.board, to=to, health=self.health, clock=time.monotonic
            )
        except BaseException:
            self.close()
            raise
        if view is not None:
            self._built.closing.callback(view.close)
            self.hear(view.show)

    @classmethod
    def from_toml(
        cls,
        file: str | Path,
        *,
        board: Board | None = None,
        notify: Notify | None = None,
        view: str | None = None,
    ) -> Line:
        """The line of a file.

        Raises:
            SettingsError: A key is not accepted; the message has file and key. Nothing was opened.
            LinesideError: Something of it cannot be opened.
        """
        return cls(LineSettings.read(file), board=board, notify=notify, view=view)

    def run(self, seconds: float | None = None, *, ready: Callable[[], None] = lambda: None) -> Statistics:
        """What the line did. Each part that came was answered once.

        Blocks. `stop` ends it, from another thread or a signal's handler.

        Args:
            seconds: How long parts come; `None` for until it is stopped.
            ready: Is called once parts can come.

        Raises:
            OutputError: A link to the plant can never work, as where its port is taken.
        """
        self._keeper.start()

        def begun() -> None:
            self._keeper.ready()
            ready()

        try:
            return self._loop.run(seconds, ready=begun)
        finally:
            self._keeper.stop()
            self._built.closing.close()
            self._keeper.write()

    def stop(self, *, patience_s: float = float("inf")) -> None:
        """No part is judged that comes from now on; those on the line are answered. Any thread may call it.

        Args:
            patience_s: After so many seconds what is open is answered `stopping`.
        """
        self._keeper.stopping()
        self._loop.stop(patience_s=patience_s)

    def hear(self, listener: Callable[[Inspection], None]) -> None:
        """Have every answer told to a listener, in a thread that no part waits for. Call it before `run`."""
        self._loop.hear(listener)

    def statistics(self) -> Statistics:
        """The line at this moment. Any thread may call it."""
        return self._loop.statistics()

    def health(self) -> Mapping[str, Any]:
        """What the health file holds, now."""
        return self._keeper.health()

    def close(self) -> None:
        """Let go of a line that was never run."""
        self._built.closing.close()

    def __repr__(self) -> str:
        cameras = ", ".join(self._built.cameras)
        return f"Line({self.name}: cameras {cameras}, trigger {self.settings.trigger}, at {time.strftime('%H:%M:%S')})"
