"""The settings that every link has, and those of links that look at the control in turns."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from lineside.core.documents import Table


class LinkSettings(Table):
    """How triggers and answers are handed over, whatever the protocol."""

    depth: int = Field(default=1, ge=1, le=64)
    """Parts that may be between trigger and acknowledged answer; `ready` falls when there are so many."""
    acknowledge_timeout_s: float = Field(default=2.0, gt=0, le=3600)
    """Seconds that results stay valid without an acknowledgement, before that is noted as `plc.unacknowledged`."""
    lost_acknowledge: Literal["next", "wait"] = "next"
    """Then: `next` takes them back and goes on, which the control sees as a gap in `sequence`; `wait` stays, and refuses triggers."""
    answer_timeout_s: float = Field(default=10.0, gt=0, le=3600)
    """Seconds after which the link itself answers a part UNKNOWN, because the line does not."""
    heartbeat_s: float = Field(default=0.5, ge=0.05, le=60)
    """Seconds between two beats of `heartbeat`."""


class PolledSettings(LinkSettings):
    """How often the control's signals are read, and how long its station may take."""

    poll_s: float = Field(default=0.002, ge=0.0005, le=1)
    """Seconds between two reads of the control's block."""
    timeout_s: float = Field(default=1.0, ge=0.02, le=30)
    """Seconds that one read or write may take; after that the control counts as lost."""
    retry_first_s: float = Field(default=0.25, gt=0, le=60)
    """The first pause between two attempts to reach a lost control; each is twice as long as the one before."""
    retry_longest_s: float = Field(default=2.0, gt=0, le=600)
    """No pause is longer, unless the first is."""
