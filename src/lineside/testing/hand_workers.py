"""Workers and models that do what a test tells them, to see what an engine makes of that."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DeviceError, DeviceLostError
from lineside.dispatch.events import BatchDone, BatchFailed, ModelLoaded, WorkerLost, WorkerUp
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.words import Fault
from lineside.dispatch.worker import ModelNotLoaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.errors import LinesideError
    from lineside.dispatch.worker import Asked, Post, WorkerModel

_TIMES = ServiceTimes.linear(0.001, 0.001, 4)


@dataclass(slots=True, eq=False)
class Given:
    """A run that a worker was given."""

    run: int
    model: str
    pictures: tuple[NDArray[np.uint8], ...]
    asked: tuple[Asked, ...]
    cancelled: bool = False


class HandWorker:
    """A worker without a device: a test ends its runs, one by one, in whatever way it likes.

    Args:
        device: The device's name.
        post: Is told what came of everything, in the test's own thread.
        times: The profile of every model.

    Attributes:
        given: Runs and probes that have no answer yet.
        models: What it has.
        times_of: The profiles of single models.
        refuses: Models that it cannot open, with the reason; `*` for all.
        waits: A start is answered by `come_up` and not at once.
        starts: How often it was started.
        at_once: Answers each run as soon as it is given; `None` leaves that to `end` and `fail`.
    """

    def __init__(self, device: str, *, post: Post, times: ServiceTimes = _TIMES) -> None:
        self.device = device
        self._post = post
        self._times = times
        self.given: list[Given] = []
        self.models: list[str] = []
        self.times_of: dict[str, ServiceTimes] = {}
        self.refuses: dict[str, LinesideError] = {}
        self.waits = False
        self.starts = 0
        self.at_once: Callable[[Given], Sequence[object]] | None = None

    def start(self, models: Sequence[WorkerModel]) -> None:
        """Have these models."""
        self.close(by_force=True)
        self.starts += 1
        self.models = [model.name for model in models]
        if not self.waits:
            self.come_up()

    def come_up(self) -> None:
        """Be ready, or lost where no model can be opened."""
        opened = [name for name in self.models if not self._refusal(name)]
        for name in self.models:
            if refusal := self._refusal(name):
                self._post(ModelNotLoaded(self.device, name, refusal))
        if opened or not self.models:
            self.models = opened
            self._post(WorkerUp(self.device, {name: self._profile_of(name) for name in opened}))
        else:
            self._post(WorkerLost(self.device, str(self._refusal(self.models[0]))))

    def run(
        self, run: int, model: str, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]
    ) -> None:
        """Take a run on."""
        self.given.append(Given(run, model, tuple(pictures), tuple(asked)))
        if self.at_once is not None:
            self.end(self.at_once)

    def probe(self, run: int, model: str) -> None:
        """Take a probe on."""
        self.given.append(Given(run, model, (), ()))

    def cancel(self, run: int) -> None:
        """Note that nobody waits for a run any more."""
        for given in self.given:
            given.cancelled |= given.run == run

    def load(self, model: WorkerModel) -> None:
        """Have one more model."""
        if refusal := self._refusal(model.name):
            self._post(ModelNotLoaded(self.device, model.name, refusal))
            return
        self.models.append(model.name)
        self._post(ModelLoaded(self.device, model.name, self._profile_of(model.name)))

    def retire(self, model: str) -> None:
        """Have a model no more."""
        if model in self.models:
            self.models.remove(model)

    def close(self, *, by_force: bool) -> None:  # noqa: ARG002 # as every worker
        """Forget what was given."""
        self.given.clear()

    def join(self, timeout_s: float) -> bool:  # noqa: ARG002 # as every worker
        """It has ended."""
        return True

    def end(self, results: Callable[[Given], Sequence[object]]) -> None:
        """End the oldest run well."""
        given = self.given.pop(0)
        self._post(BatchDone(self.device, given.run, results(given)))

    def fail(self, fault: Fault = Fault.DEVICE, detail: str = "it was told to fail") -> None:
        """End the oldest run without results."""
        given = self.given.pop(0)
        self._post(BatchFailed(self.device, given.run, fault, detail))

    def die(self, detail: str = "it was told to die") -> None:
        """Be gone, with all that was given."""
        self.given.clear()
        self._post(WorkerLost(self.device, detail))

    def _profile_of(self, model: str) -> ServiceTimes:
        return self.times_of.get(model, self._times)

    def _refusal(self, model: str) -> LinesideError | None:
        return self.refuses.get(model, self.refuses.get("*"))


class Mode(StrEnum):
    """What a `TimedModel` does."""

    WELL = "well"
    ERROR = "error"
    """Every run raises."""
    HANG = "hang"
    """A run does not end, and does not hear that it is cancelled."""
    GONE = "gone"
    """It cannot be opened, as on a device that fell off its bus."""


@dataclass(slots=True)
class Script:
    """What the models of one device do; a test changes it while they run.

    Attributes:
        times: How long a run takes by the number of its pictures.
        mode: What happens.
        slower: All takes so many times as long.
        sees: What is answered for each picture.
        sent: Pictures that came while it was not well.
        healed: Is set when it is well again; a run that hangs ends then.
    """

    times: ServiceTimes = _TIMES
    mode: Mode = Mode.WELL
    slower: float = 1.0
    sees: Callable[[Any], object] = len
    sent: int = 0
    healed: threading.Event = field(default_factory=threading.Event)

    def breaks(self, mode: Mode) -> None:
        """Misbehave from here on."""
        self.healed.clear()
        self.mode = mode

    def heals(self) -> None:
        """Be well again."""
        self.mode = Mode.WELL
        self.healed.set()


@dataclass(frozen=True, slots=True)
class TimedOpener:
    """Opens models that sleep for as long as a run would take; for workers that are threads."""

    script: Script

    def __call__(self, model: WorkerModel) -> TimedModel:
        """The model, open.

        Raises:
            DeviceLostError: The device is gone.
        """
        if self.script.mode is Mode.GONE:
            raise DeviceLostError(f"{model.path}: the device is gone; it was taken away to test what follows")
        return TimedModel(self.script)


class TimedModel:
    """A model that sleeps.

    Attributes:
        batches: It takes several pictures in one run.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.batches = script.times.max_batch > 1

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]) -> Sequence[object]:  # noqa: ARG002 # as every model
        """What the script sees in each picture, after the time that it takes."""
        if self._script.mode is not Mode.WELL:
            self._script.sent += len(pictures)
        self._spend(len(pictures))
        return [self._script.sees(picture) for picture in pictures]

    def probe(self, count: int) -> None:
        """A run of the test picture."""
        self._spend(count)

    def cancel(self) -> None:
        """It does not hear."""

    def _spend(self, count: int) -> None:
        script = self._script
        ends_s = monotonic() + script.times.seconds[min(count, script.times.max_batch)] * script.slower
        if script.mode is not Mode.WELL:
            if script.mode is Mode.HANG:
                script.healed.wait()
            else:
                raise DeviceError("the device fails; it was told to, to test what follows")
        while (left_s := ends_s - monotonic()) > 0:
            sleep(left_s)
