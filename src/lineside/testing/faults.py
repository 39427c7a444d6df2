"""A detector that can be broken while it runs, alone or as the first device of an engine, to see what those above make of that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lineside.core.errors import DeviceError, DeviceMemoryError
from lineside.detector.detector import Detector
from lineside.dispatch.opening import DetectorModel
from lineside.dispatch.starting import staff
from lineside.dispatch.thread_worker import ThreadWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.core.placement import Placement
    from lineside.detector.workspaces import Workspace
    from lineside.dispatch.starting import Crew
    from lineside.dispatch.worker import Asked, Post, WorkerModel


class Broken(StrEnum):
    """What is broken in a `FaultyDetector`."""

    DEVICE = "device"
    """A run fails, as with a card that fell off its bus."""
    MODEL = "model"
    """A run ends well, and every number of its answer is NaN, as with weights that a memory fault hit."""
    SHAPE = "shape"
    """A run ends well, and its answer lacks a row, as of a model with fewer classes."""
    MEMORY = "memory"
    """A run finds no memory on the device."""


class FaultyDetector(Detector):
    """A real detector, until something is broken in it; then only that is not real.

    What becomes of the fault is the detector's own doing: NaN goes through the same decoding as any answer.

    Attributes:
        broken: What is broken from the next run on; `None` for nothing.
    """

    broken: Broken | None = None

    def _answer(self, space: Workspace) -> Sequence[NDArray[Any]]:
        if self.broken is Broken.DEVICE:
            raise DeviceError("the device does not answer; it was taken away to test what follows")
        if self.broken is Broken.MEMORY:
            raise DeviceMemoryError("the device has no memory left; it was taken to test what follows")
        outputs = super()._answer(space)
        if self.broken is Broken.MODEL:
            return [np.full_like(output, np.nan) for output in outputs]
        if self.broken is Broken.SHAPE:
            return [output[:, :-1] for output in outputs]
        return outputs


class Breaker(Protocol):
    """Who says what is broken when."""

    def broken(self) -> Broken | None:
        """What is broken now; `None` for nothing."""

    def broke(self, picture: NDArray[np.uint8], device: str) -> None:
        """This picture came to this device while it was broken."""


class BreakableModel(DetectorModel):
    """A model of an engine's device that is broken when its breaker says so.

    Args:
        detector: Runs.
        device: The device's name.
        breaker: Says what is broken.
    """

    def __init__(self, detector: FaultyDetector, device: str, breaker: Breaker) -> None:
        super().__init__(detector)
        self._faulty = detector
        self._device = device
        self._breaker = breaker

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]) -> Sequence[object]:
        """What it sees, as every model.

        Raises:
            DeviceError: The device is broken.
            ModelOutputError: The model is.
        """
        self._faulty.broken = self._breaker.broken()
        if self._faulty.broken:
            for picture in pictures:
                self._breaker.broke(picture, self._device)
        return super().run(pictures, asked)

    def probe(self, count: int) -> None:
        """Run the test picture, as every model.

        Raises:
            DeviceError: The device or the model is broken.
        """
        self._faulty.broken = self._breaker.broken()
        super().probe(count)


@dataclass(frozen=True, slots=True)
class BreakableOpener:
    """Opens breakable models on one device, for a worker that is a thread.

    Attributes:
        device: The device's name.
        entries: What may run there, best first.
        breaker: Says what is broken.
        cache: Folder of prepared models; `None` for the user's.
    """

    device: str
    entries: tuple[Placement, ...]
    breaker: Breaker
    cache: str | None = None

    def __call__(self, model: WorkerModel) -> BreakableModel:
        """The model, open.

        Raises:
            LinesideError: As for a `Detector`.
        """
        detector = FaultyDetector(model.path, devices=self.entries, facts=model.facts, cache=self.cache)
        return BreakableModel(detector, self.device, self.breaker)


def breakable_staff(
    devices: str | Sequence[str | Placement],
    breaker: Breaker,
    *,
    cache: str | None = None,
    clock: Callable[[], float],
) -> Crew:
    """The workers for a list of devices, of which the first can be broken: it runs in a thread, whatever it is.

    Args:
        devices: As for an engine.
        breaker: Says what is broken.
        cache: Folder of prepared models; `None` for the user's.
        clock: Monotonic seconds.

    Raises:
        SettingsError: As for an engine.
    """
    crew = staff(devices, isolation="auto", cache=cache, clock=clock)
    first = next(iter(crew.workers))
    opener = BreakableOpener(first, crew.units[first].entries, breaker, cache)

    def make(post: Post) -> ThreadWorker:
        return ThreadWorker(first, opener=opener, post=post, clock=clock)

    return replace(crew, workers={**crew.workers, first: make})
