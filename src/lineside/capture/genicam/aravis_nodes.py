"""A camera's features by Aravis."""

from __future__ import annotations

import ctypes
import re
from ctypes import POINTER, byref, c_char_p, c_double, c_int64, c_size_t, c_uint
from typing import TYPE_CHECKING, Any

from lineside.capture.genicam.device import Node, NodeKind
from lineside.core.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Event

    from lineside.capture.genicam.aravis_library import Aravis
    from lineside.capture.genicam.device import Value

# An enumeration is an integer and a text, too, and a boolean an integer: the narrow ones first.
_KINDS = (
    NodeKind.ENUMERATION,
    NodeKind.BOOLEAN,
    NodeKind.COMMAND,
    NodeKind.STRING,
    NodeKind.FLOAT,
    NodeKind.INTEGER,
)
_WRITABLE = 2  # ARV_GC_ACCESS_MODE_RO 0, WO 1, RW 2
_WRITE_ONLY = 1
LOST = "control was lost: the camera is gone, or another program has taken it"
"""The end of such messages."""

_FEATURE = re.compile(rb"<pFeature>\s*([A-Za-z_]\w*)\s*</pFeature>")


class AravisNodes:
    """The features of an `ArvDevice`.

    Args:
        library: Aravis.
        device: The device's address; it outlives this object.
        who: The camera, for messages.
        lost: Set where the camera is lost, by whoever notices first; then nothing is asked, which would take seconds.
    """

    def __init__(self, library: Aravis, device: int, who: str, lost: Event) -> None:
        self._library, self._device, self._who, self._lost = library, device, who, lost
        self._types = {kind: getattr(library, f"gc_{kind}_get_type")() for kind in _KINDS}
        self._feature_type = library.gc_feature_node_get_type()
        self._kinds: dict[str, NodeKind | None] = {}

    def names(self) -> Sequence[str]:
        """Every name in the camera's own description."""
        length = c_size_t()
        address = self._library.device_get_genicam_xml(self._device, byref(length))
        if not address:
            return ()
        found = _FEATURE.findall(ctypes.string_at(address, length.value))
        return sorted({name.decode() for name in found})

    def describe(self, name: str) -> Node | None:
        """The feature as it is now; see `Nodes.describe`."""
        kind = self._kind(name)
        if kind is None or not self._ask("is_feature_available", name):
            return None
        writable = self._is_writable(name)
        if kind is NodeKind.INTEGER:
            low, high = self._bounds("get_integer_feature_bounds", name, c_int64)
            step = int(self._ask("get_integer_feature_increment", name))
            return Node(kind, writable, low, high, max(step, 1))
        if kind is NodeKind.FLOAT:
            low, high = self._bounds("get_float_feature_bounds", name, c_double)
            return Node(kind, writable, low, high)
        if kind is NodeKind.ENUMERATION:
            return Node(kind, writable, entries=self._entries(name))
        return Node(kind, writable)

    def get(self, name: str) -> Value:
        """Its value; see `Nodes.get`."""
        kind = self._known(name)
        if kind in (NodeKind.ENUMERATION, NodeKind.STRING):
            text = self._ask("get_string_feature_value", name)
            return "" if text is None else text.decode(errors="replace")
        value: Value = self._ask(f"get_{kind}_feature_value", name)
        return value

    def set(self, name: str, value: Value) -> None:
        """The camera was told; see `Nodes.set`."""
        kind = self._known(name)
        if kind is NodeKind.COMMAND:
            self._ask("execute_command", name)
        elif kind in (NodeKind.ENUMERATION, NodeKind.STRING):
            self._ask("set_string_feature_value", name, str(value).encode())
        elif kind is NodeKind.FLOAT:
            self._ask("set_float_feature_value", name, float(value))
        else:
            self._ask(f"set_{kind}_feature_value", name, value)

    def _ask(self, function: str, name: str, *arguments: Any) -> Any:
        if self._lost.is_set():
            raise SourceError(f"{self._who}: {LOST}")
        who = f"{self._who}: {name}"
        try:
            return self._library.call(who, f"device_{function}", self._device, name.encode(), *arguments)
        except SourceError:
            self._lost.set()
            raise

    def _node(self, name: str) -> int | None:
        node: int | None = self._library.device_get_feature(self._device, name.encode())
        return node

    def _kind(self, name: str) -> NodeKind | None:
        if name not in self._kinds:
            node = self._node(name)
            is_a = self._library.glib.is_a
            self._kinds[name] = next((k for k in _KINDS if node and is_a(node, self._types[k])), None)
        return self._kinds[name]

    def _known(self, name: str) -> NodeKind:
        kind = self._kind(name)
        if kind is None:
            raise SettingsError(f"{self._who}: {name}: this camera has no such feature")
        return kind

    def _is_writable(self, name: str) -> bool:
        node = self._node(name)
        if not self._library.glib.is_a(node, self._feature_type):
            return True
        mode = self._library.gc_feature_node_get_actual_access_mode(node)
        is_locked = self._library.call(self._who, "gc_feature_node_is_locked", node)
        return mode in (_WRITABLE, _WRITE_ONLY) and not is_locked

    def _bounds(self, function: str, name: str, number: type[c_int64 | c_double]) -> tuple[float, float]:
        low, high = number(), number()
        self._ask(function, name, byref(low), byref(high))
        return low.value, high.value

    def _entries(self, name: str) -> tuple[str, ...]:
        count = c_uint()
        address = self._ask("dup_available_enumeration_feature_values_as_strings", name, byref(count))
        if not address:
            return ()
        texts = ctypes.cast(address, POINTER(c_char_p))
        entries = tuple((texts[i] or b"").decode() for i in range(count.value))
        self._library.glib.free(address)
        return entries
