"""The settings of a view."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from lineside.core.documents import Table
from lineside.outputs.view.place import place_of

Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.-]+$")]


class ViewSettings(Table):
    """Where people see what the cameras see, and how large."""

    to: str = Field(
        min_length=1,
        max_length=4000,
        description="A folder, a file that ends in .mp4, a port number, or http://HOST:PORT. `--view` goes before it.",
    )
    viewers: int = Field(default=8, ge=1, le=64, description="So many browsers may watch at a time.")
    hosts: list[Host] = Field(
        default_factory=list,
        max_length=32,
        description="Names that browsers may call this machine by, beside its addresses and localhost.",
    )
    width_px: int = Field(default=1280, ge=320, le=3840, description="No picture of a view is wider.")
    quality: int = Field(default=80, ge=30, le=95, description="Of its JPEG.")
    fps: float = Field(
        default=10.0,
        gt=0,
        le=60,
        description="No more pictures a second are drawn.",
    )
    old_s: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="An older picture is shown grey, with its age.",
    )

    @field_validator("to")
    @classmethod
    def _is_a_place(cls, text: str) -> str:
        place_of(text)
        return text
