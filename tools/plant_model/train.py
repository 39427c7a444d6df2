"""Train the plant model: `python -m plant_model.train --out DIR`. Run again, it goes on from its last checkpoint."""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
import multiprocessing
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lineside.capture.plant.defects import DEFECTS
from plant_model.assign import from_array
from plant_model.average import Average
from plant_model.curves import draw_curves
from plant_model.feed import Feed
from plant_model.loss import DetectionLoss, Losses
from plant_model.memory import keep_freed_memory
from plant_model.network import PlantNet
from plant_model.plans import PLANS, Plan
from plant_model.pool import PoolSettings
from plant_model.team import share_gradients, together
from plant_model.validate import validate, validation_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import SpawnProcess
    from multiprocessing.queues import Queue

    from plant_model.feed import Batch, Stage

_WARM_UP = 150  # steps
_LAST_RATE = 0.01  # of the highest
_WEIGHT_DECAY = 0.03
_LONGEST_GRADIENT = 10.0
_LOG_EVERY = 25
_SAVE_EVERY = 250


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
    """

    network: PlantNet
    average: Average
    optimiser: torch.optim.Optimizer
    plan: Plan
    seed: int
    step: int = 0
    starts: int = 0


def start(plan: Plan, seed: int) -> Run:
    """A run at its beginning."""
    torch.manual_seed(seed)
    network = PlantNet(len(DEFECTS)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(_groups(network), lr=plan.rates[0], betas=(0.9, 0.98), fused=True)
    return Run(network, Average(network), optimiser, plan, seed)


def _groups(network: nn.Module) -> list[dict[str, Any]]:
    """Weights of convolutions decay; biases and normalisation do not."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]


def rate_at(plan: Plan, step: int) -> float:
    """The learning rate: in each cycle a linear warm-up, then half a cosine (Loshchilov and Hutter 2017)."""
    done, steps, highest = plan.within_cycle(step)
    if done < _WARM_UP:
        return highest * (done + 1) / _WARM_UP
    progress = (done - _WARM_UP) / max(steps - _WARM_UP, 1)
    return highest * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * progress)) / 2)


def rest(plan: Plan, done: int) -> list[Stage]:
    """What is left of a plan's stages after so many steps."""
    left = []
    for stage in plan.stages:
        skipped = min(done, stage.steps)
        done -= skipped
        if stage.steps > skipped:
            left.append(stage._replace(steps=stage.steps - skipped))
    return left


def one_step(run: Run, criterion: DetectionLoss, batch: Batch) -> Losses:
    """Train on one batch."""
    pictures, rows = batch
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
    with torch.autocast("cpu", torch.bfloat16):
        raw, logits = run.network(x)
    losses = criterion(raw.float(), logits.float(), from_array(_used(torch.from_numpy(rows))))
    for group in run.optimiser.param_groups:
        group["lr"] = rate_at(run.plan, run.step)
    run.optimiser.zero_grad(set_to_none=True)
    losses.total.backward()
    share_gradients(run.network)
    nn.utils.clip_grad_norm_(run.network.parameters(), _LONGEST_GRADIENT)
    run.optimiser.step()
    run.average.update(run.network)
    run.step += 1
    return losses


def _used(rows: Tensor) -> Tensor:
    """The rows without columns that are padding in every sample."""
    most = int((rows[..., 5] != 0).sum(1).amax())
    return rows[:, : max(most, 1)]


def digest(run: Run) -> str:
    """A fingerprint of all weights, trained and averaged, to the last bit: SHA-256, 16 digits of it."""
    sha = hashlib.sha256()
    for network in (run.network, run.average.network):
        for value in network.state_dict().values():
            sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]


def save(run: Run, path: Path) -> None:
    """Write a checkpoint; the old one stays until the new one is whole."""
    facts = {"seed": run.seed, "step": run.step, "starts": run.starts, "steps": run.plan.steps}
    facts |= {"weights": digest(run)}
    state = {
        "network": run.network.state_dict(),
        "average": run.average.network.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "facts": facts,
        "names": list(DEFECTS),
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


class Journal:
    """The curves of a run in a folder: `train.csv`, `validation.csv` and `digests.csv`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, row: dict[str, float | str]) -> None:
        """Add one line to a curve, and say it on the terminal."""
        path = self._folder / f"{name}.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            texts = {key: v if isinstance(v, str) else f"{v:.6g}" for key, v in row.items()}
            writer.writerow(texts)
        print(name, *(f"{key} {text}" for key, text in texts.items()), sep="  ", flush=True)


def train(run: Run, folder: Path, supply: Callable[[], Batch], *, is_first: bool) -> None:
    """Train until the plan is done, from wherever the run stands.

    Args:
        run: The run.
        folder: For checkpoint and curves.
        supply: Gives this trainer's share of the next batch.
        is_first: Whether this trainer keeps the books.
    """
    clerk = Clerk(run, folder) if is_first else None
    for stage in rest(run.plan, run.step):
        criterion = DetectionLoss(stage.side)
        for _ in range(stage.steps):
            losses = one_step(run, criterion, supply())
            if clerk:
                clerk.after_step(stage, losses)


class Clerk:
    """Keeps the books of a run: curves, checkpoints, validations."""

    def __init__(self, run: Run, folder: Path) -> None:
        self._run, self._folder, self._journal = run, folder, Journal(folder)
        self._frames = validation_frames(run.plan.validation_frames)
        self._since, self._pictures = time.monotonic(), 0

    def after_step(self, stage: Stage, losses: Losses) -> None:
        """Write down what is due."""
        run = self._run
        self._pictures += stage.batch
        is_last = run.step == run.plan.steps
        if run.step % _LOG_EVERY == 0:
            self._log(stage, losses)
        if run.step % _SAVE_EVERY == 0 or is_last:
            save(run, self._folder / "checkpoint.pt")
            self._journal.write("digests", {"step": run.step, "weights": digest(run)})
        if run.step % run.plan.validate_every == 0 or is_last:
            figures = validate(run.average.network, self._frames)
            self._journal.write("validation", {"step": run.step} | asdict(figures) | {"weights": digest(run)})
            draw_curves(self._folder)
            self._since, self._pictures = time.monotonic(), 0

    def _log(self, stage: Stage, losses: Losses) -> None:
        run, now = self._run, time.monotonic()
        self._journal.write(
            "train",
            {"step": run.step, "side": stage.side, "rate": rate_at(run.plan, run.step - 1)}
            | {key: float(value.detach()) for key, value in losses._asdict().items()}
            | {"pictures_s": self._pictures / (now - self._since)},
        )
        self._since, self._pictures = now, 0


def _trainer(rank: int, options: argparse.Namespace, shares: Queue[Batch], meeting: Path) -> None:
    """One of the processes that train together."""
    keep_freed_memory()
    torch.set_num_threads(1)
    with together(rank, options.trainers, meeting):
        run = start(PLANS[options.plan], options.seed)
        load(run, options.out / "checkpoint.pt")
        run.starts += 1
        train(run, options.out, shares.get, is_first=rank == 0)


def _supervise(trainers: Sequence[SpawnProcess], feed: Feed) -> None:
    """Wait for all trainers; when one fails, or the feed does, end the others.

    Raises:
        SystemExit: One failed; its own traceback stands on stderr.
    """
    while any(trainer.is_alive() for trainer in trainers):
        trainers[0].join(2)
        is_broken = any(trainer.exitcode for trainer in trainers)
        if is_broken or (not feed.is_alive and feed.exit_code):
            for trainer in trainers:
                trainer.terminate()
            raise SystemExit("training stopped: one of its processes failed; run it again to go on")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and curves")
    parser.add_argument("--plan", choices=sorted(PLANS), default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trainers", type=int, default=2, help="processes that train together, a core each")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    run = start(PLANS[options.plan], options.seed)
    load(run, options.out / "checkpoint.pt")
    pool = PoolSettings(seed=run.seed * 10 + run.starts, frames=run.plan.pool_frames)
    feed = Feed(pool, rest(run.plan, run.step), options.trainers)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        trainers = [
            context.Process(target=_trainer, args=(rank, options, shares, Path(folder) / "meeting"))
            for rank, shares in enumerate(feed.shares)
        ]
        for trainer in trainers:
            trainer.start()
        _supervise(trainers, feed)


if __name__ == "__main__":
    main()
