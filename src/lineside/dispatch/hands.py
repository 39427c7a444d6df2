"""What a worker does, in whatever thread or process it lives: open, measure, run, prove, cancel."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from lineside.core.errors import DeviceError, LinesideError, RunCancelledError
from lineside.dispatch.events import BatchDone, BatchFailed, ModelLoaded, WorkerLost, WorkerUp
from lineside.dispatch.measuring import service_times
from lineside.dispatch.words import Fault
from lineside.dispatch.worker import ModelDemoted, ModelNotLoaded, as_refusal, fault_of
from lineside.engine.memory import resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.dispatch.profile import ServiceTimes
    from lineside.dispatch.worker import Asked, News, OpenedModel, Opener, Post, WorkerModel

_log = logging.getLogger(__name__)


class Hands:
    """The models of one device, and what is done with them. One thread works with it; `cancel` and `load` are for others too.

    Args:
        device: The device's name.
        opener: Opens a model there.
        post: Is told what came of everything.
        clock: Monotonic seconds.
    """

    def __init__(self, device: str, opener: Opener, post: Post, clock: Callable[[], float]) -> None:
        self._device = device
        self._opener = opener
        self._post = post
        self._clock = clock
        self._models: dict[str, OpenedModel] = {}
        self._lock = Lock()
        self._at: tuple[int, OpenedModel] | None = None
        self._cancelled: set[int] = set()  # runs that are not over
        self._abandoned = False

    def open(self, models: Sequence[WorkerModel]) -> bool:
        """Open and measure models, and tell that the worker is up, or lost where none can be opened; whether it is up."""
        profiles: dict[str, ServiceTimes] = {}
        refusals: list[LinesideError] = []
        for model in models:
            try:
                profiles[model.name] = self._opened(model)
            except Exception as fault:  # noqa: BLE001 # the worker's border: what is no refusal of ours is one from here on
                refusals.append(as_refusal(fault))
                self._tell(ModelNotLoaded(self._device, model.name, refusals[-1]))
        if profiles or not refusals:
            self._tell(WorkerUp(self._device, profiles, resident_bytes(settle=False) or 0))
            return True
        self._tell(WorkerLost(self._device, str(refusals[0])))
        return False

    def load(self, model: WorkerModel) -> None:
        """Open and measure one more model, and tell whether it is there."""
        try:
            times = self._opened(model)
        except Exception as fault:  # noqa: BLE001 # the worker's border, as above
            self._tell(ModelNotLoaded(self._device, model.name, as_refusal(fault)))
            return
        self._tell(ModelLoaded(self._device, model.name, times))

    def run(
        self, run: int, model: str, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]
    ) -> None:
        """Let a model look at pictures, and tell what it saw."""
        self._answer(run, model, self._look, pictures, asked)

    def probe(self, run: int, model: str) -> None:
        """Let a model prove its health, and tell whether it did."""
        self._answer(run, model, _proof)

    def refuse(self, run: int, detail: str) -> None:
        """Tell that a run's pictures are none."""
        self._tell(BatchFailed(self._device, run, Fault.INPUT, detail))

    def cancel(self, run: int) -> None:
        """End a run early, also one that has not begun yet."""
        with self._lock:
            self._cancelled.add(run)
            if self._at is not None and self._at[0] == run:
                self._at[1].cancel()

    def retire(self, model: str) -> None:
        """Let a model go."""
        self._models.pop(model, None)

    def retire_all(self) -> None:
        """Let all models go: what is left of a closed worker may be in memory for a while, its sessions must not."""
        self._models.clear()

    def abandon(self) -> None:
        """Cancel what runs, and tell nothing any more."""
        self._abandoned = True
        with self._lock:
            if self._at is not None:
                self._at[1].cancel()

    def _opened(self, model: WorkerModel) -> ServiceTimes:
        opened = self._opener(model)
        times = service_times(opened, self._clock)
        self._models[model.name] = opened
        if sentence := getattr(opened, "demoted", ""):  # only what opens on one of several entries has it
            self._tell(ModelDemoted(self._device, model.name, sentence))
        return times

    def _answer(
        self, run: int, model: str, work: Callable[..., Sequence[object]], *given: Sequence[object]
    ) -> None:
        news: News
        try:
            results = self._worked(run, model, work, given)
        except Exception as fault:  # noqa: BLE001 # the worker's border: whatever a run raises fails the run, never the worker
            if not isinstance(fault, LinesideError):
                _log.warning(
                    "%s: run %d failed with no error of lineside's", self._device, run, exc_info=fault
                )
            news = BatchFailed(self._device, run, fault_of(fault), str(as_refusal(fault)))
        else:
            news = BatchDone(self._device, run, results)
        self._tell(news)

    def _worked(
        self, run: int, model: str, work: Callable[..., Sequence[object]], given: tuple[Sequence[object], ...]
    ) -> Sequence[object]:
        opened = self._models.get(model)
        if opened is None:
            raise DeviceError(f'{self._device}: the model "{model}" is not open here')
        self._at = run, opened
        try:
            # Looked at only now: whoever cancels either finds the run, or was here before.
            if self._cancelled or self._abandoned:
                self._refuse_cancelled(run)
            return work(run, opened, *given)
        finally:
            with self._lock:  # so that nobody who means this run cancels the next one
                self._at = None
                if self._cancelled:
                    self._cancelled = {number for number in self._cancelled if number > run}

    def _look(
        self,
        run: int,
        opened: OpenedModel,
        pictures: Sequence[NDArray[np.uint8]],
        asked: Sequence[Asked],
    ) -> Sequence[object]:
        if len(pictures) == 1 or opened.batches:
            return opened.run(pictures, asked)
        results: list[object] = []
        for picture, wanted in zip(pictures, asked, strict=True):
            self._refuse_cancelled(run)
            results += opened.run((picture,), (wanted,))
        return results

    def _refuse_cancelled(self, run: int) -> None:
        if self._abandoned or run in self._cancelled:
            raise RunCancelledError(f"{self._device}: run {run} was cancelled")

    def _tell(self, news: News) -> None:
        if not self._abandoned:
            self._post(news)


def _proof(_: int, opened: OpenedModel) -> Sequence[object]:
    opened.probe(1)
    return ()
