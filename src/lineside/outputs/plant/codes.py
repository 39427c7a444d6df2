"""The numbers of verdicts and reasons on the wire. They are never given another meaning; new words get new numbers."""

from __future__ import annotations

from lineside.core.verdict import Reason, Verdict

VERDICT_CODES: dict[Verdict, int] = {
    Verdict.UNKNOWN: 0,  # what a register holds that nobody wrote: a reject
    Verdict.PASS: 1,
    Verdict.FAIL: 2,
}
"""Only 1 lets a part through. A control rejects every other number, too."""

NO_REASON = 0
"""The reason of PASS and FAIL, and of results that are not there."""

REASON_CODES: dict[Reason, int] = {
    Reason.LATE: 1,
    Reason.NO_FRAME: 2,
    Reason.IMAGE_UNHEALTHY: 3,
    Reason.DEVICE_LOST: 4,
    Reason.MODEL_UNHEALTHY: 5,
    Reason.RULE_ERROR: 6,
    Reason.TRUNCATED: 7,
    Reason.OVERLOAD: 8,
    Reason.MARGINAL: 9,
    Reason.TRIGGER_MISSED: 10,
    Reason.RECIPE_UNKNOWN: 11,
    Reason.STOPPING: 12,
    Reason.INTERNAL_FAULT: 13,
    Reason.CAMERA_UNSET: 14,
}
"""Why UNKNOWN."""


def verdict_of(code: int) -> Verdict:
    """The verdict that a number means; UNKNOWN for every number that means none."""
    return next((verdict for verdict, number in VERDICT_CODES.items() if number == code), Verdict.UNKNOWN)


def reason_of(code: int) -> Reason | None:
    """The reason that a number means; `None` for 0 and for every number that means none."""
    return next((reason for reason, number in REASON_CODES.items() if number == code), None)
