"""Several processes that train one network together, one thread each.

On two cores this is as fast as one process with two threads while nothing else runs, and several times faster
while something does: threads wait for each other hundreds of times a step, processes once.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import distributed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn


@contextmanager
def together(rank: int, trainers: int, meeting: Path) -> Iterator[None]:
    """Be one of the trainers until the block ends.

    Args:
        rank: Which one, from 0.
        trainers: How many there are.
        meeting: A file that does not exist yet, where they find each other.
    """
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=trainers)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def share_gradients(network: nn.Module) -> None:
    """Replace every trainer's gradients by their mean, the same bits for all."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
