"""What links that listen share: an event loop in a thread of its own, and what is said where nobody can listen."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from lineside.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Coroutine

_Given = TypeVar("_Given")
_ENDING_S = 10.0


def cannot_listen(kind: str, host: str, port: int, fault: object) -> OutputError:
    """The error of a server that did not get its address; raise it from the fault."""
    return OutputError(
        f"{kind}: cannot listen at {host}:{port}: {fault}. Does another program have the port? Another can be set as `port`"
    )


async def can_listen(host: str, port: int) -> None:
    """The address can be listened at, or could a moment ago: to be asked before a server is built that takes seconds, or would only log it.

    Raises:
        OSError: It is taken, or none of this machine.
    """
    probe = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    probe.close()
    await probe.wait_closed()


class LoopThread:
    """An event loop that runs in a thread of its own until it is closed.

    Args:
        name: The thread's.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _Given], within_s: float) -> _Given:
        """What the work gives, done in the loop's thread; not for callers in that thread.

        Raises:
            TimeoutError: It took longer.
        """
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """The work goes on in the loop's thread, until it is done or the loop is closed."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self, last: Coroutine[Any, Any, None], within_s: float = _ENDING_S) -> None:
        """The last work is done, or was given up after its time; every other one is cancelled, and the thread has ended."""
        with suppress(TimeoutError):
            self.run(self._end(last), within_s)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(within_s)
        self._loop.close()

    @staticmethod
    async def _end(last: Coroutine[Any, Any, None]) -> None:
        try:
            await last
        finally:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
