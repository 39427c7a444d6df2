"""The few words of GLib that Aravis speaks, by ctypes."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_uint32, c_ulong, c_void_p
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SIGNAL = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
"""A handler of a signal without arguments: the object, and what was given when it was connected."""


class GError(ctypes.Structure):
    """What a function of GLib says of its failure."""

    _fields_ = (("domain", c_uint32), ("code", c_int), ("message", c_char_p))


def file_name(stem: str, version: int) -> str:
    """What a shared library is called on this system."""
    if sys.platform == "darwin":
        return f"lib{stem}.{version}.dylib"
    if sys.platform == "win32":
        return f"lib{stem}-{version}.dll"
    return f"lib{stem}.so.{version}"


class Glib:
    """GLib's and GObject's libraries.

    Raises:
        OSError: They are not installed.
    """

    def __init__(self) -> None:
        self._objects = ctypes.CDLL(file_name("gobject-2.0", 0))
        glib = ctypes.CDLL(file_name("glib-2.0", 0))
        declare(
            self._objects,
            {
                "g_object_unref": (None, [c_void_p]),
                "g_type_check_instance_is_a": (c_int, [c_void_p, c_ulong]),
                "g_signal_connect_data": (
                    c_ulong,
                    [c_void_p, c_char_p, SIGNAL, c_void_p, c_void_p, c_int],
                ),
                "g_signal_handler_disconnect": (None, [c_void_p, c_ulong]),
            },
        )
        declare(glib, {"g_error_free": (None, [c_void_p]), "g_free": (None, [c_void_p])})
        self.free = glib.g_free
        self._free_error = glib.g_error_free
        self.unref = self._objects.g_object_unref
        self.is_a = self._objects.g_type_check_instance_is_a

    def connect(self, instance: int, signal: str, handler: Any) -> int:
        """The number of a connection; `handler` is a `SIGNAL` that must live as long."""
        return int(self._objects.g_signal_connect_data(instance, signal.encode(), handler, None, None, 0))

    def disconnect(self, instance: int, connection: int) -> None:
        """The handler is not called any more."""
        self._objects.g_signal_handler_disconnect(instance, connection)

    def take_error(self, error: Any) -> tuple[int, int, str] | None:
        """Domain, code and message of a `POINTER(GError)`, which is freed; `None` where there is none."""
        if not error:
            return None
        found = error.contents
        taken = (int(found.domain), int(found.code), (found.message or b"").decode(errors="replace"))
        self._free_error(error)
        return taken


@lru_cache(maxsize=1)
def glib() -> Glib:
    """The loaded libraries.

    Raises:
        OSError: They are not installed.
    """
    return Glib()


def error_pointer() -> tuple[Any, Any]:
    """An empty place for a `GError`, and its address."""
    error = POINTER(GError)()
    return error, byref(error)


def declare(library: ctypes.CDLL, signatures: Mapping[str, tuple[Any, Iterable[Any]]]) -> None:
    """The functions of a library answer and take these types.

    Raises:
        AttributeError: The library lacks one: it is another version.
    """
    for name, (answer, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = answer
        function.argtypes = list(arguments)
