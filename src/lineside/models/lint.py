"""What is known against a file's form: of each hint what was seen, why it matters, and the cure.

A hint is a file of `models/hints/`; its name is the file's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, cast

from lineside.core import plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onnx import NodeProto

    from lineside.models.card import ModelCard
    from lineside.models.graph import Graph

PACKAGE = "lineside.models.hints"
"""The folder of the hints, and the entry point group for more of them."""


class Severity(StrEnum):
    """What a hint means for a line, the worst first."""

    WRONG = "wrong"
    """Answers are wrong, or a fault stays hidden, with some pictures or on some device."""
    SLOW = "slow"
    """The file runs slower than it need, on some device."""
    NOTE = "note"
    """Worth knowing before the file is handed on, quantised or placed on another device."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Something known against a model's form, or against a setting.

    Attributes:
        code: Its stable name: the file's.
        severity: What it means for a line.
        seen: What was seen, with the names of nodes and tensors.
        why: Why it matters, with the device and the measured factor where there is one.
        cure: What to do.
    """

    code: str
    severity: Severity
    seen: str
    why: str
    cure: str

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Hint:
        """The hint that `dataclasses.asdict` wrote.

        Raises:
            KeyError, TypeError, ValueError: It wrote something else.
        """
        return cls(**value | {"severity": Severity(value["severity"])})


class Look(Protocol):
    """A file of `models/hints/`.

    Attributes:
        SEVERITY: What it means for a line.
        WHY: Why it matters: one or two sentences, with the device and the measured factor.
        CURE: What to do: `lineside convert` where that can, else the way to export.
    """

    SEVERITY: Severity
    WHY: str
    CURE: str

    def look(self, graph: Graph, card: ModelCard) -> str | None:
        """What was seen, with names, or `None` where there is nothing of the kind."""
        ...


def hint(name: str) -> Look:
    """The hint of a name.

    Raises:
        PluginError: There is none.
    """
    return cast("Look", plugins.load(PACKAGE, name))


def lint(graph: Graph, card: ModelCard) -> tuple[Hint, ...]:
    """Every hint that a model gives, the worst first, then by name.

    Args:
        graph: Its graph, for the size that it is fed with.
        card: Its card; `card.hints` is not read.
    """
    found = []
    for name in plugins.names(PACKAGE):
        kind = hint(name)
        if (seen := kind.look(graph, card)) is not None:
            found.append(Hint(name, kind.SEVERITY, seen, kind.WHY, kind.CURE))
    return in_order(found)


def in_order(hints: Iterable[Hint]) -> tuple[Hint, ...]:
    """Hints sorted, the worst first, then by code."""
    worst_first = list(Severity)
    return tuple(sorted(hints, key=lambda each: (worst_first.index(each.severity), each.code)))


def placed(nodes: Sequence[NodeProto]) -> str:
    """Nodes for a sentence, up to three by name: `2 Resize nodes ("/up/Resize", "/up_1/Resize")`."""
    kinds = list(dict.fromkeys(node.op_type for node in nodes))
    kind = kinds[0] if len(kinds) == 1 else f"{' and '.join(kinds)}" if len(kinds) < 4 else "different"
    return f"{len(nodes)} {kind} node{'s' * (len(nodes) > 1)} ({named([_name(node) for node in nodes])})"


def named(names: Sequence[str]) -> str:
    """Names for a sentence: up to three of them in quotes, and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f'"{name}"' for name in names[:3]) + more


def _name(node: NodeProto) -> str:
    return node.name or next((name for name in node.output if name), node.op_type)
