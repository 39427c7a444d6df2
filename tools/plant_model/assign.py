"""Which cells answer for which defect: task-aligned assignment (Feng et al. 2021, TOOD), written from the paper.

Two things differ, both for defects of a few pixels. A cell may answer for a box that does not hold its centre, as
long as it lies in the box grown to `SMALLEST_REACH_PX`: a scratch 3 px thin holds no centre at stride 8. And the
best cell of a defect gets at least `LEAST_TARGET` as its target, since the overlap of a thin box is low even where
the defect is beyond doubt.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SMALLEST_REACH_PX = 14.0
LEAST_TARGET = 0.85
_CELLS_A_DEFECT = 9
_SCORE_POWER = 0.5
_OVERLAP_POWER = 4.0
_TINY = 1e-9


class Truth(NamedTuple):
    """The truth of a batch.

    Attributes:
        xyxy: float32 (N, M, 4), pixels.
        classes: int64 (N, M).
        weight: float32 (N, M): how much a defect counts, 0 to 1; 0 is padding, below 0 is a region to ignore.
    """

    xyxy: Tensor
    classes: Tensor
    weight: Tensor


class Assignment(NamedTuple):
    """What every cell should say.

    Attributes:
        scores: float32 (N, classes, A), the targets.
        weight: float32 (N, A): how much a cell counts; 0 in a region to ignore.
        defect: int64 (N, A): the defect in M that a cell answers for; of no meaning elsewhere.
        chosen: bool (N, A): the cell answers for one.
    """

    scores: Tensor
    weight: Tensor
    defect: Tensor
    chosen: Tensor


def from_array(truth: Tensor) -> Truth:
    """The truth from rows of left, top, right, bottom, class, weight: float32 (N, M, 6)."""
    return Truth(truth[..., :4], truth[..., 4].long(), truth[..., 5])


def overlaps(truth: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union (N, M, A) of true boxes (N, M, 4) and predicted ones (N, A, 4)."""
    a, b = truth[:, :, None], boxes[:, None]
    sides = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    common = sides.prod(-1)
    areas = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1)
    return common / (areas - common + _TINY)


def _reach(truth: Truth, centres: Tensor) -> Tensor:
    """Whether a cell lies in a defect's box grown to the smallest reach: bool (N, M, A)."""
    middle = (truth.xyxy[..., :2] + truth.xyxy[..., 2:]) / 2
    half = ((truth.xyxy[..., 2:] - truth.xyxy[..., :2]) / 2).clamp(min=SMALLEST_REACH_PX / 2)
    away = (centres.T[None, None] - middle[:, :, None]).abs()
    return (away <= half[:, :, None]).all(-1)


@torch.no_grad()
def assign(truth: Truth, boxes: Tensor, logits: Tensor, centres: Tensor) -> Assignment:
    """The assignment of a batch.

    Args:
        truth: What is in the pictures.
        boxes: Predicted boxes, float32 (N, A, 4), pixels.
        logits: Predicted class logits, float32 (N, classes, A).
        centres: The cells' centres, float32 (2, A), pixels.

    Returns:
        Targets for all cells.
    """
    count, defects = truth.classes.shape
    inside = _reach(truth, centres)
    real = (truth.weight > 0)[..., None]
    score = logits.sigmoid().gather(1, truth.classes[..., None].expand(-1, -1, logits.shape[2]))
    overlap = overlaps(truth.xyxy, boxes)
    fit = score**_SCORE_POWER * (overlap + 0.02) ** _OVERLAP_POWER * (inside & real)
    best = fit.topk(min(_CELLS_A_DEFECT, fit.shape[2]), dim=2)
    mine = torch.zeros_like(fit, dtype=torch.bool).scatter_(2, best.indices, best.values > 0)
    # A cell that several defects want goes to the one it overlaps most.
    wanted = torch.where(mine, overlap + _TINY, torch.zeros_like(overlap))
    defect = wanted.argmax(1) if defects else torch.zeros(count, centres.shape[1], dtype=torch.long)
    mine &= torch.zeros_like(mine).scatter_(1, defect[:, None], value=True)
    chosen = mine.any(1)
    fit, overlap = fit * mine, overlap * mine
    top = overlap.amax(2, keepdim=True).clamp(min=LEAST_TARGET)
    aligned = (fit / (fit.amax(2, keepdim=True) + _TINY) * top).amax(1)
    classes = truth.classes.gather(1, defect)
    scores = torch.zeros_like(logits).scatter_(1, classes[:, None], (aligned * chosen)[:, None])
    ignored = (_in_box(truth, centres) & (truth.weight < 0)[..., None]).any(1)
    weight = torch.where(chosen, truth.weight.gather(1, defect), (~ignored).float())
    return Assignment(scores, weight, defect, chosen)


def _in_box(truth: Truth, centres: Tensor) -> Tensor:
    """Whether a cell's centre lies in a box or within a cell of it: bool (N, M, A)."""
    x, y = centres[0], centres[1]
    left, top, right, bottom = (truth.xyxy[..., i : i + 1] for i in range(4))
    return (x > left - 8) & (x < right + 8) & (y > top - 8) & (y < bottom + 8)
