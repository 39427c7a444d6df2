"""The border of a stage: whatever goes wrong inside comes out as a fault with its reason, and stays visible."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lineside.core.errors import (
    CameraUnsetError,
    DeviceError,
    ImageError,
    LinesideError,
    ModelError,
    Recovery,
    SourceError,
)
from lineside.core.verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_REASONS: tuple[tuple[type[LinesideError], Reason], ...] = (
    (CameraUnsetError, Reason.CAMERA_UNSET),
    (SourceError, Reason.NO_FRAME),
    (ImageError, Reason.IMAGE_UNHEALTHY),
    (ModelError, Reason.MODEL_UNHEALTHY),
    (DeviceError, Reason.DEVICE_LOST),
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in a stage.

    Attributes:
        reason: What it means for the part.
        sentence: What it says itself.
        code: The error's code, or `internal` where nobody foresaw it.
        recovery: What a line does about it.
        error: The error itself; `None` where nobody foresaw it.
    """

    reason: Reason
    sentence: str
    code: str
    recovery: Recovery = Recovery.RETRY
    error: LinesideError | None = field(default=None, compare=False, repr=False)


def fault_of(error: LinesideError) -> Fault:
    """What an error of lineside's own means for the part."""
    reason = next((r for kind, r in _REASONS if isinstance(error, kind)), Reason.INTERNAL_FAULT)
    return Fault(reason, str(error), error.code, error.recovery, error)


def attempt(stage: str, work: Callable[[], T]) -> T | Fault:
    """What `work` gives, or the fault that it ran into.

    An error that lineside raises on purpose has its reason. Any other is INTERNAL_FAULT; its sentence tells the
    type and the place, and its trace goes to the debug log.

    Args:
        stage: What is done here.
        work: The stage's work on one part.
    """
    try:
        return work()
    except LinesideError as error:
        return fault_of(error)
    except Exception as fault:  # noqa: BLE001 # the one border of the line: a part is owed an answer, whatever breaks
        _log.debug("%s failed in a way that nobody foresaw", stage, exc_info=fault)
        sentence = f"{stage}: {type(fault).__name__}: {fault} (at {_place(fault)})"
        return Fault(Reason.INTERNAL_FAULT, sentence, "internal")


def _place(fault: Exception) -> str:
    """File and line that raised it."""
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
