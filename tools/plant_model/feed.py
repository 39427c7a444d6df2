"""Batches ahead of time: a process of low priority draws, cuts and changes, while the trainer trains.

Which batches depends on the settings only, never on who was faster.
"""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    import numpy as np
    from numpy.typing import NDArray

    from plant_model.mining import Miner, Weights
    from plant_model.pool import PoolSettings

_AHEAD = 10
_NICENESS = 5


class Stage(NamedTuple):
    """A stretch of the training.

    Attributes:
        steps: How many batches.
        side: Pixels of the samples.
        batch: Samples a batch, of all trainers together.
        fresh: New frames for the pool before each batch.
    """

    steps: int
    side: int
    batch: int
    fresh: int


def _miner(weights: Weights) -> Miner:
    import torch

    from plant_model.memory import keep_freed_memory
    from plant_model.mining import Miner

    keep_freed_memory()
    torch.set_num_threads(1)
    return Miner(weights)


Batch = tuple["NDArray[np.uint8]", "NDArray[np.float32]"]


class Feed:
    """A process that makes the batches of all stages in order, and shares each among the trainers.

    Args:
        pool: The pool that samples are taken of.
        stages: What is wanted.
        trainers: How many share a batch.
        is_mining: Whether a network looks over the frames for what it gets wrong.

    Attributes:
        shares: For each trainer the queue of its shares.
        weights: Where each stage's network for the mining must be put before the stage begins.
    """

    def __init__(self, pool: PoolSettings, stages: list[Stage], trainers: int, *, is_mining: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.shares: list[Queue[Batch]] = [context.Queue(_AHEAD) for _ in range(trainers)]
        self.weights: Queue[Weights] | None = context.Queue() if is_mining else None
        arguments = (self.shares, self.weights, pool, stages)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        self._process.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """How it ended: 0 for well; `None` while it runs."""
        return self._process.exitcode


def _work(
    shares: list[Queue[Batch]],
    weights: Queue[Weights] | None,
    settings: PoolSettings,
    stages: list[Stage],
) -> None:
    import cv2

    from plant_model.pool import FramePool

    os.nice(_NICENESS)
    cv2.setNumThreads(1)
    miner = _miner(weights.get()) if weights is not None else None
    pool = FramePool(settings, miner)
    for number, stage in enumerate(stages):
        if number and weights is not None and miner:
            miner.learn(weights.get())
        each = stage.batch // len(shares)
        for _ in range(stage.steps):
            pool.refresh(stage.fresh)
            for share in shares:
                share.put(pool.batch(each, stage.side))
