"""From a model file to a warm session: read, prepared once, and proven."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import lineside
from lineside.core import plugins
from lineside.core.errors import LinesideError
from lineside.engine.cache import PreparedModels, default_folder, key
from lineside.engine.ort_session import cpu_session, optimise, run_once
from lineside.engine.providers.cpu import speed_hints
from lineside.engine.runtime import version
from lineside.models.card import ModelCard
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile, external_digest
from lineside.models.recognise import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.engine.session import Session

_log = logging.getLogger(__name__)

_BROUGHT_BY = "family_brought_by"  # beside the card: another version of a family may read the head otherwise


@dataclass(frozen=True, slots=True)
class OpenModel:
    """A model that is ready to run.

    Attributes:
        card: What is known of it.
        session: Its session; takes uint8 (1, 3, H, W) planes.
        from_cache: Whether its preparation was found on disk.
    """

    card: ModelCard
    session: Session
    from_cache: bool


def open_model(
    path: str | Path,
    *,
    facts: ModelFacts | None = None,
    threads: int | None = None,
    cache: Path | None = None,
) -> OpenModel:
    """The model at `path`, recognised, prepared and loaded.

    Args:
        path: An .onnx file, or `shipped:NAME`.
        facts: Facts set by hand.
        threads: Threads of one run, or `None` for one a usable core.
        cache: Folder of prepared models, or `None` for the user's.

    Raises:
        ModelError, SettingsError, DeviceError, MissingRuntimeError: As `ModelCard.read` and `OrtSession`.
    """
    file = ModelFile.read(path)
    facts = (facts or ModelFacts()).over(ModelFacts.beside(file.path))
    store = PreparedModels(cache or default_folder())
    name = key(
        file.sha256,
        external_digest(file),
        json.dumps(asdict(facts)),
        version(),
        lineside.__version__,
        file.path.name,
    )
    if (found := _from_cache(store, name, threads)) is not None:
        return found
    return _prepare(file, facts, threads, store, name)


def _prepare(
    file: ModelFile, facts: ModelFacts, threads: int | None, store: PreparedModels, name: str
) -> OpenModel:
    """The model read, changed, proven and optimised, and kept for the next start."""
    # Imported here, because a start with a prepared model needs neither, nor onnx.
    from lineside.models.reading import read_model
    from lineside.models.surgery import prepare

    reading = read_model(file, facts=facts, run=run_once)
    model, how = prepare(reading, run_once)
    optimised = optimise(model)
    read = ModelCard.of(reading)
    card = replace(
        read,
        evidence=(*read.evidence, f"byte input: {how}, proven on the test picture"),
        warnings=(*read.warnings, *speed_hints(read.precision)),
    )
    if optimised is None:
        return OpenModel(card, cpu_session(model, threads=threads), from_cache=False)
    origin = plugins.distribution(PACKAGE, card.family)
    store.put(name, card.to_dict() | {_BROUGHT_BY: origin}, optimised)
    return OpenModel(card, cpu_session(optimised, threads=threads, optimised=True), from_cache=False)


def _from_cache(store: PreparedModels, name: str, threads: int | None) -> OpenModel | None:
    """The prepared model, or `None` where there is none that this version can use."""
    entry = store.get(name)
    if entry is None:
        return None
    try:
        fields = dict(entry[0])
        origin = fields.pop(_BROUGHT_BY)
        card = ModelCard.from_dict(fields)
        if origin != (now := plugins.distribution(PACKAGE, card.family)):
            _log.info(
                "family %s came from %s, now from %s; the model is read again", card.family, origin, now
            )
            return None
        return OpenModel(card, cpu_session(entry[1], threads=threads, optimised=True), from_cache=True)
    except (KeyError, TypeError, LinesideError) as fault:
        _log.warning("prepared model %s cannot be used (%s); it is made again", name, fault)
        store.drop(name)
        return None
