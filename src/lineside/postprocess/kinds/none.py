"""`none`: overlapping boxes stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lineside.postprocess.nms import Boxes, Nms, Suppression, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.postprocess.candidates import Candidates

BOXES: tuple[Boxes, ...] = ("upright", "oriented")


def make(settings: Mapping[str, float]) -> Nms:
    """The kind; it has no settings.

    Raises:
        UnknownNameError: There is a setting.
    """
    numbers("none", settings)
    return settle


def settle(found: Candidates, how: Suppression) -> Candidates:
    """The best, as many as the limit lets through."""
    count = len(found.confidence)
    return found.take(np.arange(min(count, how.limit)), truncated=found.truncated or count > how.limit)
