"""Which pictures of a stream must not be lost."""

from __future__ import annotations

from enum import StrEnum


class Delivery(StrEnum):
    """What becomes of a picture that cannot be in time."""

    EVERY_PART = "every_part"
    """None is lost: it is answered UNKNOWN by its deadline and still looked at, for the trace."""
    LATEST = "latest"
    """It is dropped and counted. Only the newest of a stream waits."""
