"""A camera's features by GenApi, the reference implementation of GenICam, as pypylon and genicam bind it.

Both bind the same classes and spell them differently: `GetAccessMode` and `Value` here, `get_access_mode` and `value` there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.capture.genicam.device import Node, NodeKind
from lineside.core.errors import LinesideError, SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.capture.genicam.device import Value

_KINDS = {
    "Boolean": NodeKind.BOOLEAN,
    "Integer": NodeKind.INTEGER,
    "Float": NodeKind.FLOAT,
    "Enum": NodeKind.ENUMERATION,
    "String": NodeKind.STRING,
    "Command": NodeKind.COMMAND,
}
_NOT_THERE = (0, 1)  # not implemented, not available
_WRITABLE = (2, 4)  # write only, read and write
_OF_THE_VALUE = (
    "AccessException",
    "OutOfRangeException",
    "InvalidArgumentException",
    "LogicalErrorException",
    "PropertyException",
)


def camel(name: str) -> str:
    """`get_access_mode` as pypylon spells it: `GetAccessMode`."""
    return "".join(word.capitalize() for word in name.split("_"))


def snake(name: str) -> str:
    """`get_access_mode` as genicam spells it: so."""
    return name


class GenapiNodes:
    """The features of a node map.

    Args:
        find: The node of a name, or `None`.
        names: Every name.
        fault: The base of the binding's exceptions.
        spelt: How the binding spells a member.
        who: The camera, for messages.
    """

    def __init__(
        self,
        find: Callable[[str], Any],
        names: Callable[[], Sequence[str]],
        *,
        fault: type[Exception],
        spelt: Callable[[str], str],
        who: str,
    ) -> None:
        self._find, self._names, self._fault, self._spelt, self._who = find, names, fault, spelt, who

    def names(self) -> Sequence[str]:
        """Every name; see `Nodes.names`."""
        return self._names()

    def describe(self, name: str) -> Node | None:
        """The feature as it is now; see `Nodes.describe`."""
        node = self._guarded(name, lambda: self._find(name))
        kind = None if node is None else _kind_of(node)
        return None if kind is None else self._guarded(name, lambda: self._described(node, kind))

    def _described(self, node: Any, kind: NodeKind) -> Node | None:
        mode = self._member(node, "get_access_mode")()
        if mode in _NOT_THERE:
            return None
        writable = mode in _WRITABLE
        if kind is NodeKind.INTEGER:
            step = max(int(self._member(node, "inc")), 1)
            return Node(kind, writable, self._member(node, "min"), self._member(node, "max"), step)
        if kind is NodeKind.FLOAT:
            return Node(kind, writable, self._member(node, "min"), self._member(node, "max"))
        if kind is NodeKind.ENUMERATION:
            return Node(kind, writable, entries=tuple(self._member(node, "symbolics")))
        return Node(kind, writable)

    def get(self, name: str) -> Value:
        """Its value; see `Nodes.get`."""
        node = self._known(name)
        value: Value = self._guarded(name, lambda: self._member(node, "value"))
        return value

    def set(self, name: str, value: Value) -> None:
        """The camera was told; see `Nodes.set`."""
        node = self._known(name)
        if _kind_of(node) is NodeKind.COMMAND:
            self._guarded(name, self._member(node, "execute"))
        else:
            self._guarded(name, lambda: setattr(node, self._spelt("value"), value))

    def _member(self, node: Any, name: str) -> Any:
        return getattr(node, self._spelt(name))

    def _known(self, name: str) -> Any:
        node = self._guarded(name, lambda: self._find(name))
        if node is None:
            raise SettingsError(f"{self._who}: {name}: this camera has no such feature")
        return node

    def _guarded(self, name: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except self._fault as fault:
            raise translated(fault, f"{self._who}: {name}") from fault


def _kind_of(node: Any) -> NodeKind | None:
    """By the class: `IntegerParameter` in pypylon, `IInteger` in genicam."""
    name = type(node).__name__.removesuffix("Parameter")
    name = name[1:] if name[:2] in ("IB", "II", "IF", "IE", "IS", "IC") else name
    return _KINDS.get("Enum" if name.startswith("Enum") else name)


def translated(fault: Exception, who: str) -> LinesideError:
    """A fault of the reference implementation as one of ours: of the value, or of the camera."""
    text = str(fault).partition(" : ")[0].strip().rstrip(".") or type(fault).__name__
    of_the_value = type(fault).__name__ in _OF_THE_VALUE
    return (SettingsError if of_the_value else SourceError)(f"{who}: {text}")
