"""Scores of heads with objectness: the product of objectness and class score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.postprocess.candidates import check_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.postprocess.candidates import Selection


def pick_with_objectness(
    objectness: NDArray[Any], class_scores: NDArray[Any], want: Selection
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """The (row, class) pairs whose product is above the confidence.

    A product is never above its objectness, so one pass over that column rules most rows out.

    Args:
        objectness: (rows,), any float.
        class_scores: (rows, classes), any float.
        want: The selection.

    Returns:
        Rows, classes and products of the chosen pairs, (N,) each, unordered.

    Raises:
        ModelOutputError: A class score of a row in question is NaN or above 1.
    """
    rows = (objectness > want.confidence).nonzero()[0]
    products = class_scores[rows].astype(np.float32)
    check_scores(products)
    products *= objectness[rows, None]
    if want.multi_label:
        at, classes = np.nonzero(products > want.confidence)
    else:
        classes = products.argmax(axis=1)
        at = np.arange(len(rows))
        keep = products[at, classes] > want.confidence
        at, classes = at[keep], classes[keep]
    if want.classes is not None:
        wanted = want.classes[classes]
        at, classes = at[wanted], classes[wanted]
    return rows[at], classes, products[at, classes]
