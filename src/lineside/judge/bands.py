"""How sure a rule must be of an object: one limit, or a zone in which nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from lineside.core.documents import Table

MIN_CONFIDENCE = 0.25
"""The confidence above which an object is there unless set."""

Share = Annotated[float, Field(ge=0, le=1, strict=True)]


class SureTable(Table):
    """How sure a rule must be of an object. `min_confidence = 0.4` is one limit, `marginal = [0.25, 0.4]` a zone."""

    min_confidence: Share | None = None
    """An object is there where its confidence is above it; 0.25 unless set."""
    marginal: tuple[Share, Share] | None = None
    """An object is there above the upper one, not there up to the lower one, and between them nobody knows."""

    @model_validator(mode="after")
    def _one_of_both(self) -> SureTable:
        if self.marginal is None:
            return self
        if self.min_confidence is not None:
            raise ValueError("min_confidence or marginal, not both: the zone's upper end is the limit")
        if not self.marginal[0] < self.marginal[1]:
            raise ValueError(f"marginal to rise, as [0.25, 0.4]; got {list(self.marginal)}")
        return self

    @property
    def band(self) -> Band:
        """The limits of the zone."""
        if self.marginal is not None:
            return Band(*self.marginal)
        limit = MIN_CONFIDENCE if self.min_confidence is None else self.min_confidence
        return Band(limit, limit)


@dataclass(frozen=True, slots=True)
class Band:
    """The zone of confidence in which nobody knows whether an object is there.

    Attributes:
        low: Up to here it is not.
        high: Above it it is.
    """

    low: float
    high: float
