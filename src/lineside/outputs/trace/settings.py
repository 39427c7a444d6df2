"""How a trace is kept."""

from __future__ import annotations

from pydantic import Field

from lineside.core.documents import Table
from lineside.outputs.keeping import Keep


class TraceSettings(Table):
    """The settings of a trace."""

    capacity: int = Field(
        default=64, ge=1, le=100_000, description="Parts that may wait in memory; each holds its pictures."
    )
    batch_s: float = Field(
        default=0.05, ge=0, le=1, description="Parts of so many seconds are written at once."
    )
    segment_bytes: int = Field(
        default=64_000_000, ge=1_000, description="A segment ends with its day, or when it is so large."
    )
    record_days: int | None = Field(
        default=365, ge=1, description="Records of so many of the newest days that have any are kept."
    )
    record_bytes: int | None = Field(
        default=5_000_000_000,
        ge=1,
        description="What the records may take; the oldest whole segments are removed, never the one being written.",
    )
    picture_days: int | None = Field(
        default=30, ge=1, description="Pictures of so many of the newest days that have any are kept."
    )
    picture_bytes: int | None = Field(
        default=20_000_000_000, ge=1, description="What the pictures may take; the oldest are removed."
    )
    min_free_bytes: int = Field(
        default=200_000_000, ge=0, description="With less left on the disk, no pictures are kept."
    )
    keep: Keep = Field(
        default_factory=lambda: Keep(format="png", annotated=False, every=100),
        description="Which pictures are kept. png can be judged again exactly.",
    )
