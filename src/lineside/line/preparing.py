"""What is done to a camera's pictures between the camera and the model: looked at, and adjusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.capture.adjust import Adjustment, AdjustmentSettings, refuse_outside
from lineside.capture.health.baseline import load_baseline
from lineside.capture.health.gate import HealthGate, HealthSettings
from lineside.core.documents import parsed
from lineside.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.core.frame import Frame
    from lineside.judge.recipe import Recipe


def looked_at(gate: HealthGate | None, adjustment: Adjustment) -> Callable[[Frame], Frame]:
    """A function that refuses a picture that cannot be judged, and adjusts one that can.

    Args:
        gate: Of one camera; it sees what the camera saw, because a mask or a crop would hide what is wrong with it.
        adjustment: Of the same camera.
    """

    def prepare(frame: Frame) -> Frame:
        finding = None if gate is None else gate.check(frame.image)
        if finding is not None:
            raise ImageError(f"{finding.ailment}: {finding.detail}")
        return adjustment.apply(frame)

    return prepare


def prepared(recipe: Recipe, camera: str) -> Callable[[Frame], Frame] | None:
    """What a recipe asks for with the pictures of a camera; `None` where it asks for nothing.

    Raises:
        SettingsError: A table of the recipe is not accepted, or the baseline cannot be read.
    """
    table, usual = recipe.camera(camera), recipe.baseline(camera)
    if not table.adjust and usual is None:
        return None
    where = f"{recipe.file}: camera.{camera}.adjust"
    settings = parsed(AdjustmentSettings, table.adjust, where)
    gate = None
    if usual is not None:
        how = parsed(HealthSettings, usual.health, f"{recipe.file}: baseline.{camera}.health")
        file = recipe.baseline_file(camera)
        baseline = None if file is None else load_baseline(file)
        if baseline is not None:
            refuse_outside(settings, baseline.size, where)
        gate = HealthGate(how, baseline)
    return looked_at(gate, Adjustment(settings, camera))
