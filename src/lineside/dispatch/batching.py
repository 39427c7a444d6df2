"""How many of the waiting pictures the next run takes, and which of them it is better not to save."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Plan(NamedTuple):
    """The next run: leave out the first `skip` pictures, which other devices or the late lane get, and take `size`."""

    skip: int
    size: int


def fitting(guards: Sequence[float], room_s: float, most: int) -> int:
    """The largest batch of at most `most` pictures that is done within `room_s`; at least 1."""
    size = min(most, len(guards) - 1)
    while size > 1 and guards[size] > room_s:
        size -= 1
    return size


def plan(deadlines: Sequence[float], guards: Sequence[float], now_s: float) -> Plan:
    """The batch that brings the most pictures in time a second.

    A small batch that saves the head can cost those behind it more than the head is worth. So two ways are compared:
    the largest batch that the head allows and the best one after it; or one bigger batch without the first heads.
    (Nexus, SOSP 2019, calls the second early drop; here nothing is dropped.)

    Args:
        deadlines: Of the waiting pictures, ascending, at least one; the first can be done in time alone.
        guards: `guards[b]` is the seconds within which a run of b is done, ascending from `guards[1]` on.
        now_s: The time.
    """
    waiting, most = len(deadlines), len(guards) - 1
    if now_s + guards[min(waiting, most)] <= deadlines[0]:
        return Plan(0, min(waiting, most))
    first = fitting(guards, deadlines[0] - now_s, waiting)
    kept, spent = first, guards[first]
    if first < waiting:
        second = fitting(guards, deadlines[first] - now_s - spent, waiting - first)
        if now_s + spent + guards[second] <= deadlines[first]:
            kept, spent = kept + second, spent + guards[second]
    for skip in range(1, min(waiting, most + 1)):
        size = min(waiting - skip, most)
        if size <= first:
            break
        if now_s + guards[size] <= deadlines[skip]:
            return Plan(skip, size) if size * spent > kept * guards[size] else Plan(0, first)
    return Plan(0, first)
