"""How long to train on what: `full` is the shipped model's recipe, `smoke` proves the pipeline in two minutes."""

from __future__ import annotations

from dataclasses import dataclass

from plant_model.feed import Stage


@dataclass(frozen=True, slots=True)
class Plan:
    """A training run.

    Attributes:
        stages: What is trained on, in order. Crops show many defects at little cost; whole frames at the end
            show the network what it will see, with their share of clean surface.
        rate: The highest learning rate.
        pool_frames: Frames kept in memory.
        validation_frames: Frames of the validation, every `validate_every` steps.
        validate_every: Steps.
    """

    stages: tuple[Stage, ...]
    rate: float = 2e-3
    pool_frames: int = 1400
    validation_frames: int = 150
    validate_every: int = 1500

    @property
    def steps(self) -> int:
        """Batches of all stages."""
        return sum(stage.steps for stage in self.stages)


PLANS = {
    "full": Plan((Stage(13000, 256, 16, 1), Stage(3500, 384, 8, 1), Stage(1500, 640, 8, 2))),
    "short": Plan((Stage(1000, 256, 16, 1),), pool_frames=300, validation_frames=100, validate_every=500),
    "smoke": Plan((Stage(150, 256, 16, 2), Stage(10, 640, 4, 2)), 2e-3, 120, 40, 80),
}
