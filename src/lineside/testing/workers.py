"""Models that do what a run asks of them, good or bad, to see what workers and those above them make of it.

What is to be done travels with the picture, as what it is asked for: `{"do": "hang"}`. So a test says it run by run, also to a
model in another process.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

from lineside.core.errors import (
    DeviceError,
    DeviceMemoryError,
    ImageFormatError,
    ModelFileError,
    ModelOutputError,
    RunCancelledError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.dispatch.worker import Asked, WorkerModel

_HELD: list[bytearray] = []  # what a leak has leaked, for as long as the process lives


class Deed(StrEnum):
    """What a picture can ask of a `ScriptedModel`, as `{"do": …}`."""

    LOOK = "look"
    """See it, which is what happens unasked."""
    RAISE = "raise"
    """Fail as a device does."""
    MEMORY = "memory"
    """Run out of memory."""
    NAN = "nan"
    """Answer NaN, which a detector refuses."""
    INPUT = "input"
    """Refuse the picture."""
    BUG = "bug"
    """Raise what nobody expects."""
    HANG = "hang"
    """Run until cancelled."""
    HANG_HARD = "hang_hard"
    """Run for half a minute, whoever cancels it."""
    DIE = "die"
    """Kill the process."""
    EXIT = "exit"
    """End the process with 3."""
    STOP = "stop"
    """Stop the process, as SIGSTOP does."""
    LEAK = "leak"
    """See it, and keep 32 MB more for ever."""


_FAULTS: dict[Deed, Exception] = {
    Deed.RAISE: DeviceError("the device does not answer"),
    Deed.MEMORY: DeviceMemoryError("the device has no memory left"),
    Deed.NAN: ModelOutputError("the model answered NaN"),
    Deed.INPUT: ImageFormatError("that is no picture"),
    Deed.BUG: ZeroDivisionError("a bug"),
}


class Seen(NamedTuple):
    """What a `ScriptedModel` saw.

    Attributes:
        total: The sum of the picture's values.
        shape: Its shape.
        asked: What it was asked for.
        pid: The process in which it was seen.
        together: Pictures of the run.
    """

    total: int
    shape: tuple[int, ...]
    asked: Asked
    pid: int
    together: int


@dataclass(frozen=True)
class ScriptedOpener:
    """Opens scripted models; picklable.

    Attributes:
        seconds: Of a run, by batch size: `seconds[b - 1]`. More than one lets it take batches; larger ones gain nothing more.
        unwell: While a file of this path exists, probes fail, and no model opens whose path ends in `.unwell`.
    """

    seconds: tuple[float, ...] = (0.001,)
    unwell: str | None = None

    def __call__(self, model: WorkerModel) -> ScriptedModel:
        """The model; one whose path ends in `.missing` is not there.

        Raises:
            ModelFileError: It cannot be opened.
        """
        opened = ScriptedModel(self.seconds, self.unwell)
        if model.path.endswith(".missing") or (model.path.endswith(".unwell") and opened.is_unwell):
            raise ModelFileError(f"{model.path}: no such model file")
        return opened


@dataclass(eq=False)
class ScriptedModel:
    """A model that sleeps for as long as it is said to take, and does as it is asked.

    Attributes:
        seconds: As of its opener.
        unwell: The same.
    """

    seconds: tuple[float, ...]
    unwell: str | None = None
    _cancelled: Event = field(default_factory=Event, init=False)

    @property
    def batches(self) -> bool:
        """It takes several pictures in one run."""
        return len(self.seconds) > 1

    @property
    def is_unwell(self) -> bool:
        """Whether probes fail."""
        return self.unwell is not None and Path(self.unwell).exists()

    def run(self, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]) -> Sequence[Seen]:
        """What it saw of each picture, after doing what each asks for.

        Raises:
            LinesideError: It was asked to.
        """
        try:
            for each in asked:
                self._do(Deed(each.get("do", Deed.LOOK)))
        finally:
            self._cancelled.clear()
        self._sleep(len(pictures))
        return [
            Seen(int(picture.sum()), picture.shape, wanted, os.getpid(), len(pictures))
            for picture, wanted in zip(pictures, asked, strict=True)
        ]

    def probe(self, count: int) -> None:
        """Sleep for as long as a run takes.

        Raises:
            DeviceError: It is unwell.
        """
        if self.is_unwell:
            raise DeviceError("the test picture is not answered")
        self._sleep(count)

    def cancel(self) -> None:
        """End a `HANG`."""
        self._cancelled.set()

    def _sleep(self, count: int) -> None:
        known = min(count, len(self.seconds))
        if (seconds := self.seconds[known - 1] * count / known) > 0:
            time.sleep(seconds)

    def _do(self, deed: Deed) -> None:
        if deed in _FAULTS:
            raise type(_FAULTS[deed])(*_FAULTS[deed].args)
        match deed:
            case Deed.HANG:
                self._cancelled.wait()
                raise RunCancelledError("the run was ended from outside")
            case Deed.HANG_HARD:
                time.sleep(30)
            case Deed.EXIT:
                os._exit(3)
            case Deed.LEAK:
                _HELD.append(bytearray(os.urandom(1) * (32 << 20)))
            case Deed.DIE | Deed.STOP:
                os.kill(os.getpid(), signal.SIGKILL if deed is Deed.DIE else signal.SIGSTOP)
