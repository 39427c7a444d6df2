"""A device in a process of its own that sleeps for each run, and fails while a file exists."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class FlaggedOpener:
    """Opens models that take so many seconds a run, and fail while the flag is there."""

    seconds: float
    flag: str

    def __call__(self, model: object) -> FlaggedModel:  # noqa: ARG002 # as every opener
        """The model, open."""
        return FlaggedModel(self.seconds, Path(self.flag))


@dataclass
class FlaggedModel:
    """See `FlaggedOpener`."""

    seconds: float
    flag: Path
    batches: bool = False

    def run(self, pictures: Sequence[Any], asked: Sequence[Any]) -> list[int]:  # noqa: ARG002 # as every model
        """The first number of each picture."""
        self.probe(1)
        return [int.from_bytes(picture[0, 0].tobytes(), "little") for picture in pictures]

    def probe(self, count: int) -> None:  # noqa: ARG002 # as every model
        """A run of the test picture."""
        if self.flag.exists():
            raise DeviceError("the device fails; it was told to")
        time.sleep(self.seconds)

    def cancel(self) -> None:
        """It does not hear."""
