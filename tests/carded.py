"""A model read together with its card, as most tests of heads want it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside import ModelCard
from lineside.models.file import ModelFile
from lineside.models.reading import Reading, read_model

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Carded:
    """A reading and its card."""

    reading: Reading
    card: ModelCard

    @property
    def answer(self):
        """The graph's outputs for the test picture."""
        return self.reading.answer


def read_carded(path: str | Path, **how: Any) -> Carded:
    """The model at `path`, read."""
    reading = read_model(ModelFile.read(path), **how)
    return Carded(reading, ModelCard.of(reading))
