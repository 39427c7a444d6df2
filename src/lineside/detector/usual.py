"""Where a model runs that several devices may run: on those that were named, else where it was tuned for, else on the CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.core.placement import Placement, placements
from lineside.detector.tuned import advice
from lineside.engine.cache import default_folder
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Usual:
    """What is to be started.

    Attributes:
        model: The file.
        devices: Where.
        facts: Facts of the file, by hand and as tuned; `None` for those that stand beside it.
        notices: What to tell, one sentence each.
    """

    model: str
    devices: tuple[Placement, ...]
    facts: ModelFacts | None = None
    notices: tuple[str, ...] = ()


def usual(
    model: str | Path,
    devices: str | Sequence[str] | None,
    *,
    facts: ModelFacts | None = None,
    cache: str | Path | None = None,
) -> Usual:
    """The start of a model.

    Args:
        model: An .onnx file, or `shipped:NAME`.
        devices: The list of devices; `None` for what `lineside tune` found for the model here, else the CPU.
        facts: Facts set by hand.
        cache: Folder of prepared models; `None` for the user's.

    Raises:
        ModelFileError: There is no such file.
        SettingsError: The list is malformed.
    """
    if devices is not None:
        return Usual(str(model), placements(devices), facts)
    file = ModelFile.read(model)
    own = (facts or ModelFacts()).over(ModelFacts.beside(file.path))
    found = advice(file, own, default_folder() if cache is None else Path(cache))
    plain = Placement("cpu")
    if found.placement is None or found.profile is None:
        return Usual(str(model), (plain,), facts, found.notices)
    if found.file is not file:
        own = own.over(ModelFacts.beside(found.file.path))
    if found.profile.size is not None:
        own = replace(own, size=found.profile.size)
    # What the CPU does beside it is a device of its own; tuned settings of the CPU are one already.
    where = (found.placement,) if found.placement.provider == "cpu" else (found.placement, plain)
    return Usual(str(found.file.path), where, own, found.notices)
