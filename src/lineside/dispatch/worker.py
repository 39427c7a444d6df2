"""What a worker is, whatever it lives in: the hands of one device, which work and tell what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from lineside.core.errors import (
    DeviceError,
    DeviceMemoryError,
    ImageError,
    LinesideError,
    ModelOutputError,
    Recovery,
    RunCancelledError,
    SettingsError,
)
from lineside.dispatch.events import Event
from lineside.dispatch.words import Fault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.models.facts import ModelFacts

Asked: TypeAlias = Mapping[str, Any]
"""What one picture is asked for: arguments of `Detector.thresholds`, by name; empty for what the model is used to."""


@dataclass(frozen=True, slots=True)
class WorkerModel:
    """A model that a worker opens.

    Attributes:
        name: What runs name it by.
        path: An .onnx file, or `shipped:NAME`.
        facts: Facts set by hand.
    """

    name: str
    path: str
    facts: ModelFacts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ModelNotLoaded:
    """A model cannot be opened on a device. It is no word of the scheduler, which knows only what is loaded.

    Attributes:
        device: The device's name.
        model: The model's name.
        error: Why.
    """

    device: str
    model: str
    error: LinesideError


@dataclass(frozen=True, slots=True)
class ModelDemoted:
    """A model runs on another entry of its device than the first. It is for the worker's owner, as `ModelNotLoaded` is.

    Attributes:
        device: The device's name.
        model: The model's name.
        sentence: What runs, and why nothing better does.
    """

    device: str
    model: str
    sentence: str


News: TypeAlias = Event | ModelNotLoaded | ModelDemoted
"""What a worker tells: events for the scheduler, and what is for the worker's owner alone."""

Post: TypeAlias = Callable[[News], None]
"""Where a worker tells it: called from the worker's own threads, one call at a time for each thread."""


class OpenedModel(Protocol):
    """A model that is ready to run on a device, as an `Opener` gives it. Used by one thread, but for `cancel`."""

    @property
    def batches(self) -> bool:
        """It takes several pictures in one run."""

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]) -> Sequence[object]:
        """What it sees in each picture. They come one at a time where it has no `batches`.

        Raises:
            LinesideError: Nothing of the run is used; `fault_of` says what becomes of it.
        """

    def probe(self, count: int) -> None:
        """Run the test picture, `count` times in one run, as a proof of health and to be timed.

        Raises:
            LinesideError: It cannot, or the answer is not what it was.
        """

    def cancel(self) -> None:
        """End the run under way, from another thread. Without one nothing happens."""


Opener: TypeAlias = Callable[[WorkerModel], OpenedModel]
"""Opens a model on a worker's device, in the worker's thread or process; for a process it has to be picklable.

It raises a `LinesideError` where it cannot.
"""


class Worker(Protocol):
    """The hands of one device: each call returns at once, and what comes of it is told as `News`.

    Every run and probe that was given while the worker lived is answered by one `BatchDone` or `BatchFailed`, or by the
    `WorkerLost` that ends them all. After `close` by force nothing is told any more, but for what another thread was just about
    to tell: that names a run which is over, or is a `WorkerUp` that the next one's follows.
    """

    device: str

    def start(self, models: Sequence[WorkerModel]) -> None:
        """Open models. `WorkerUp` follows with the times of those that could be opened, or `WorkerLost` where none could.

        `ModelNotLoaded` is told before that for each that could not. A worker that has started before is closed by force first.
        """

    def run(
        self, run: int, model: str, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]
    ) -> None:
        """Let a model look at pictures, one result each in their order.

        Args:
            run: The run's number.
            model: The model's name.
            pictures: Pictures as for a `Detector`. They stay as they are until the run is answered.
            asked: What each is asked for.
        """

    def probe(self, run: int, model: str) -> None:
        """Let a model answer its test picture, and compare; answered as a run is."""

    def cancel(self, run: int) -> None:
        """End a run early where the runtime can. It is answered nevertheless."""

    def load(self, model: WorkerModel) -> None:
        """Open one more model beside the work. `ModelLoaded` or `ModelNotLoaded` follows."""

    def retire(self, model: str) -> None:
        """Let a model go."""

    def close(self, *, by_force: bool) -> None:
        """End the worker: after the run under way, or at once. It may be started again.

        Args:
            by_force: Do not wait for the run: it is cancelled, and the thread that does not end is left alone; a process is killed.
        """

    def join(self, timeout_s: float) -> bool:
        """Whether a closed worker has ended, after waiting for so long at most."""


def fault_of(fault: Exception) -> Fault:
    """What kind of fault an exception is to the scheduler."""
    match fault:
        case DeviceMemoryError() | MemoryError():
            return Fault.MEMORY
        case LinesideError() if fault.recovery is Recovery.RESTART_WORKER:
            return Fault.LOST
        case RunCancelledError():
            return Fault.CANCELLED
        case ModelOutputError():
            return Fault.MODEL
        # What a picture is asked for is checked where the model is known.
        case ImageError() | SettingsError():
            return Fault.INPUT
    return Fault.DEVICE


def as_refusal(fault: Exception) -> LinesideError:
    """The exception as one of lineside's own, which it is unless something is broken."""
    if isinstance(fault, LinesideError):
        return fault
    refusal = DeviceError(f"the worker failed with {type(fault).__name__}: {fault}")
    refusal.__cause__ = fault
    return refusal
