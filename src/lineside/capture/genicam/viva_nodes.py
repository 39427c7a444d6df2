"""A camera's features by viva-genicam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.capture.genicam.device import Node, NodeKind
from lineside.core.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.capture.genicam.device import Value

_LARGEST = 2**63 - 1
_FIXED = {
    "Boolean": NodeKind.BOOLEAN,
    "Command": NodeKind.COMMAND,
    "Enumeration": NodeKind.ENUMERATION,
    "Float": NodeKind.FLOAT,
    "Integer": NodeKind.INTEGER,
    "IntConverter": NodeKind.INTEGER,
    "Converter": NodeKind.FLOAT,
    "String": NodeKind.STRING,
    "StringReg": NodeKind.STRING,
}


class VivaNodes:
    """The features of a camera.

    Args:
        camera: viva-genicam's.
        fault: The base of its exceptions.
        unanswered: Its exception where the camera does not answer.
        who: The camera, for messages.
    """

    def __init__(self, camera: Any, fault: type[Exception], unanswered: type[Exception], who: str) -> None:
        self._camera, self._fault, self._unanswered, self._who = camera, fault, unanswered, who
        self._known = set(camera.nodes())

    def names(self) -> Sequence[str]:
        """Every name; see `Nodes.names`."""
        return sorted(self._known)

    def describe(self, name: str) -> Node | None:
        """The feature as it is now; see `Nodes.describe`."""
        if name not in self._known:
            return None
        state = self._guarded(name, lambda: self._camera.feature_state(name))
        kind = _kind_of(state)
        if kind is None or not (state.is_implemented and state.is_available):
            return None
        writable = state.access in ("RW", "WO")
        if kind is NodeKind.ENUMERATION:
            return Node(kind, writable, entries=tuple(state.enum_entries or ()))
        if state.range is None:
            return Node(kind, writable)
        low, high = state.range.min, state.range.max
        if kind is NodeKind.INTEGER:
            return Node(kind, writable, int(low), min(int(high), _LARGEST), max(int(state.range.inc or 1), 1))
        return Node(kind, writable, low, high)

    def get(self, name: str) -> Value:
        """Its value; see `Nodes.get`."""
        value: Value | None = self._guarded(name, lambda: self._camera.feature_state(name).value)
        if value is None:
            raise SettingsError(f"{self._who}: {name}: it cannot be read")
        return value

    def set(self, name: str, value: Value) -> None:
        """The camera was told; see `Nodes.set`."""
        kind = _kind_of(self._guarded(name, lambda: self._camera.feature_state(name)))
        tell: dict[NodeKind | None, Callable[[], None]] = {
            NodeKind.BOOLEAN: lambda: self._camera.set_bool(name, value),
            NodeKind.INTEGER: lambda: self._camera.set_integer(name, value),
            NodeKind.FLOAT: lambda: self._camera.set_float(name, float(value)),
            NodeKind.ENUMERATION: lambda: self._camera.set_enum(name, value),
            NodeKind.STRING: lambda: self._camera.set_string(name, value),
            NodeKind.COMMAND: lambda: self._camera.execute(name),
        }
        if kind is None:
            raise SettingsError(f"{self._who}: {name}: it cannot be set")
        self._guarded(name, tell[kind])

    def _guarded(self, name: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except self._fault as fault:
            # A register that cannot be reached has no class of its own.
            unanswered = isinstance(fault, self._unanswered) or "I/O failed" in str(fault)
            raise (SourceError if unanswered else SettingsError)(f"{self._who}: {name}: {fault}") from fault


def _kind_of(state: Any) -> NodeKind | None:
    if state.kind == "SwissKnife":
        return NodeKind.INTEGER if isinstance(state.value, int) else NodeKind.FLOAT
    return _FIXED.get(state.kind)
