"""Greedy NMS by any measure of overlap: the surest box stays, what overlaps it too much goes, and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lineside.postprocess.candidates import Candidates
    from lineside.postprocess.nms import Suppression

Over = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.bool_]]
"""Which candidates overlap too much: indices (N,) and (M,) in, bool (N, M) out."""

_BLOCK = 128  # candidates that are compared at once


def greedy(found: Candidates, how: Suppression, over: Over) -> Candidates:
    """What the plain algorithm leaves, stopped once `how.limit` and one more are known.

    Args:
        found: Candidates, best first.
        how: Its class awareness and limit; the overlap is the measure's business.
        over: The measure.
    """
    count, labels = len(found.confidence), found.class_id

    def strikes(stay: NDArray[np.intp], go: NDArray[np.intp]) -> NDArray[np.bool_]:
        struck = over(stay, go)
        return struck & (labels[stay][:, None] == labels[go]) if how.class_aware else struck

    kept = np.arange(0)
    for start in range(0, count, _BLOCK):
        if len(kept) > how.limit:
            break
        block = np.arange(start, min(start + _BLOCK, count))
        if len(kept):
            block = block[~strikes(kept, block).any(axis=0)]
        kept = np.concatenate([kept, block[_among_themselves(strikes(block, block))]])
    return found.take(kept[: how.limit], truncated=found.truncated or len(kept) > how.limit)


def _among_themselves(strikes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which boxes stay of those that strike each other, bool (N,); the best are the first rows."""
    stays = np.ones(len(strikes), np.bool_)
    for at, struck in enumerate(strikes):
        if stays[at]:
            stays[at + 1 :] &= ~struck[at + 1 :]
    return stays
