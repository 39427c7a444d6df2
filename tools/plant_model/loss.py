"""The loss: task-aligned targets for the scores, complete IoU for the boxes.

Scores are learned by binary cross entropy towards soft targets (the quality in TOOD, Feng et al. 2021), with the
modulating factor of the quality focal loss (Li et al. 2020), so that the thousands of easy cells do not drown the
few hard ones. Boxes are learned by complete IoU (Zheng et al. 2020). All written from the papers.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from plant_model.assign import Assignment, Truth, assign
from plant_model.network import cells, corners

_BOX_GAIN = 2.0
_FOCUS = 1.0
_TAUGHT = 0.5  # of the wanted scores, where there is a teacher
_TINY = 1e-7


class Losses(NamedTuple):
    """The parts of the loss, each a scalar; `total` is what is descended."""

    total: Tensor
    score: Tensor
    box: Tensor


class DetectionLoss(nn.Module):
    """The loss for pictures of one size.

    Args:
        side: Pixels of the square pictures, a multiple of 32.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        points, strides = cells(side, side)
        self.points, self.strides = points, strides
        self.centres = points * strides

    def forward(self, raw: Tensor, logits: Tensor, truth: Truth, opinion: Tensor | None = None) -> Losses:
        """The loss of a batch.

        Args:
            raw: The network's box values, float32 (N, 4, A).
            logits: The network's class logits, float32 (N, classes, A).
            truth: What is in the pictures.
            opinion: A teacher's scores, float32 (N, classes, A), 0 to 1; the scores are then learned half from the truth and half from these.
        """
        low, high = corners(raw, self.points)
        boxes = (torch.cat([low, high], 1) * self.strides).transpose(1, 2)
        targets = assign(truth, boxes.detach(), logits.detach(), self.centres)
        total = (targets.scores.sum(1) * targets.weight).sum().clamp(min=8.0)
        wanted = targets.scores if opinion is None else targets.scores.lerp(opinion, _TAUGHT)
        score = _score_loss(logits, wanted, targets.weight) / total
        box = _box_loss(boxes, truth, targets) / total
        return Losses(score + _BOX_GAIN * box, score.detach(), box.detach())


def _score_loss(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focus = (wanted - logits.detach().sigmoid()).abs() ** _FOCUS
    return (entropy * focus * weight[:, None]).sum() * 2.0


def _box_loss(boxes: Tensor, truth: Truth, targets: Assignment) -> Tensor:
    chosen = targets.chosen
    if not chosen.any():
        return boxes.sum() * 0.0
    wanted = truth.xyxy.gather(1, targets.defect[..., None].expand(-1, -1, 4))[chosen]
    weight = (targets.scores.amax(1) * targets.weight)[chosen]
    return (complete_iou_loss(boxes[chosen], wanted) * weight).sum()


def complete_iou_loss(boxes: Tensor, wanted: Tensor) -> Tensor:
    """One minus the complete IoU of pairs of boxes.

    Args:
        boxes: float32 (K, 4), left, top, right, bottom.
        wanted: The same.

    Returns:
        float32 (K,), 0 for equal boxes.
    """
    size, target = boxes[:, 2:] - boxes[:, :2], wanted[:, 2:] - wanted[:, :2]
    low, high = torch.maximum(boxes[:, :2], wanted[:, :2]), torch.minimum(boxes[:, 2:], wanted[:, 2:])
    common = (high - low).clamp(min=0).prod(1)
    iou = common / (size.prod(1) + target.prod(1) - common + _TINY)
    hull = torch.maximum(boxes[:, 2:], wanted[:, 2:]) - torch.minimum(boxes[:, :2], wanted[:, :2])
    middles = (boxes[:, :2] + boxes[:, 2:] - wanted[:, :2] - wanted[:, 2:]) / 2
    distance = (middles**2).sum(1) / ((hull**2).sum(1) + _TINY)
    angles = torch.atan(target[:, 0] / (target[:, 1] + _TINY)) - torch.atan(size[:, 0] / (size[:, 1] + _TINY))
    shape = 4 / math.pi**2 * angles**2
    with torch.no_grad():
        trade = shape / (1 - iou + shape + _TINY)
    return 1 - iou + distance + trade * shape
