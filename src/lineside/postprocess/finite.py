"""Whether what a model answered are numbers at all: the check of the outputs beside boxes and scores."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_finite(values: NDArray[Any], what: str) -> None:
    """Refuse values of which one is NaN or infinite.

    Args:
        values: Any float, of any shape.
        what: What one of them is called, for the message.

    Raises:
        ModelOutputError: One is.
    """
    if values.size == 0:
        return
    if values.dtype == np.float16 and values.flags.c_contiguous:
        # numpy has no compiled comparison of halves: an exponent of ones says it too.
        if not (values.view(np.uint16) & 0x7C00 == 0x7C00).any():
            return
    elif values.dtype == np.float32 and values.flags.c_contiguous:
        flat = values.reshape(-1)
        # One pass of the fastest kernel there is. A sum of squares is finite only where all values are.
        with np.errstate(over="ignore", invalid="ignore"):
            if isfinite(np.dot(flat, flat)):
                return
    # The extremes of values with a NaN are NaN, and infinity is one of them.
    top, bottom = np.maximum.reduce(values, axis=None), np.minimum.reduce(values, axis=None)
    if not (isfinite(top) and isfinite(bottom)):
        raise ModelOutputError(
            f"the model answered a {what} that is NaN or infinite. The result of this run is not used"
        )
