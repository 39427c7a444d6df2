"""How an outbox works: what may wait, for how long, and what is kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lineside.core.documents import Table
from lineside.outputs.keeping import Keep


class OutboxSettings(Table):
    """The settings of an outbox."""

    capacity: int = Field(
        default=64, ge=1, le=100_000, description="Parts that may wait in memory; each holds its pictures."
    )
    batch_s: float = Field(
        default=0.03, ge=0, le=1, description="Parts of so many seconds are written in one transaction."
    )
    max_rows: int = Field(default=1_000_000, ge=1, description="Results that may wait on disk.")
    max_bytes: int = Field(
        default=2_000_000_000, ge=1, description="What they and their pictures may take on disk."
    )
    min_free_bytes: int = Field(
        default=100_000_000,
        ge=0,
        description="With less left on the disk, results go without their pictures.",
    )
    max_age_s: float = Field(
        default=7 * 86_400.0, gt=0, description="What has waited so long is given up, counted and told."
    )
    survives: Literal["kill", "power"] = Field(
        default="kill",
        description="kill: what was written outlives the process. power: and a loss of power, for a flush of the disk a batch.",
    )
    first_pause_s: float = Field(default=0.5, gt=0, description="After a second failure in a row.")
    longest_pause_s: float = Field(default=30.0, gt=0, description="No pause between attempts is longer.")
    keep: Keep = Field(default_factory=Keep, description="Which pictures go along.")
