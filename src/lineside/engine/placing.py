"""Where the nodes of a session really run: shares, copies between devices, and what hangs together on the wrong one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lineside.engine.session import PlacedNode
    from lineside.models.wiring import Wire

_MOST_NAMES = 8
_COPIES = frozenset({"MemcpyFromHost", "MemcpyToHost"})


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Nodes that hang together and run on another provider than was asked for.

    Attributes:
        nodes: How many.
        runs_on: On which provider, by ONNX Runtime's name.
        operators: Their operators and how many nodes of each, the commonest first.
        names: The first of their names.
    """

    nodes: int
    runs_on: str
    operators: tuple[tuple[str, int], ...]
    names: tuple[str, ...]

    def __str__(self) -> str:
        operators = ", ".join(f"{name} ({count})" for name, count in self.operators[:_MOST_NAMES])
        more = ", …" if self.nodes > len(self.names) else ""
        return f"{self.nodes} connected nodes on {self.runs_on}: {operators}; by name {', '.join(self.names)}{more}"

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        return {
            "nodes": self.nodes,
            "runs_on": self.runs_on,
            "operators": dict(self.operators),
            "names": list(self.names),
        }


@dataclass(frozen=True, slots=True)
class Placing:
    """Where the nodes run.

    Attributes:
        nodes: Nodes by provider, by ONNX Runtime's names.
        share: The share of the nodes that run on the wanted provider, 0 to 1.
        copies: Tensors that every run carries from one provider to another inside the graph.
        elsewhere: The largest connected group of nodes on another provider; `None` where all are on the wanted one.
    """

    nodes: Mapping[str, int]
    share: float
    copies: int
    elsewhere: Elsewhere | None

    @classmethod
    def of(
        cls, nodes: Sequence[PlacedNode], wanted: str, wires: Callable[[], Iterable[Wire]]
    ) -> Placing | None:
        """Where the nodes of a session run; `None` for a runtime that keeps no record of it.

        Args:
            nodes: As the session tells them.
            wanted: ONNX Runtime's name of the provider that was asked for.
            wires: The graph that the session was made of; looked at only where some nodes run elsewhere.
        """
        if not nodes:
            return None
        count = Counter(node.runs_on for node in nodes)
        share = count[wanted] / len(nodes)
        copies = sum(node.operator in _COPIES for node in nodes)
        if len(count) == 1 and wanted in count:
            return cls(dict(count), share, copies, None)
        wired = list(wires())
        runs_on = {node.name: node.runs_on for node in nodes if node.name}
        crossing = copies or len(set(_crossings(wired, runs_on)))
        return cls(dict(count), share, crossing, _largest(nodes, wanted, wired))


def _crossings(wired: Iterable[Wire], runs_on: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Each tensor that is made on one provider and read on another, with the reader's provider."""
    wired = list(wired)
    makers = {tensor: runs_on.get(wire.name) for wire in wired for tensor in wire.writes}
    for wire in wired:
        reader = runs_on.get(wire.name)
        for tensor in wire.reads:
            maker = makers.get(tensor)
            if reader is not None and maker is not None and maker != reader:
                yield tensor, reader


def _largest(nodes: Sequence[PlacedNode], wanted: str, wired: Sequence[Wire]) -> Elsewhere | None:
    """The largest group of nodes elsewhere that pass tensors to each other. Nodes that a rewrite renamed stand alone."""
    stray = [node for node in nodes if node.runs_on != wanted]
    if not stray:
        return None
    number = {node.name: place for place, node in enumerate(stray) if node.name}
    group = list(range(len(stray)))

    def root(place: int) -> int:
        while group[place] != place:
            group[place] = group[group[place]]
            place = group[place]
        return place

    makers = {tensor: wire.name for wire in wired for tensor in wire.writes}
    for wire in wired:
        for tensor in wire.reads:
            maker = makers.get(tensor)
            if maker in number and wire.name in number:
                one, other = number[maker], number[wire.name]
                if stray[one].runs_on == stray[other].runs_on:
                    group[root(one)] = root(other)
    roots = [root(place) for place in range(len(stray))]
    (chosen, size), *_ = Counter(roots).most_common(1)
    members = [node for node, at in zip(stray, roots, strict=True) if at == chosen]
    return Elsewhere(
        size,
        members[0].runs_on,
        tuple(Counter(node.operator for node in members).most_common()),
        tuple(node.name or node.operator for node in members[:_MOST_NAMES]),
    )
