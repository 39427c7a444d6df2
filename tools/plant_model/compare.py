"""What exported networks let pass in validation: `python -m plant_model.compare MODEL... [--views 4]`.

The shares of both cycles in the shipped weights were chosen by this, and it shows what the mean over several views is worth.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from lineside.capture.plant.defects import DEFECTS
from plant_model.network import PlantNet
from plant_model.run import exported
from plant_model.teacher import mean_scores
from plant_model.validate import counting, validation_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.truth import FrameTruth

_PLANTS = 50
_VIEWS = {1: (0,), 2: (0, 4), 4: (0, 4, 2, 6)}  # as it is; mirrored; both ways mirrored
_OVERKILLS = (0.01, 0.015, 0.02, 0.03, 0.05)
_CONFIDENCES = (0.25, 0.3)


def highest_scores(
    model: Path, frames: Sequence[tuple[NDArray[np.uint8], FrameTruth]], views: Sequence[int]
) -> NDArray[np.float32]:
    """The highest score in each frame, in float32."""
    network = PlantNet(len(DEFECTS)).eval().fuse().to(memory_format=torch.channels_last)
    network.load_state_dict(exported(model)[0])
    highest = []
    for image, _ in frames:
        picture = torch.from_numpy(np.ascontiguousarray(image[..., ::-1])).permute(2, 0, 1)[None]
        highest.append(float(mean_scores(network, picture.float() / 255, views).max()))
    return np.array(highest, np.float32)


def row(name: str, top: NDArray[np.float32], bad: NDArray[np.bool_], good: NDArray[np.bool_]) -> str:
    """One network's figures, for people."""
    of_good = np.sort(top[good])[::-1]
    thresholds = [of_good[int(rate * len(of_good))] for rate in _OVERKILLS]
    escapes = ", ".join(str((top[bad] <= threshold).sum()) for threshold in thresholds)
    fixed = "; ".join(f"at {c:g}: {(top[bad] < c).sum()}, {(top[good] >= c).sum()}" for c in _CONFIDENCES)
    rates = ", ".join(f"{rate:.1%}" for rate in _OVERKILLS)
    return (
        f"{name}: of {bad.sum()} bad and {good.sum()} good, escapes at {rates} overkill: {escapes}; {fixed}"
    )


def main() -> None:
    """Read the command line, draw the frames, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="exported networks, float32")
    parser.add_argument("--frames", type=int, default=2000, help=f"of {_PLANTS} plants")
    parser.add_argument("--views", type=int, choices=sorted(_VIEWS), default=1, help="of each frame")
    options = parser.parse_args()
    frames = validation_frames(options.frames, _PLANTS)
    bad = np.array([counting(truth).any() for _, truth in frames])
    good = np.array([len(truth.xyxy) == 0 for _, truth in frames])
    for model in options.models:
        top = highest_scores(model, frames, _VIEWS[options.views])
        print(row(str(model), top, bad, good), flush=True)


if __name__ == "__main__":
    main()
