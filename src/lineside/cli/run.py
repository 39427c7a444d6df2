"""`lineside run`: a real line, from its settings to its end."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from lineside.line.line import Line
    from lineside.line.statistics import Statistics


class LogForm(StrEnum):
    """How events are told."""

    SCREEN = "screen"
    TEXT = "text"
    JSON = "json"


def run_line(
    file: Annotated[
        Path, typer.Argument(metavar="LINE.TOML", help="The line's settings.", show_default=False)
    ] = Path("line.toml"),
    *,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="How long parts come. Default: until it is stopped.", show_default=False
        ),
    ] = None,
    log: Annotated[
        LogForm, typer.Option(help="screen: a live table. text, json: a line an event on stderr.")
    ] = LogForm.SCREEN,
    parts: Annotated[
        bool, typer.Option("--parts", help="With text or json: a line for each part, too.")
    ] = False,
    view: Annotated[
        str | None,
        typer.Option(
            metavar="TO",
            help="Show what the cameras see, with boxes and verdict: in a folder, in a file.mp4, or to browsers at a port of this machine "
            "or at http://HOST:PORT. It goes before [view].",
            show_default=False,
        ),
    ] = None,
    patience: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds that a stop waits for open parts at most. Default: their deadlines.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run a line: cameras and triggers in, one verdict a part out, to the plant's control first.

    SIGTERM and the interrupt key (Ctrl-C) stop it: no new part is judged, those on the line are answered, and the exit code is 0.
    A second one gives up those that are still open: they are answered UNKNOWN (stopping).
    """
    from rich.console import Console

    from lineside.line.board import Board
    from lineside.line.line import Line
    from lineside.line.logs import Log
    from lineside.line.systemd import Notify

    board = Board()
    written = Log(sys.stderr, is_json=log is LogForm.JSON)
    if log is not LogForm.SCREEN:
        board.listen(written.event)
    line = Line.from_toml(file, board=board, notify=Notify.of(os.environ, pid=os.getpid()), view=view)
    written.name(line.name, line.run_name)
    console = Console()
    if log is LogForm.SCREEN:
        console.print(f"{line.name}: {file}", soft_wrap=True, markup=False, highlight=False)
    elif parts:
        line.hear(written.part)
    statistics = _run(line, console, seconds, patience, is_shown=log is LogForm.SCREEN)
    if log is LogForm.SCREEN:
        from lineside.cli.demo_screen import table

        console.print(table(statistics))
    else:
        written.end(statistics)


def _run(
    line: Line, console: Console, seconds: float | None, patience: float | None, *, is_shown: bool
) -> Statistics:
    """Run it in a thread, so that this one hears signals."""
    asked = 0

    def stop(_number: int, _frame: object) -> None:
        nonlocal asked
        asked += 1
        line.stop(patience_s=0.0 if asked > 1 else float("inf") if patience is None else patience)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="line") as pool:
            future = pool.submit(line.run, seconds)

            def has_ended(waited_s: float) -> bool:
                return bool(wait([future], waited_s).done)

            if is_shown:
                _show(console, line, has_ended)
            while not has_ended(0.5):
                pass
            return future.result()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(console: Console, line: Line, has_ended: Callable[[float], bool]) -> None:
    from lineside.cli.demo_screen import watch
    from lineside.cli.run_screen import screen

    def draw() -> RenderableType:
        return screen(line.statistics(), line.health(), height=console.height)

    watch(console, line.statistics, has_ended, draw)
