"""Which detection belongs to which object: the assignment with the largest sum of overlaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Pairs = tuple["NDArray[np.intp]", "NDArray[np.intp]"]
"""Rows and columns that belong together."""


def solver() -> Callable[..., Any]:
    """SciPy's solver of the assignment problem (Crouse, IEEE Transactions on Aerospace and Electronic Systems, 2016).

    Raises:
        NotInstalledError: SciPy is not installed.
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as missing:
        if missing.name != "scipy":
            raise
        raise NotInstalledError(
            "tracking needs the package \"scipy\": pip install 'lineside[track]'"
        ) from missing
    solve: Callable[..., Any] = linear_sum_assignment
    return solve


def assign(
    gains: NDArray[np.float64], weights: NDArray[np.float64], least: float, solve: Callable[..., Any]
) -> Pairs:
    """The pairs of rows and columns whose weighted gains have the largest sum, each row and column at most once.

    Args:
        gains: float64 (R, C), 0 to 1.
        weights: float64 (R,), above 0: what a row's gains count.
        least: Pairs of a smaller gain are none, whatever they weigh; above 0.
        solve: From `solver`.

    Returns:
        Rows and columns, in the order of the rows.
    """
    fit = gains >= least
    if not fit.any():
        empty = np.empty(0, np.intp)
        return empty, empty
    # A pair that is none adds nothing to the sum: the solver pairs all it can, and what is none is dropped.
    rows, columns = solve(np.where(fit, gains * weights[:, None], 0.0), maximize=True)
    real = fit[rows, columns]
    return rows[real], columns[real]
