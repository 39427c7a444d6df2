"""Features set by name, checked against what the camera says of them, and read back: asked is not got."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lineside.capture.genicam.device import Node, NodeKind
from lineside.core.errors import SettingsError, UnknownNameError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.capture.genicam.device import Nodes, Value

TOLERANCE = 0.05
"""How far a real number may be from what was asked, as cameras round to the length of a row or a clock's tick."""

_TYPES: dict[NodeKind, tuple[type, ...]] = {
    NodeKind.BOOLEAN: (bool,),
    NodeKind.INTEGER: (int,),
    NodeKind.FLOAT: (int, float),
    NodeKind.ENUMERATION: (str,),
    NodeKind.STRING: (str,),
    NodeKind.COMMAND: (bool,),
}
_WORDS = {
    NodeKind.BOOLEAN: "true or false",
    NodeKind.INTEGER: "a whole number",
    NodeKind.FLOAT: "a number",
    NodeKind.ENUMERATION: "one of its names",
    NodeKind.STRING: "a text",
    NodeKind.COMMAND: "true, which executes it",
}


def set_features(nodes: Nodes, features: Mapping[str, Value], who: str) -> None:
    """The camera has the features' values, in the order in which they stand; each was read back.

    Args:
        nodes: The camera's features.
        features: Values by name. A command is executed by `true`.
        who: The camera, for messages.

    Raises:
        UnknownNameError: The camera has no such feature, or an enumeration no such name.
        SettingsError: A value is of another type or beyond its limits, the feature cannot be written now, or the camera has
            another value afterwards.
        SourceError: The camera does not answer.
    """
    for name, value in features.items():
        set_feature(nodes, name, value, who)


def set_feature(nodes: Nodes, name: str, value: Value, who: str) -> None:
    """The camera has this value of one feature, and said so when asked; see `set_features`."""
    node = nodes.describe(name)
    at = f"{who}: {name}"
    if node is None:
        raise UnknownNameError(
            f"{at}: this camera has no such feature, or not with its other settings{_close(name, nodes)}"
        )
    check(node, value, at)
    if node.kind is NodeKind.COMMAND:
        if value:
            nodes.set(name, value)
        return
    if not node.writable:
        if nodes.get(name) == value:
            return
        raise SettingsError(
            f"{at}: it cannot be written now; it is {_shown(nodes.get(name))}. It is read-only, or locked by another "
            "feature or while pictures flow"
        )
    nodes.set(name, value)
    got = nodes.get(name)
    if not _agrees(node.kind, value, got):
        raise SettingsError(f"{at}: asked for {_shown(value)}, the camera has {_shown(got)} afterwards")


def check(node: Node, value: Value, at: str) -> None:
    """Nothing, where a value fits what the camera says of a feature.

    Args:
        node: What the camera says.
        value: What is asked for.
        at: The camera and the feature, for messages.

    Raises:
        SettingsError: The value is of another type, beyond the limits or between two steps.
        UnknownNameError: An enumeration has no such name.
    """
    wanted = _TYPES[node.kind]
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise SettingsError(f"{at}: expected {_expected(node)}; got {_shown(value)}")
    if isinstance(value, str):
        if node.kind is NodeKind.ENUMERATION and value not in node.entries:
            raise UnknownNameError(f'{at}: there is no "{value}"{near(value, node.entries)}')
        return
    if node.kind is NodeKind.INTEGER:
        off_step = node.low is not None and node.step > 1 and (int(value) - int(node.low)) % node.step
    else:
        off_step = not math.isfinite(value)
    is_low = node.low is not None and value < node.low
    is_high = node.high is not None and value > node.high
    if off_step or is_low or is_high:
        raise SettingsError(f"{at}: expected {_expected(node)}; got {_shown(value)}")


def _expected(node: Node) -> str:
    words = _WORDS[node.kind]
    if node.kind is NodeKind.ENUMERATION:
        return f"{words} ({', '.join(node.entries)})"
    if node.low is not None and node.high is not None:
        words += f" from {node.low:.10g} to {node.high:.10g}"
    return f"{words} in steps of {node.step}" if node.step > 1 else words


def _agrees(kind: NodeKind, asked: Value, got: Value) -> bool:
    if kind is NodeKind.FLOAT:
        return math.isclose(float(asked), float(got), rel_tol=TOLERANCE, abs_tol=1e-6)
    return asked == got


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:.10g}"


def _close(name: str, nodes: Nodes) -> str:
    hint = near(name, nodes.names())
    return hint if hint.endswith("?") else ""
