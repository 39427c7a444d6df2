"""The moving average of a network's weights, which scores better than any of its members (Tarvainen 2017)."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from plant_model.network import PlantNet

_DECAY = 0.998
_RAMP = 400  # updates; early weights are forgotten faster


class Average:
    """An exponential moving average of weights and of the normalisation's statistics."""

    def __init__(self, network: PlantNet) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        self.updates = 0

    @torch.no_grad()
    def update(self, network: PlantNet) -> None:
        """Take in the network's present state."""
        self.updates += 1
        keep = _DECAY * (1 - math.exp(-self.updates / _RAMP))
        mine, others = self.network.state_dict(), network.state_dict()
        values = [v for v in mine.values() if v.is_floating_point()]
        torch._foreach_lerp_(  # the one call for all tensors; a loop over 300 of them costs 4 ms
            values, [v for v in others.values() if v.is_floating_point()], 1 - keep
        )
