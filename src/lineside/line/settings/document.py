"""The tables of `line.toml`. What a plug-in's table holds is the plug-in's own business, and is checked by it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from lineside.capture.adjust import AdjustmentSettings
from lineside.capture.camera import TriggerMode
from lineside.capture.health.gate import HealthSettings
from lineside.core.delivery import Delivery
from lineside.core.documents import Table
from lineside.judge.recipe_tables import ModelTable
from lineside.outputs.outbox.settings import OutboxSettings
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.view.settings import ViewSettings

SCHEMA = 1
"""The version of these tables."""

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\\\x00-\x1f]+$")]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Path = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[^\x00]+$")]
Milliseconds = Annotated[float, Field(strict=True, gt=0, le=3_600_000)]
PlugIn = dict[str, Any]


class LineTable(Table):
    """What holds for the whole line."""

    name: Name = Field(description="The line's name, in every record.")
    deadline_ms: Milliseconds = Field(default=200.0, description="From a part's trigger to its answer.")
    parts_per_minute: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=60_000,
        description="How often a part comes, where cameras are triggered by software; the most, where they run free.",
    )
    join_ms: Milliseconds | None = Field(
        default=None,
        description="Pictures of free-running and wired cameras that are taken within so long are of one part. Parts must be more than "
        "twice as far apart. 20 where there is more than one picture a part.",
    )
    grace_ms: Milliseconds | None = Field(
        default=None,
        description="So long after that a picture may still be on its way; half of the deadline unless set.",
    )
    pair_ms: Milliseconds | None = Field(
        default=None,
        description="Wired cameras' parts begin with the trigger of the plant's control, which names them: it and the pictures are within so "
        "long of each other. Parts must be more than twice as far apart. Without it pictures make parts.",
    )
    pair_lag_ms: Annotated[float, Field(strict=True, ge=-3_600_000, le=3_600_000)] = Field(
        default=0.0,
        description="So long after the picture the control's trigger is usually heard; below 0 where it is heard before.",
    )
    least_ms: Annotated[float, Field(strict=True, ge=0, le=3_600_000)] = Field(
        default=0.0,
        description="Parts are never nearer to each other: a trigger that comes sooner is answered trigger_missed. 0 for no such limit.",
    )
    health_file: Path | None = Field(
        default=None, description="A file of JSON that tells every second how the line does."
    )


class CameraTable(Table):
    """One camera."""

    id: Name = Field(description="Its name: of its views in rules, records and messages.")
    source: Text = Field(
        description="Its address: rtsp://…, usb:0, folder:parts/, synthetic:cap. `lineside cameras` lists them."
    )
    trigger: TriggerMode = Field(description="What makes it take a picture: free, software, hardware or plc.")
    delivery: Delivery = Field(
        default=Delivery.EVERY_PART,
        description="every_part: each picture is a part's. latest: only the newest counts; for free-running cameras.",
    )
    shots: int = Field(
        default=1,
        ge=1,
        le=64,
        strict=True,
        description="Pictures of each part; its views are then ID/1, ID/2 …",
    )
    fps: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=10_000,
        description="Pictures a second to ask the camera for.",
    )
    timeout_s: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=3600,
        description="Without a picture for so long it is lost; the larger of 1 s and five periods unless set.",
    )
    limit_px: int = Field(
        default=100_000_000,
        ge=1,
        le=10**10,
        strict=True,
        description="Larger pictures are refused before they are decoded.",
    )
    features: PlugIn = Field(
        default_factory=dict, description="The camera's own features, or options of its kind."
    )
    adjust: AdjustmentSettings | None = Field(
        default=None, description="What is done to its pictures before the model: lens, rotation, crop, mask."
    )
    health: HealthSettings = Field(
        default=HealthSettings(),
        description="How far from usual a picture may be, before the model sees it. `enabled = false` looks at none.",
    )
    baseline: Text | None = Field(
        default=None, description="What is usual in its pictures, as `lineside health --learn` wrote it."
    )


class DevicesTable(Table):
    """Where the model runs."""

    priority: list[Text] | None = Field(
        default=None,
        min_length=1,
        description="The devices; all of them run. What was tuned, else the CPU, unless set.",
    )
    routing: Text = Field(
        default="earliest_completion", description="By which policy a picture finds its device."
    )
    demotion: Literal["prefer", "require"] = Field(
        default="prefer",
        description="Where a device cannot start: prefer begins with the others, require refuses.",
    )
    isolation: Literal["auto", "thread", "process"] = Field(
        default="auto", description="What a device's worker lives in."
    )


class RecipesTable(Table):
    """Recipes, one a product."""

    folder: Path = Field(description="The folder of the recipes, *.toml.")
    product: str | int | None = Field(
        default=None, description="The code that holds where the plant names none."
    )
    open_models: int = Field(
        default=8,
        ge=1,
        le=1000,
        strict=True,
        description="Model files that stay open. With more, those of products that were chosen longest ago are closed, and are opened "
        "again when their product is chosen.",
    )


class OutboxTable(OutboxSettings):
    """Where results wait for the outputs."""

    folder: Path = Field(default="outbox", description="The folder; made when it is missing.")


class TraceTable(TraceSettings):
    """The record of every part, which `lineside verify` and `replay` read."""

    folder: Path = Field(default="trace", description="The folder; made when it is missing.")


class EjectorTable(Table):
    """What moves parts off the line that have not passed."""

    delay_ms: Milliseconds | None = Field(
        default=None, description="From the trigger to the ejector, by time."
    )
    delay_pulses: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=1e12,
        description="The same by the encoder's pulses.",
    )
    encoder: Path | None = Field(
        default=None,
        description="A file that holds the encoder's count, as /sys/bus/counter/devices/counter0/count0/count.",
    )
    pulse_ms: Milliseconds = Field(default=50.0, description="How long the ejector is on for a part.")
    output: PlugIn = Field(description="The ejector's digital output.")
    heartbeat: PlugIn | None = Field(
        default=None, description="A digital output that changes as long as the line lives."
    )
    heartbeat_ms: Milliseconds = Field(default=500.0, description="How long it stays on, and off.")


class LineDocument(Table):
    """A whole `line.toml`."""

    schema_: int = Field(
        alias="schema", strict=True, ge=1, le=SCHEMA, description="Version of the tables: 1."
    )
    line: LineTable = Field(description="What holds for the whole line.")
    camera: list[CameraTable] = Field(min_length=1, max_length=64, description="The cameras.")
    model: ModelTable | None = Field(default=None, description="The model, where there is one product.")
    rule: list[PlugIn] = Field(default_factory=list, max_length=1000, description="Its rules.")
    recipes: RecipesTable | None = Field(default=None, description="Recipes in place of a model and rules.")
    devices: DevicesTable = Field(default_factory=DevicesTable, description="Where the model runs.")
    plant: list[PlugIn] = Field(
        default_factory=list, max_length=16, description="Links to the plant's controls."
    )
    ejector: EjectorTable | None = Field(default=None, description="What moves parts off the line.")
    output: list[PlugIn] = Field(default_factory=list, max_length=64, description="Where results go.")
    trace: TraceTable | None = Field(
        default=None, description="The record of every part; none without the table."
    )
    outbox: OutboxTable = Field(default_factory=OutboxTable, description="Where results wait for them.")
    view: ViewSettings | None = Field(default=None, description="Where people see what the cameras see.")

    @field_validator("plant", "output", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        """A single table may stand without the second pair of brackets."""
        return [value] if isinstance(value, dict) else value
