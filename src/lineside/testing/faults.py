"""A detector that can be broken while it runs, to see what those above it make of that."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import DeviceError
from lineside.detector.detector import Detector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.detector.workspaces import Workspace


class Broken(StrEnum):
    """What is broken in a `FaultyDetector`."""

    DEVICE = "device"
    """A run fails, as with a card that fell off its bus."""
    MODEL = "model"
    """A run ends well, and every number of its answer is NaN, as with weights that a memory fault hit."""


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
        outputs = super()._answer(space)
        if self.broken is Broken.MODEL:
            return [np.full_like(output, np.nan) for output in outputs]
        return outputs
