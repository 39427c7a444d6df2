"""A model as each provider takes it: read once, changed once, and kept on disk."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lineside.core import plugins
from lineside.core.errors import LinesideError
from lineside.core.version import VERSION
from lineside.engine.attempt import Prepared
from lineside.engine.cache import key
from lineside.engine.installed import versions
from lineside.engine.ort_session import optimise, run_once
from lineside.engine.provider import Keeps
from lineside.engine.providers.cpu import speed_hints
from lineside.engine.runtime import version
from lineside.models.card import ModelCard
from lineside.models.file import external_digest
from lineside.models.recognise import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.engine.cache import PreparedModels
    from lineside.engine.engines import Engines
    from lineside.engine.reference import Reference
    from lineside.engine.rungs import Rung
    from lineside.models.facts import ModelFacts
    from lineside.models.file import ModelFile
    from lineside.models.reading import Reading

_log = logging.getLogger(__name__)

_BROUGHT_BY = "family_brought_by"  # beside the card: another version of a family may read the head otherwise
_REFERENCE = "reference.npz"
_LEVEL = "graph_optimization_level"
_PRECISIONS = {
    "fp32": "float32",
    "fp16": "float16",
    "int8 (static)": "int8",
    "int8 (dynamic)": "int8",
}


class Preparation:
    """Prepares one model for the entries of a list of devices, as they are tried.

    Args:
        file: The model file.
        facts: Facts set by hand, with those beside the file.
        store: Where prepared models are kept.

    Attributes:
        card: The model's card, once it was prepared for an entry.
    """

    card: ModelCard

    def __init__(self, file: ModelFile, facts: ModelFacts, store: PreparedModels) -> None:
        self._file = file
        self._facts = facts
        self._store = store

    def __call__(self, rung: Rung) -> Prepared:
        """The model for an entry, from disk or made now.

        Raises:
            ModelError, DeviceError, MissingRuntimeError: The model cannot be read or prepared.
        """
        name = key(*self._identity, *_identity_of(rung))
        return self._kept(name, rung) or self._made(name, rung)

    @cached_property
    def _identity(self) -> tuple[str, ...]:
        """All that a preparation depends on, whatever the device."""
        file = self._file
        facts = json.dumps(asdict(self._facts))
        return (
            file.sha256,
            external_digest(file),
            facts,
            version(),
            VERSION,
            file.path.name,
        )

    def _kept(self, name: str, rung: Rung) -> Prepared | None:
        """The prepared model, or `None` where there is none that this version can use."""
        entry = self._store.get(name)
        if entry is None:
            return None
        fields, path = dict(entry[0]), entry[1]
        try:
            origin = fields.pop(_BROUGHT_BY)
            card = ModelCard.from_dict(fields)
            if origin != (now := plugins.distribution(PACKAGE, card.family)):
                _log.info(
                    "family %s came from %s, now from %s; the model is read again", card.family, origin, now
                )
                return None
            reference = None if _is_graph(rung) else _read_reference(path.with_name(_REFERENCE))
        except (KeyError, TypeError, ValueError, OSError, LinesideError) as fault:
            _log.warning("prepared model %s cannot be used (%s); it is made again", name, fault)
            self._store.drop(name)
            return None
        self.card = card
        return Prepared(
            path,
            optimised=_is_graph(rung),
            engines=self._engines(path, rung),
            reference=reference,
            from_cache=True,
            discard=lambda: self._store.drop(name),
        )

    def _made(self, name: str, rung: Rung) -> Prepared:
        """The model read, changed and proven, made fit for the device, and kept for the next start."""
        reading, model, how = self._changed
        read = ModelCard.of(reading)
        hints = speed_hints(read.precision) if _is_graph(rung) else ()
        self.card = card = replace(
            read,
            evidence=(*read.evidence, f"byte input: {how}, proven on the test picture"),
            warnings=(*read.warnings, *hints),
        )
        fields = card.to_dict() | {_BROUGHT_BY: plugins.distribution(PACKAGE, card.family)}
        if _is_graph(rung):
            optimised = optimise(model, level=rung.options.get(_LEVEL, "ORT_ENABLE_ALL"))
            if optimised is None:
                return Prepared(model)
            self._store.put(name, fields, optimised)
            return Prepared(optimised, optimised=True)
        reference = _take_reference(reading, model, card)
        path = self._store.put(name, fields, model, {_REFERENCE: reference.to_bytes()})
        return Prepared(
            model if path is None else path, engines=self._engines(path, rung), reference=reference
        )

    @cached_property
    def _changed(self) -> tuple[Reading, bytes, str]:
        """The model as read, its graph with a byte input, and how that was made."""
        # Imported here, because a start with a prepared model needs neither, nor onnx.
        from lineside.models.reading import read_model
        from lineside.models.surgery import prepare

        reading = read_model(self._file, facts=self._facts, run=run_once)
        return reading, *prepare(reading, run_once)

    def _engines(self, path: Path | None, rung: Rung) -> Engines | None:
        if path is None or rung.provider.keeps not in {Keeps.ENGINE, Keeps.CONTEXT}:
            return None
        from lineside.engine.engines import Engines

        return Engines(path.parent, proven=self._store.trim)


def _is_graph(rung: Rung) -> bool:
    """Whether the provider takes the graph that ONNX Runtime optimises for this CPU, and so is the reference itself."""
    return rung.provider.keeps is Keeps.GRAPH


def _identity_of(rung: Rung) -> tuple[str, ...]:
    """What a preparation for one device depends on, besides the model."""
    provider, device = rung.provider, rung.device
    if _is_graph(rung):
        return (provider.name, rung.options.get(_LEVEL, ""))
    return (
        provider.name,
        json.dumps(dict(rung.options), sort_keys=True),
        "" if device is None else f"{device.index} {device.name} {device.driver}",
        *versions(provider.packages),
    )


def _take_reference(reading: Reading, model: bytes, card: ModelCard) -> Reference:
    from lineside.engine.reference import Reference

    spec = reading.subject.picture
    return Reference.taken(
        model,
        spec.feeds(reading.planes),
        picture=spec.name,
        precision=_PRECISIONS.get(card.precision, "float32"),
        rows_move=card.task != "classify" and (card.nms_inside or card.nms_free),
    )


def _read_reference(path: Any) -> Reference:
    from lineside.engine.reference import Reference

    return Reference.read(path)
