"""How many objects there are, as far as that is known, and what follows for a limit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.judge.judgement import Judgement, broken, holds, unknown

if TYPE_CHECKING:
    from lineside.judge.objects import Found


def counted(found: Found, at_least: int, at_most: float, title: str) -> Judgement:
    """Whether there are as many objects as there must be.

    Those that are surely there are the fewest that there can be; with those of the marginal zone, and with any number
    where the list was cut off, they are the most. Only where fewest and most agree is anything proven.

    Args:
        found: The objects.
        at_least: So many must be there.
        at_most: No more may be there; infinity for any number.
        title: What they are called.
    """
    fewest, seen = len(found.sure), len(found.sure) + len(found.maybe)
    most = math.inf if found.detections.truncated else seen
    if fewest > at_most:
        return broken(_too_many(found, at_most, title))
    if most < at_least:
        return broken(f"{seen} of {at_least} {title}")
    if fewest >= at_least and most <= at_most:
        return holds(f"{fewest} of {title}")
    if seen > fewest and not (fewest >= at_least and seen <= at_most):
        return unknown(Reason.MARGINAL, f"{found.named(found.maybe)} may be there, or not")
    cut = f"more was detected than a picture's limit of {len(found.detections)} lets through"
    return unknown(Reason.TRUNCATED, cut)


def _too_many(found: Found, at_most: float, title: str) -> str:
    named = found.named(found.sure)
    return named if at_most == 0 else f"{len(found.sure)} of {title}, not {at_most:g} at most: {named}"
