"""A training under way: its weights, their average, its optimiser and its step, on disk and back again."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from lineside.capture.plant.defects import DEFECTS
from plant_model.average import Average
from plant_model.network import PlantNet
from plant_model.teacher import Teacher

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from plant_model.plans import Plan

_WARM_UP = 150  # steps
_LAST_RATE = 0.01  # of the highest
_WEIGHT_DECAY = 0.03
_USUAL_SIZE = 0.06  # of the weights of a convolution that goes at the full rate
_OF_THE_NETWORK = "network."  # how its weights' names begin in an exported file


@dataclass
class Run:
    """A training under way.

    Attributes:
        network: What is trained.
        average: The average of its weights, which is what is shipped.
        optimiser: AdamW (Loshchilov and Hutter 2019).
        plan: The plan.
        seed: What everything is thrown from.
        step: Batches done.
        starts: How many times the run was started; each start draws other frames.
        origin: The recipe in the file that the run began from; empty for one that began from nothing.
        teacher: What it learns from besides the truth, if the plan wants that: the network that it began as.
    """

    network: PlantNet
    average: Average
    optimiser: torch.optim.Optimizer
    plan: Plan
    seed: int
    step: int = 0
    starts: int = 0
    origin: dict[str, Any] = field(default_factory=dict)
    teacher: Teacher | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What identifies its weights: seed, steps and fingerprint, and where it began from."""
        facts = {"seed": self.seed, "step": self.step, "starts": self.starts, "steps": self.plan.steps}
        facts |= {"weights": digest(self)}
        return facts | ({"from": self.origin} if self.origin else {})


def start(plan: Plan, seed: int, source: Path | None = None) -> Run:
    """A run at its beginning.

    Args:
        plan: The plan.
        seed: What everything is thrown from.
        source: An exported model whose weights it begins with; without one, it begins with random ones.
    """
    torch.manual_seed(seed)
    network, origin, teacher = PlantNet(len(DEFECTS)), {}, None
    if source:
        weights, origin = exported(source)
        network.eval().fuse().load_state_dict(weights)
        network.requires_grad_(requires_grad=True)  # what has been fused does not ask for gradients
        teacher = Teacher(weights, seed) if plan.is_taught else None
    network.train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        _groups(network, is_folded=source is not None),
        lr=plan.rates[0],
        betas=(0.9, 0.98),
        weight_decay=_WEIGHT_DECAY,
        fused=True,
    )
    return Run(network, Average(network), optimiser, plan, seed, origin=origin, teacher=teacher)


def trained_name(entry: onnx.TensorProto) -> str:
    """What a constant of an exported model is called in the network; empty for one that was not trained."""
    is_trained = entry.name.startswith(_OF_THE_NETWORK)
    return entry.name.removeprefix(_OF_THE_NETWORK) if is_trained else ""


def exported(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of an exported model, normalisation folded into the convolutions, and its recipe.

    The file alone hands a network over from one cycle of the training to the next, so that whoever has the file
    can begin where the other cycle ended.
    """
    model = onnx.load(path)
    weights = {
        trained_name(entry): torch.from_numpy(numpy_helper.to_array(entry).copy())
        for entry in model.graph.initializer
        if trained_name(entry)
    }
    recipe = next((entry.value for entry in model.metadata_props if entry.key == "recipe"), "{}")
    return weights, json.loads(recipe)


def _groups(network: nn.Module, *, is_folded: bool) -> list[dict[str, Any]]:
    """Weights of convolutions decay; biases and normalisation do not.

    With the normalisation folded into them, weights are of very different sizes, and steps of the same length would scramble
    the small ones. So each tensor goes at a share of the rate that fits its size (Shazeer and Stern 2018, Adafactor).
    """
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": others, "weight_decay": 0.0, "share": 1.0}]
    if is_folded:
        shares = [min(float(p.detach().square().mean().sqrt()) / _USUAL_SIZE, 1.0) for p in decayed]
        groups += [{"params": [p], "share": share} for p, share in zip(decayed, shares, strict=True)]
    else:
        groups.insert(0, {"params": decayed, "share": 1.0})
    return groups


def rate_at(plan: Plan, step: int) -> float:
    """The learning rate: in each cycle a linear warm-up, then half a cosine (Loshchilov and Hutter 2017)."""
    done, steps, highest = plan.within_cycle(step)
    if done < _WARM_UP:
        return highest * (done + 1) / _WARM_UP
    progress = (done - _WARM_UP) / max(steps - _WARM_UP, 1)
    return highest * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2)


def digest(run: Run) -> str:
    """A fingerprint of all weights, trained and averaged, to the last bit: SHA-256, 16 digits of it."""
    sha = hashlib.sha256()
    for network in (run.network, run.average.network):
        for value in network.state_dict().values():
            sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def save(run: Run, path: Path) -> None:
    """Write a checkpoint; the old one stays until the new one is whole."""
    state = {
        "network": run.network.state_dict(),
        "average": run.average.network.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "facts": run.facts,
        "names": list(DEFECTS),
        "fused": bool(run.origin),
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def load(run: Run, path: Path) -> None:
    """Go on from a checkpoint, if there is one."""
    if not path.exists():
        return
    state = torch.load(path, weights_only=True)
    run.network.load_state_dict(state["network"])
    run.average.network.load_state_dict(state["average"])
    run.optimiser.load_state_dict(state["optimiser"])
    run.step, run.starts = state["facts"]["step"], state["facts"]["starts"]
    run.average.updates = run.step
