"""Train the plant model: `python -m plant_model.train --out DIR`. Run again, it goes on from its last checkpoint.

The second cycle begins where the first one ended: `--plan refine --from FIRST/plant.onnx`.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plant_model.assign import from_array
from plant_model.curves import draw_curves
from plant_model.feed import Feed
from plant_model.loss import DetectionLoss, Losses
from plant_model.memory import keep_freed_memory
from plant_model.mining import weights_of
from plant_model.plans import PLANS, Plan
from plant_model.pool import PoolSettings
from plant_model.precision import quickest
from plant_model.run import Run, digest, load, rate_at, save, start
from plant_model.team import share_gradients, together
from plant_model.validate import validate, validation_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import SpawnProcess
    from multiprocessing.queues import Queue

    from plant_model.feed import Batch, Stage
    from plant_model.mining import Weights

_LONGEST_GRADIENT = 10.0
_LOG_EVERY = 25
_SAVE_EVERY = 250
_SEEDS_APART = 5  # starts that a run may need before it draws plants of the next one


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
    with quickest():
        raw, logits = run.network(x)
    truth = from_array(_used(torch.from_numpy(rows)))
    opinion = None if run.teacher is None else run.teacher.opinion(x)
    losses = criterion(raw.float(), logits.float(), truth, opinion)
    for group in run.optimiser.param_groups:
        group["lr"] = rate_at(run.plan, run.step) * group["share"]
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


def train(run: Run, supply: Callable[[], Batch], clerk: Clerk | None) -> None:
    """Train until the plan is done, from wherever the run stands.

    Args:
        run: The run.
        supply: Gives this trainer's share of the next batch.
        clerk: Keeps the books; only one of the trainers has one.
    """
    for stage in rest(run.plan, run.step):
        criterion = DetectionLoss(stage.side)
        for _ in range(stage.steps):
            losses = one_step(run, criterion, supply())
            if clerk:
                clerk.after_step(stage, losses)
        if clerk:
            clerk.after_stage()


class Clerk:
    """Keeps the books of a run: curves, checkpoints, validations.

    Args:
        run: The run.
        folder: For all of them.
        weights: Where the mining waits for the next stage's network, if there is any.
    """

    def __init__(self, run: Run, folder: Path, weights: Queue[Weights] | None) -> None:
        self._weights = weights
        self._run, self._folder, self._journal = run, folder, Journal(folder)
        self._frames = validation_frames(run.plan.validation_frames, run.plan.validation_plants)
        if run.origin and not run.step:
            self._validate()
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
            self._validate()
            draw_curves(self._folder)
            self._since, self._pictures = time.monotonic(), 0

    def _validate(self) -> None:
        figures = validate(self._run.average.network, self._frames)
        self._journal.write(
            "validation", {"step": self._run.step} | asdict(figures) | {"weights": digest(self._run)}
        )

    def after_stage(self) -> None:
        """Let the mining of the next stage, if there is one, go on with what has been learned."""
        if self._weights is not None and self._run.step < self._run.plan.steps:
            self._weights.put(weights_of(self._run.average.network))

    def _log(self, stage: Stage, losses: Losses) -> None:
        run, now = self._run, time.monotonic()
        self._journal.write(
            "train",
            {"step": run.step, "side": stage.side, "rate": rate_at(run.plan, run.step - 1)}
            | {key: float(value.detach()) for key, value in losses._asdict().items()}
            | {"pictures_s": self._pictures / (now - self._since)},
        )
        self._since, self._pictures = now, 0


def _trainer(
    rank: int,
    options: argparse.Namespace,
    queues: tuple[Queue[Batch], Queue[Weights] | None],
    meeting: Path,
) -> None:
    """One of the processes that train together; the first keeps the books."""
    shares, weights = queues
    keep_freed_memory()
    torch.set_num_threads(1)
    with together(rank, options.trainers, meeting):
        run = start(PLANS[options.plan], options.seed, options.source)
        load(run, options.out / "checkpoint.pt")
        run.starts += 1
        train(run, shares.get, None if rank else Clerk(run, options.out, weights))


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


def _pool(run: Run) -> PoolSettings:
    """What a run draws from; a run that begins with another's weights draws plants that the other never saw."""
    seed = run.seed * 10 + run.starts + (_SEEDS_APART if run.origin else 0)
    return PoolSettings(seed=seed, frames=run.plan.pool_frames, **run.plan.pool_options)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and curves")
    parser.add_argument("--plan", choices=sorted(PLANS), default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--from", type=Path, dest="source", help="exported model whose weights it begins with"
    )
    parser.add_argument("--trainers", type=int, default=2, help="processes that train together, a core each")
    options = parser.parse_args()
    if PLANS[options.plan].is_taught and options.source is None:
        parser.error(
            f"--plan {options.plan} learns from the network that it begins with: expected --from MODEL"
        )
    options.out.mkdir(parents=True, exist_ok=True)
    run = start(PLANS[options.plan], options.seed, options.source)
    load(run, options.out / "checkpoint.pt")
    feed = Feed(_pool(run), rest(run.plan, run.step), options.trainers, is_mining=run.plan.is_mining)
    if feed.weights is not None:
        feed.weights.put(weights_of(run.average.network))
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        trainers = [
            context.Process(
                target=_trainer, args=(rank, options, (shares, feed.weights), Path(folder) / "meeting")
            )
            for rank, shares in enumerate(feed.shares)
        ]
        for trainer in trainers:
            trainer.start()
        _supervise(trainers, feed)


if __name__ == "__main__":
    main()
