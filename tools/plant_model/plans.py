"""How long to train on what: `full` is the shipped model's recipe, `smoke` proves the pipeline in two minutes."""

from __future__ import annotations

from dataclasses import dataclass

from plant_model.feed import Stage


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
        validation_frames: Frames of the validation, every `validate_every` steps.
        validate_every: Steps.
    """

    cycles: tuple[tuple[Stage, ...], ...]
    rates: tuple[float, ...] = (2e-3,)
    pool_frames: int = 1400
    validation_frames: int = 150
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


PLANS = {
    "full": Plan(((Stage(10000, 256, 16, 1), Stage(2600, 384, 8, 1), Stage(2000, 640, 8, 2)),)),
    "short": Plan(((Stage(1000, 256, 16, 1),),), pool_frames=300, validation_frames=100, validate_every=500),
    "smoke": Plan(
        ((Stage(150, 256, 16, 2), Stage(10, 640, 4, 2)),),
        pool_frames=120,
        validation_frames=40,
        validate_every=80,
    ),
}
