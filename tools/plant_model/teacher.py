"""A network that is asked about several turned and mirrored views of each picture; what it says of all of them teaches another.

A defect is the same defect upside down, yet a network scores each view a little differently, and where it is unsure it may find one view and not the
next. The mean over the views is a better detector than any one of them, at several times the work; a network that learns to say
at one look what the mean says keeps much of that at no cost (Hinton et al. 2015, *Distilling the Knowledge in a Neural Network*; Laine and Aila 2017,
*Temporal Ensembling*). Written from the papers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lineside.capture.plant.defects import DEFECTS
from plant_model.network import STRIDES, PlantNet
from plant_model.precision import quickest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

_VIEWS = 4  # of the eight of a square, thrown anew for each batch


class Teacher:
    """A trained network that no longer learns.

    Args:
        weights: Its own, normalisation folded into the convolutions.
        seed: What the views are thrown from.
    """

    def __init__(self, weights: Mapping[str, Tensor], seed: int) -> None:
        network = PlantNet(len(DEFECTS)).eval().fuse()
        network.load_state_dict(weights)
        self._network = network.requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)
        self._dice = torch.Generator().manual_seed(seed)

    def opinion(self, pictures: Tensor) -> Tensor:
        """Its scores of each cell: those of the mean logits over the views.

        Args:
            pictures: Square ones, as the network takes them: float32 (N, 3, S, S), 0 to 1.

        Returns:
            float32 (N, classes, A), 0 to 1.
        """
        views = torch.randperm(8, generator=self._dice)[:_VIEWS].tolist()
        with quickest():
            return mean_scores(self._network, pictures, views)


@torch.no_grad()
def mean_scores(network: PlantNet, pictures: Tensor, views: Sequence[int]) -> Tensor:
    """The scores of each cell of the mean logits over some views.

    Args:
        network: In evaluation mode.
        pictures: Square ones, float32 (N, 3, S, S), 0 to 1.
        views: As `turn` knows them.

    Returns:
        float32 (N, classes, A), 0 to 1.
    """
    turned = torch.cat([turn(pictures, view) for view in views])
    _, logits = network(turned.contiguous(memory_format=torch.channels_last))
    said = zip(logits.float().chunk(len(views)), views, strict=True)
    return torch.stack([turned_back(each, view, pictures.shape[3]) for each, view in said]).mean(0).sigmoid()


def turn(maps: Tensor, view: int) -> Tensor:
    """Square maps (..., S, S) in one of eight views: turned by `view % 4` quarters, and from 4 on mirrored after that."""
    turned = maps.rot90(view % 4, (-2, -1))
    return turned.flip(-1) if view >= 4 else turned


def turned_back(logits: Tensor, view: int, side: int) -> Tensor:
    """Values of all cells of a view (N, C, A) at the cells of the picture that it is of.

    Args:
        logits: Values level by level, as the network gives them.
        view: As `turn` knows it.
        side: Pixels of the picture.
    """
    levels = logits.split([(side // stride) ** 2 for stride in STRIDES], 2)
    back = []
    for level, stride in zip(levels, STRIDES, strict=True):
        maps = level.unflatten(2, (side // stride, side // stride))
        maps = maps.flip(-1) if view >= 4 else maps
        back.append(maps.rot90(-(view % 4), (-2, -1)).flatten(2))
    return torch.cat(back, 2)
