"""The words of a judgement: what a part is, and why it is not known."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What is said of a part. On the wire UNKNOWN is a reject by default."""

    PASS = "PASS"  # noqa: S105 # a verdict, no password
    """Proven good: a fresh picture from every camera, a healthy model, every rule evaluated, in time."""
    FAIL = "FAIL"
    """A rule found what it forbids."""
    UNKNOWN = "UNKNOWN"
    """Anything else, with its `Reason`."""
