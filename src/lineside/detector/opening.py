"""From a model file to a session on the first device that truly works: read, prepared once, and proven."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lineside.core.placement import Placement
from lineside.detector.preparing import Preparation
from lineside.detector.tuned import Advice, advice
from lineside.engine.cache import PreparedModels, default_folder
from lineside.engine.ladder import open_session
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lineside.engine.session import Session
    from lineside.engine.truth import Truth
    from lineside.models.card import ModelCard


@dataclass(frozen=True, slots=True)
class Where:
    """Where a model shall run.

    Attributes:
        placements: The list of devices, best first; `None` takes what was tuned for the model, else the CPU.
        demotion: What may be done where the first does not work: `prefer` or `require`.
        threads: Threads of one run on the CPU, where an entry does not say; `None` for one a usable core.
        progress: Is told what takes long, such as the building of an engine.
    """

    placements: Sequence[Placement] | None
    demotion: str = "prefer"
    threads: int | None = None
    progress: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model that is ready to run.

    Attributes:
        card: What is known of it.
        session: Its session; takes uint8 (1, 3, H, W) planes.
        truth: The report on the session.
        batch: Pictures of a run where several are given: what was tuned, else 1.
    """

    card: ModelCard
    session: Session
    truth: Truth
    batch: int = 1


def open_model(
    path: str | Path, where: Where, *, facts: ModelFacts | None = None, cache: Path | None = None
) -> OpenModel:
    """The model at `path`, recognised, prepared and loaded.

    Args:
        path: An .onnx file, or `shipped:NAME`.
        where: The devices.
        facts: Facts set by hand.
        cache: Folder of prepared models, or `None` for the user's.

    Raises:
        ModelError, SettingsError, DeviceError, MissingRuntimeError: As `ModelCard.read` and `open_session`.
    """
    file = ModelFile.read(path)
    facts = (facts or ModelFacts()).over(ModelFacts.beside(file.path))
    folder = cache or default_folder()
    found = Advice(file)
    if where.placements is None and where.threads is None:
        found = advice(file, facts, folder)
    if found.file is not file:
        facts = facts.over(ModelFacts.beside(found.file.path))
    if found.profile is not None and found.profile.size is not None:
        facts = replace(facts, size=found.profile.size)
    preparation = Preparation(found.file, facts, PreparedModels(folder))
    opened = open_session(
        preparation,
        where.placements or _tuned(found),
        threads=where.threads,
        demotion=where.demotion,
        progress=where.progress,
    )
    truth = replace(opened.truth, notices=(*found.notices, *opened.truth.notices))
    used = found.profile is not None and opened.truth.got == str(found.placement)
    return OpenModel(
        preparation.card, opened.session, truth, found.profile.batch if found.profile and used else 1
    )


def _tuned(found: Advice) -> tuple[Placement, ...]:
    """What was tuned first, and the CPU as it is without; nothing but the CPU where nothing was."""
    plain = Placement("cpu")
    return (plain,) if found.placement is None else (found.placement, plain)
