"""What a network gets wrong in a frame: marks that it misses, and clean places that it takes for marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from lineside.capture.plant.defects import DEFECTS
from plant_model.network import PlantNet
from plant_model.validate import counting, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from lineside.core.truth import FrameTruth

    Weights = Mapping[str, NDArray[np.float32]]

_SURE = 0.5  # a mark that counts is missed when nothing near it scores this
_ALARM = 0.1  # a clean place gives alarm when it scores this
_NEAR_PX = 8.0


class Mistakes(NamedTuple):
    """Middles in pixels, float32 (K, 2), x and y.

    Attributes:
        misses: Of marks that count and are not surely found.
        alarms: Of detections where nothing is.
    """

    misses: NDArray[np.float32]
    alarms: NDArray[np.float32]


class Miner:
    """A network without normalisation that looks over frames for what it would get wrong.

    Args:
        weights: The network's, by name.
    """

    def __init__(self, weights: Weights) -> None:
        self._network = PlantNet(len(DEFECTS)).eval().fuse().to(memory_format=torch.channels_last)
        self.learn(weights)

    def learn(self, weights: Weights) -> None:
        """Look with other weights from now on."""
        self._network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})

    def mistakes(self, image: NDArray[np.uint8], truth: FrameTruth) -> Mistakes:
        """What the network gets wrong in a frame, uint8 BGR (640, 640, 3)."""
        found = find(self._network, image)
        middles = (found.xyxy[:, :2] + found.xyxy[:, 2:]) / 2
        low, high = truth.xyxy[:, :2] - _NEAR_PX, truth.xyxy[:, 2:] + _NEAR_PX
        near = ((middles[:, None] >= low) & (middles[:, None] <= high)).all(2)
        best = np.max(found.score[:, None] * near, axis=0, initial=0.0)
        is_missed = counting(truth) & (best < _SURE)
        return Mistakes(
            (truth.xyxy[is_missed, :2] + truth.xyxy[is_missed, 2:]) / 2,
            middles[(found.score >= _ALARM) & ~near.any(1)],
        )


def weights_of(network: PlantNet) -> Weights:
    """A network's weights for a `Miner` in another process."""
    return {name: value.contiguous().numpy().copy() for name, value in network.state_dict().items()}
