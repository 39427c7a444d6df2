"""Work in a process of its own, for what may take its process down: a driver that crashes, a device that never answers."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection

_ENDING_S = 2.0
"""How long a process that has told all may take to end."""


class Work(Protocol):
    """What is done in the other process; a function of a module or a value made of one, as that process has to find it."""

    def __call__(self, items: Sequence[str], /) -> Iterable[str | tuple[str, Any]]:
        """Yields an item's name when it begins with it, and a pair of name and answer when it has one."""


def aside(
    work: Work, items: Sequence[str], *, limit_s: float, failed: Callable[[str, str], Any]
) -> Generator[tuple[str, Any], None, None]:
    """Each item with its answer, as they come; an item that took the process down or hangs has what `failed` makes of it.

    The others are then worked on in another process.

    Args:
        work: What is done.
        items: Names of what is to be worked on.
        limit_s: The longest time between two words of `work`, in seconds, that is not taken for a hang.
        failed: The answer of an item that has none, by its name and by what happened.
    """
    left = list(items)
    while left:
        current = left[0]
        told = _Told(work, left, limit_s)
        try:
            for word in told:
                if isinstance(word, str):
                    current = word
                    continue
                left.remove(word[0])
                yield word
        finally:
            told.end()
        if not left:
            return
        current = current if current in left else left[0]
        left.remove(current)
        yield current, failed(current, told.why)


class _Told:
    """What a process tells until it ends; `why` says then how it ended."""

    def __init__(self, work: Work, items: list[str], limit_s: float) -> None:
        context = multiprocessing.get_context(
            "spawn"
        )  # a fork would inherit locks of libraries that are loaded here
        self._hears, tells = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(work, items, tells), daemon=True)
        self._process.start()
        tells.close()  # so that the end of the process is the end of the pipe
        self._limit_s = limit_s
        self.why = ""

    def __iter__(self) -> Iterator[str | tuple[str, Any]]:
        while self._hears.poll(self._limit_s):
            try:
                word = self._hears.recv()
            except EOFError:
                self._process.join(_ENDING_S)
                self.why = self.why or _ending(self._process.exitcode)
                return
            if isinstance(word, _Fault):
                self.why = word.text
                continue
            yield word
        self.why = f"no answer within {self._limit_s:g} s"

    def end(self) -> None:
        """End the process, if it has not ended by itself."""
        self._hears.close()
        self._process.kill()
        self._process.join()


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a Python exception in the other process said."""

    text: str


def _run(work: Work, items: list[str], tells: Connection) -> None:
    """What the other process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked hears the key, and ends this process
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # what libraries print there is no part of the answer; their reasons come as errors
        os.dup2(silence, stream)
    try:
        for word in work(items):
            tells.send(word)
    except Exception as fault:  # noqa: BLE001 # it goes on in the process that asked, as the reason of an item
        tells.send(_Fault(f"{type(fault).__name__}: {fault}"))


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the process that tried it ended with {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the process that tried it was ended by {name}: a library or a driver crashed"
