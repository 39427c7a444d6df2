"""What came of quantising a model: the file's content, how it was judged, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineside.core.version import VERSION
from lineside.evaluation.judging import figures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.engine.measure import Measurement
    from lineside.evaluation.judging import Judgement
    from lineside.evaluation.quantising.calibration import Histogram
    from lineside.evaluation.quantising.sensitivity import Measured, Sensitivity
    from lineside.evaluation.quantising.settings import QuantiseSettings
    from lineside.models.card import ModelCard


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """What the calibration pictures told.

    Attributes:
        asked: How many pictures were wanted.
        used: How many were read.
        digest: SHA-256 of them.
        seen: In how many the float model finds something.
        histograms: Of each tensor.
        images: Some of the pictures, those first in which something is found.
        expected: The float model's answers to those.
    """

    asked: int
    used: int
    digest: str
    seen: int
    histograms: dict[str, Histogram]
    images: tuple[NDArray[np.uint8], ...]
    expected: tuple[Detections, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A quantised model that was good enough, and what is known of it.

    Attributes:
        data: The file's content.
        settings: How it was made.
        before: The float model's card.
        after: The quantised one's.
        judgement: How it was judged.
        in_float: The groups of layers that stay in float, with what each would do.
        sensitivity: Of every group; `None` for fp16.
        calibrated: What it was calibrated on; `None` for fp16.
        held_out: Whether the pictures that it was compared on were others than those.
        speed: Measurements of both on this machine, one a number of threads, by `float` and `quantised`.
        unreadable: Why pictures could not be read, by name.
        notes: What a user should know.
    """

    data: bytes
    settings: QuantiseSettings
    before: ModelCard
    after: ModelCard
    judgement: Judgement
    in_float: tuple[Measured, ...] = ()
    sensitivity: Sensitivity | None = None
    calibrated: Calibrated | None = None
    held_out: bool = True
    speed: dict[str, Measurement] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as a value that `json.dumps` takes: the report's."""
    calibrated = outcome.calibrated
    return {
        "schema": 1,
        "lineside": VERSION,
        "precision": outcome.settings.precision,
        "source": {
            "file": outcome.before.file,
            "sha256": outcome.before.sha256,
            "size_bytes": outcome.before.size_bytes,
        },
        "result": {
            "sha256": outcome.after.sha256,
            "size_bytes": outcome.after.size_bytes,
            "precision": outcome.after.precision,
        },
        **figures(outcome.judgement),
        "calibration": None
        if calibrated is None
        else {
            "method": outcome.settings.method,
            "pictures": calibrated.used,
            "asked": calibrated.asked,
            "with_detections": calibrated.seen,
            "sha256": calibrated.digest,
        },
        "held_out": outcome.held_out,
        "in_float": [one.group.name for one in outcome.in_float],
        "groups": _groups(outcome.sensitivity),
        "p50_ms": {name: 1e3 * one.p50_s for name, one in outcome.speed.items()},
        "threads": next((one.threads for one in outcome.speed.values()), None),
        "unreadable": outcome.unreadable,
        "notes": list(outcome.notes),
    }


def _groups(found: Sensitivity | None) -> list[dict[str, Any]]:
    if found is None:
        return []
    return [
        {"name": one.group.name, "layers": one.group.weight, "head": head, "damage": one.damage}
        for head, part in ((True, found.head), (False, found.body))
        for one in part
    ]
