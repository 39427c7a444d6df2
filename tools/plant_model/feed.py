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


Batch = tuple["NDArray[np.uint8]", "NDArray[np.float32]"]


class Feed:
    """A process that makes the batches of all stages in order, and shares each among the trainers.

    Args:
        pool: The pool that samples are taken of.
        stages: What is wanted.
        trainers: How many share a batch.

    Attributes:
        shares: For each trainer the queue of its shares.
    """

    def __init__(self, pool: PoolSettings, stages: list[Stage], trainers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.shares: list[Queue[Batch]] = [context.Queue(_AHEAD) for _ in range(trainers)]
        self._process = context.Process(target=_work, args=(self.shares, pool, stages), daemon=True)
        self._process.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """How it ended: 0 for well; `None` while it runs."""
        return self._process.exitcode


def _work(shares: list[Queue[Batch]], settings: PoolSettings, stages: list[Stage]) -> None:
    import cv2

    from plant_model.pool import FramePool

    os.nice(_NICENESS)
    cv2.setNumThreads(1)
    pool = FramePool(settings)
    for stage in stages:
        each = stage.batch // len(shares)
        for _ in range(stage.steps):
            pool.refresh(stage.fresh)
            for share in shares:
                share.put(pool.batch(each, stage.side))
