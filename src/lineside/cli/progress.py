"""A progress bar on stderr, where that is a terminal."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.status import Status


@contextmanager
def waiting() -> Iterator[Callable[[str], None]]:
    """A function that says what is being waited for; it stands there, with a spinner, until the block ends."""
    with ExitStack() as stack:
        statuses: list[Status] = []

        def say(sentence: str) -> None:
            if not sys.stderr.isatty():
                typer.echo(sentence, err=True)
            elif statuses:
                statuses[0].update(sentence)
            else:
                from rich.console import Console

                statuses.append(stack.enter_context(Console(stderr=True).status(sentence)))

        yield say


@contextmanager
def progress(doing: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A function to call after each picture; rich is imported only where a bar is shown.

    Args:
        doing: What stands before the bar.
        total: How many pictures there are; `None` where nobody knows.
    """
    if not sys.stderr.isatty() or total == 1:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda: bar.advance(task)
