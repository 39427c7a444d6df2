"""How long to train on what: `full`, `refine`, then `settle` are the shipped model's recipe; the others prove the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plant_model.feed import Stage

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Plan:
    """A training run.

    Attributes:
        cycles: What is trained on, in order. Within a cycle the learning rate falls along half a cosine; the next
            begins at a high rate again, from the weights of the one before (Loshchilov and Hutter 2017, SGDR). Crops
            show many defects at little cost; whole frames at the end of a cycle show the network what it
            will see, with their share of clean surface.
        rates: The highest learning rate of each cycle.
        pool_frames: Frames kept in memory.
        pool_options: What of `PoolSettings` differs from the usual.
        is_mining: Whether the average network of the stage before looks over each frame that comes into the pool,
            for crops to be put at what it gets wrong.
        is_taught: Whether the scores are learned from the network that it begins with, too, asked about several views of each sample.
        validation_frames: Frames of the validation, every `validate_every` steps.
        validation_plants: Plants that they are of.
        validate_every: Steps.
    """

    cycles: tuple[tuple[Stage, ...], ...]
    rates: tuple[float, ...] = (2e-3,)
    pool_frames: int = 1400
    pool_options: Mapping[str, Any] = field(default_factory=dict)
    is_mining: bool = False
    is_taught: bool = False
    validation_frames: int = 150
    validation_plants: int = 10
    validate_every: int = 1500

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of all cycles."""
        return tuple(stage for cycle in self.cycles for stage in cycle)

    def within_cycle(self, step: int) -> tuple[int, int, float]:
        """How many steps of its cycle were done before a step, how many the cycle has, and its highest rate."""
        done = step
        for cycle, rate in zip(self.cycles, self.rates, strict=True):
            steps = sum(stage.steps for stage in cycle)
            if done < steps:
                return done, steps, rate
            done -= steps
        return steps, steps, rate

    @property
    def steps(self) -> int:
        """Batches of all stages."""
        return sum(stage.steps for stage in self.stages)


# What the refining draws: more small marks and misprints, and what the network gets wrong, in milder changes of the light.
_REFINED = {
    "defect_rate": 0.6,
    "crops_at_defects": 0.35,
    "crops_at_mistakes": 0.35,
    "compared": 3,
    "small_plants": 0.4,
    "light_strength": 0.75,
    "classes": (*("scratch", "dent", "stain") * 2, *("misprint",) * 4, "missing_hole", "crack"),
}

_REFINE = Plan(
    ((Stage(1500, 384, 8, 1),) * 6,),
    rates=(5e-4,),
    pool_frames=1000,
    pool_options=_REFINED,
    is_mining=True,
    validation_frames=1000,
    validation_plants=50,
    validate_every=2500,
)
_SMOKE_REFINE = replace(
    _REFINE,
    cycles=((Stage(15, 384, 4, 1),) * 2,),
    pool_frames=80,
    validation_frames=40,
    validation_plants=10,
    validate_every=1500,
)

PLANS = {
    "full": Plan(((Stage(10000, 256, 16, 1), Stage(2600, 384, 8, 1), Stage(2000, 640, 8, 2)),)),
    "refine": _REFINE,
    "settle": replace(_REFINE, cycles=((Stage(1000, 384, 8, 1),) * 4,), is_taught=True, validate_every=2000),
    "short": Plan(((Stage(1000, 256, 16, 1),),), pool_frames=300, validation_frames=100, validate_every=500),
    "smoke": Plan(
        ((Stage(150, 256, 16, 2), Stage(10, 640, 4, 2)),),
        pool_frames=120,
        validation_frames=40,
        validate_every=80,
    ),
    "smoke-refine": _SMOKE_REFINE,
    "smoke-settle": replace(_SMOKE_REFINE, is_taught=True),
}
