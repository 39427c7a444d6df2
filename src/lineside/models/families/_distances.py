"""What the families share whose boxes are undecoded distributions of distances: scores, and logits of each side.

In one output, (1, rows, classes + 4 * bins), or in a pair of outputs a level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.evidence import between_0_and_1
from lineside.models.families._cells import cell_counts
from lineside.models.head import STRIDE_SETS
from lineside.models.spec import as_float32
from lineside.postprocess.candidates import Candidates, Selection, best_first, check_boxes, pick
from lineside.postprocess.distributions import boxes_around, mean_distances

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lineside.models.head import Head


@dataclass(frozen=True, slots=True)
class Pairs:
    """A pair of outputs a level: scores (1, cells, classes) and logits (1, cells, 4 * bins).

    Attributes:
        scores: Indices of the outputs with scores, the finest level first.
        logits: Indices of those with logits, in the same order.
        strides: Pixels per cell of each level, ascending.
        classes: Number of classes.
        rows: Cells of all levels.
        traced: Whether the graph shows which outputs are scores.
    """

    scores: tuple[int, ...]
    logits: tuple[int, ...]
    strides: tuple[int, ...]
    classes: int
    rows: int
    traced: bool

    @property
    def grouped(self) -> bool:
        """Whether all outputs of scores stand before all of logits, level by level."""
        together = (*self.scores, *self.logits)
        return together == tuple(sorted(together))

    @property
    def interleaved(self) -> bool:
        """Whether the outputs stand level by level, scores before logits."""
        together = [i for pair in zip(self.scores, self.logits, strict=True) for i in pair]
        return together == sorted(together)


@dataclass(frozen=True, slots=True)
class Level:
    """The rows of one level, or of all, for decoding.

    Attributes:
        scores: Any float, (rows, classes).
        logits: Any float, (rows, 4 * bins).
        points: float32 (rows, 2): where the distances start, in model pixels.
        strides: float32 (rows,): pixels of a cell.
    """

    scores: NDArray[Any]
    logits: NDArray[Any]
    points: NDArray[np.float32]
    strides: NDArray[np.float32]


def pairs(head: Head) -> Pairs | None:
    """The outputs as a pair a level, or `None` where they are none."""
    shapes = head.shapes
    if len(shapes) % 2 or any(len(s) != 3 or None in s or not head.is_float(i) for i, s in enumerate(shapes)):
        return None
    counts = sorted({shape[1] or 0 for shape in shapes}, reverse=True)
    strides = next((s for s in STRIDE_SETS if cell_counts(head.size, s) == counts), None)
    if strides is None or len(counts) * 2 != len(shapes):
        return None
    levels = [[i for i, shape in enumerate(shapes) if shape[1] == count] for count in counts]
    kinds = [[_is_scores(head, i) for i in level] for level in levels]
    if any(sorted(kind, key=bool) != [False, True] for kind in kinds):
        return None
    scores = tuple(level[kind.index(True)] for level, kind in zip(levels, kinds, strict=True))
    logits = tuple(level[kind.index(False)] for level, kind in zip(levels, kinds, strict=True))
    classes, bins = ({shapes[i][2] or 0 for i in outputs} for outputs in (scores, logits))
    if len(classes) != 1 or len(bins) != 1 or min(bins) % 4 or min(bins) < 8:
        return None
    traced = all([p.origin for p in head.segments(i, 2)] == ["Sigmoid"] for i in scores)
    return Pairs(scores, logits, strides, min(classes), sum(counts), traced)


def _is_scores(head: Head, output: int) -> bool | None:
    """Whether an output is scores and not logits; `None` where structure and values contradict each other."""
    origins = {p.origin for p in head.segments(output, 2)}
    if "Softmax" in origins:
        return None  # the bins are probabilities already
    traced = "Sigmoid" in origins if origins else None
    if head.probe is None:
        return traced
    looks = between_0_and_1(head.probe[output])
    return looks if traced in {None, looks} else None


def decode(levels: Iterable[Level], want: Selection, *, limit: tuple[int, int] | None = None) -> Candidates:
    """Candidates of one picture in model pixels. Only rows above the confidence are read out.

    Args:
        levels: Scores and logits.
        want: The selection.
        limit: Width and height of the picture that boxes are clipped to, or `None`.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    boxes, labels, scores = [], [], []
    for level in levels:
        check_boxes(level.logits)
        rows, classes, confidence = pick(level.scores.T, want)
        reach = mean_distances(level.logits[rows]) * level.strides[rows, None]
        boxes.append(boxes_around(level.points[rows], reach))
        labels.append(classes)
        scores.append(confidence)
    xyxy, class_id, confidence = np.concatenate(boxes), np.concatenate(labels), np.concatenate(scores)
    order, cut = best_first(confidence, want.limit)
    xyxy = xyxy[order]
    if limit is not None:
        np.clip(xyxy, 0, np.array(limit * 2, np.float32), out=xyxy)
    return Candidates(as_float32(xyxy), confidence[order], class_id[order].astype(np.int32), cut)
