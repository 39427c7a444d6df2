"""A worker that is a process: a crash, a hang or a leak of its driver ends nothing but itself."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from lineside.dispatch.process_link import Link, Recycling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.dispatch.slots import Slots
    from lineside.dispatch.worker import Asked, Opener, Post, WorkerModel


class ProcessWorker:
    """A process and the models that it runs. Pictures lie in slots that it sees; they are never pickled.

    A picture that lies elsewhere is copied into a free slot; where there is none, or it is larger than one, its bytes go through a
    pipe, which takes milliseconds.

    Args:
        device: The device's name.
        opener: Opens models there, in the process; picklable.
        post: Is told what came of everything, in a thread of the worker's.
        slots: Where pictures lie; several workers may share them.
        recycling: When the process asks to be replaced.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        device: str,
        *,
        opener: Opener,
        post: Post,
        slots: Slots | None = None,
        recycling: Recycling | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.device = device
        self._opener = opener
        self._post = post
        self._slots = slots
        self._recycling = recycling or Recycling()
        self._clock = clock
        self._link: Link | None = None

    def start(self, models: Sequence[WorkerModel]) -> None:
        """Start a process that opens models, as `Worker.start` says."""
        self.close(by_force=True)
        self._link = Link(
            self.device,
            self._opener,
            self._post,
            slots=self._slots,
            recycling=self._recycling,
            clock=self._clock,
        )
        self._link.begin(models)

    def run(
        self, run: int, model: str, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]
    ) -> None:
        """Let a model look at pictures, as `Worker.run` says."""
        if self._link is not None:
            self._link.run(run, model, pictures, asked)

    def probe(self, run: int, model: str) -> None:
        """Let a model answer its test picture, as `Worker.probe` says."""
        if self._link is not None:
            self._link.order("probe", run, model)

    def cancel(self, run: int) -> None:
        """End a run early, as `Worker.cancel` says."""
        if self._link is not None:
            self._link.aside("cancel", run)

    def load(self, model: WorkerModel) -> None:
        """Open one more model, as `Worker.load` says."""
        if self._link is not None:
            self._link.aside("load", model)

    def retire(self, model: str) -> None:
        """Let a model go, after the runs that were given before."""
        if self._link is not None:
            self._link.order("retire", model)

    def close(self, *, by_force: bool) -> None:
        """End the process, as `Worker.close` says. By force it is killed."""
        if self._link is not None:
            self._link.end(by_force=by_force)

    def join(self, timeout_s: float) -> bool:
        """Whether the process of a closed worker is gone, after waiting for so long at most."""
        return self._link is None or self._link.join(timeout_s)
