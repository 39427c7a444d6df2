"""Which layers of a model suffer from int8: groups of them are quantised alone, and what that does to the answers is measured."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Unit = tuple[str, ...]

BLOCKS = 12
"""Into how many groups the body of a model is cut at first."""


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that are judged together.

    Attributes:
        name: For people.
        units: Names of nodes, layer by layer, the layer itself first.
    """

    name: str
    units: tuple[Unit, ...]

    @property
    def nodes(self) -> frozenset[str]:
        """The names of all its nodes."""
        return frozenset(name for unit in self.units for name in unit)

    @property
    def weight(self) -> int:
        """Number of its layers."""
        return len(self.units)

    def halves(self) -> tuple[Group, ...]:
        """Its first and its second half; none where it is one layer."""
        middle = len(self.units) // 2
        if not middle:
            return ()
        return tuple(_named(part) for part in (self.units[:middle], self.units[middle:]))


@dataclass(frozen=True, slots=True)
class Measured:
    """What quantising one group alone did.

    Attributes:
        group: The group.
        damage: By how much the answers differed; `None` where the time ran out before it was measured.
    """

    group: Group
    damage: float | None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The groups of a model, none of which overlap, and what each does.

    Attributes:
        head: The last layers of the head.
        body: The others.
        timed_out: Whether groups were left unmeasured, or whole.
    """

    head: tuple[Measured, ...]
    body: tuple[Measured, ...]
    timed_out: bool

    def in_float(self, tolerance: float) -> tuple[Measured, ...]:
        """The groups that stay in float: those that do more than the tolerance, and unmeasured ones of the head."""
        head = [one for one in self.head if one.damage is None or one.damage > tolerance]
        body = [one for one in self.body if one.damage is not None and one.damage > tolerance]
        return (*head, *body)

    @property
    def nodes(self) -> frozenset[str]:
        """Every node that can be quantised."""
        return frozenset(name for one in (*self.head, *self.body) for name in one.group.nodes)


def measure_sensitivity(
    last: Sequence[str],
    units: Sequence[Unit],
    damage: Callable[[frozenset[str]], float],
    *,
    tolerance: float,
    is_late: Callable[[], bool],
    on_group: Callable[[int], None] = lambda _: None,
) -> Sensitivity:
    """The sensitivity of a model, group by group; groups beyond the tolerance are halved down to single layers.

    Args:
        last: Names of the last layers of the head, one a branch: a group each.
        units: The nodes of the body, layer by layer.
        damage: What quantising only these nodes does to the answers.
        tolerance: Damage that a group may do.
        is_late: Whether the time is over: nothing is measured then.
        on_group: Called with the number of groups still waiting, after each group.
    """
    waiting = deque([(Group(f"head: {name}", ((name,),)), True) for name in last])
    waiting += [(group, False) for group in _groups(units)]
    head: list[Measured] = []
    body: list[Measured] = []
    timed_out = False
    while waiting:
        group, of_head = waiting.popleft()
        late = is_late()
        timed_out |= late
        found = Measured(group, None if late else damage(group.nodes))
        halves = group.halves()
        if found.damage is not None and found.damage > tolerance and halves and not is_late():
            waiting.extendleft((half, of_head) for half in reversed(halves))
        else:
            (head if of_head else body).append(found)
        on_group(len(waiting))
    return Sensitivity(tuple(head), tuple(body), timed_out)


def _groups(units: Sequence[Unit]) -> list[Group]:
    """The body in blocks of neighbouring layers; the first layer, which sees the picture itself, is a block of its own."""
    if not units:
        return []
    rest = tuple(units[1:])
    count = min(BLOCKS, len(rest))
    edges = [round(place * len(rest) / count) for place in range(count + 1)] if count else []
    parts = [rest[start:end] for start, end in pairwise(edges)]
    return [_named((units[0],)), *(_named(part) for part in parts)]


def _named(units: tuple[Unit, ...]) -> Group:
    first, last = units[0][0], units[-1][0]
    return Group(first if len(units) == 1 else f"{first} to {last} ({len(units)} layers)", units)
