"""A worker that is a thread of this process: cheapest, but what takes the process down takes the line down."""

from __future__ import annotations

import logging
from queue import SimpleQueue
from threading import Thread, current_thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

from lineside.dispatch.hands import Hands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.dispatch.worker import Asked, Opener, Post, WorkerModel

    Jobs: TypeAlias = SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None]

_log = logging.getLogger(__name__)


class ThreadWorker:
    """A thread and the models that it runs.

    A run that does not end cannot be ended from outside: closed by force, the thread is left to itself, and keeps its
    session's memory until the run ends, if ever.

    Args:
        device: The device's name.
        opener: Opens models there.
        post: Is told what came of everything, in the worker's thread.
        clock: Monotonic seconds.
    """

    def __init__(
        self, device: str, *, opener: Opener, post: Post, clock: Callable[[], float] = perf_counter
    ) -> None:
        self.device = device
        self._opener = opener
        self._post = post
        self._clock = clock
        self._jobs: Jobs | None = None
        self._hands: Hands | None = None
        self._thread: Thread | None = None

    def start(self, models: Sequence[WorkerModel]) -> None:
        """Open models in a thread of their own, as `Worker.start` says."""
        self.close(by_force=True)
        self._hands = Hands(self.device, self._opener, self._post, self._clock)
        self._jobs = SimpleQueue()
        self._jobs.put((self._hands.open, (tuple(models),)))
        thread = Thread(
            target=_work, args=(self.device, self._jobs), name=f"lineside {self.device}", daemon=True
        )
        thread.start()
        self._thread = thread  # only now, as whoever closes it meanwhile may join it

    def run(
        self, run: int, model: str, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]
    ) -> None:
        """Let a model look at pictures, as `Worker.run` says."""
        if self._jobs is not None and self._hands is not None:
            self._jobs.put((self._hands.run, (run, model, pictures, asked)))

    def probe(self, run: int, model: str) -> None:
        """Let a model answer its test picture, as `Worker.probe` says."""
        if self._jobs is not None and self._hands is not None:
            self._jobs.put((self._hands.probe, (run, model)))

    def cancel(self, run: int) -> None:
        """End a run early, as `Worker.cancel` says."""
        if self._hands is not None:
            self._hands.cancel(run)

    def load(self, model: WorkerModel) -> None:
        """Open one more model in another thread, as `Worker.load` says: the line goes on meanwhile."""
        if self._jobs is not None and self._hands is not None:
            name = f"lineside {self.device} opens {model.name}"
            Thread(target=self._hands.load, args=(model,), name=name, daemon=True).start()

    def retire(self, model: str) -> None:
        """Let a model go, after the runs that were given before."""
        if self._jobs is not None and self._hands is not None:
            self._jobs.put((self._hands.retire, (model,)))

    def close(self, *, by_force: bool) -> None:
        """End the thread, as `Worker.close` says. By force it is told to, and left alone."""
        if by_force and self._hands is not None:
            self._hands.abandon()
        if self._jobs is not None:
            if self._hands is not None:
                self._jobs.put((self._hands.retire_all, ()))
            self._jobs.put(None)
        self._jobs = None

    def join(self, timeout_s: float) -> bool:
        """Whether the thread of a closed worker has ended, after waiting for so long at most; it does not wait for itself."""
        if self._thread is None:
            return True
        if self._thread is current_thread():
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


def _work(device: str, jobs: Jobs) -> None:
    """What the thread does until it is told to end."""
    while (job := jobs.get()) is not None:
        work, arguments = job
        try:
            work(*arguments)
        except Exception:  # noqa: BLE001 # of whoever is told, as the hands answer for their own; without this thread nothing would be told any more
            _log.exception("%s: what its worker told could not be taken in; it works on", device)
        del job, work, arguments  # an idle worker keeps no pictures
