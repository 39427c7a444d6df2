"""Aravis, the LGPL library for GigE Vision and USB3 Vision, loaded where the system has it."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_uint,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import lru_cache
from typing import Any

from lineside.capture.genicam.glib import declare, error_pointer, file_name, glib
from lineside.core.errors import NotInstalledError, SettingsError, SourceError

_INSTALL = (
    "apt-get install libaravis-0.8-0 (Debian, Ubuntu), brew install aravis (macOS), or name the file with "
    "features.library"
)
_DEVICE_SETTINGS_CODES = {0, 1, 7}  # wrong feature, feature not found, invalid parameter

_P, _S, _E = c_void_p, c_char_p, c_void_p

# Those that answer a GError take its address last; `call` adds it.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "arv_update_device_list": (None, []),
    "arv_get_n_devices": (c_uint, []),
    **{
        f"arv_get_device_{what}": (c_char_p, [c_uint])
        for what in ("id", "physical_id", "address", "vendor", "model", "serial_nbr", "protocol")
    },
    "arv_device_error_quark": (c_uint32, []),
    "arv_gc_error_quark": (c_uint32, []),
    "arv_camera_new": (_P, [_S, _E]),
    "arv_camera_get_device": (_P, [_P]),
    "arv_camera_is_gv_device": (c_bool, [_P]),
    "arv_gv_device_is_controller": (c_bool, [_P]),
    "arv_camera_create_stream": (_P, [_P, _P, _P, _E]),
    "arv_camera_get_payload": (c_uint, [_P, _E]),
    "arv_camera_start_acquisition": (None, [_P, _E]),
    "arv_camera_stop_acquisition": (None, [_P, _E]),
    "arv_camera_gv_auto_packet_size": (c_uint, [_P, _E]),
    "arv_camera_gv_set_packet_size": (None, [_P, c_int, _E]),
    "arv_device_get_genicam_xml": (_P, [_P, POINTER(c_size_t)]),
    "arv_device_get_feature": (_P, [_P, _S]),
    "arv_device_is_feature_available": (c_bool, [_P, _S, _E]),
    "arv_device_get_boolean_feature_value": (c_bool, [_P, _S, _E]),
    "arv_device_set_boolean_feature_value": (None, [_P, _S, c_bool, _E]),
    "arv_device_get_integer_feature_value": (c_int64, [_P, _S, _E]),
    "arv_device_set_integer_feature_value": (None, [_P, _S, c_int64, _E]),
    "arv_device_get_integer_feature_bounds": (None, [_P, _S, POINTER(c_int64), POINTER(c_int64), _E]),
    "arv_device_get_integer_feature_increment": (c_int64, [_P, _S, _E]),
    "arv_device_get_float_feature_value": (c_double, [_P, _S, _E]),
    "arv_device_set_float_feature_value": (None, [_P, _S, c_double, _E]),
    "arv_device_get_float_feature_bounds": (None, [_P, _S, POINTER(c_double), POINTER(c_double), _E]),
    "arv_device_get_string_feature_value": (c_char_p, [_P, _S, _E]),
    "arv_device_set_string_feature_value": (None, [_P, _S, _S, _E]),
    "arv_device_execute_command": (None, [_P, _S, _E]),
    "arv_device_dup_available_enumeration_feature_values_as_strings": (
        _P,
        [_P, _S, POINTER(c_uint), _E],
    ),
    "arv_gc_feature_node_get_actual_access_mode": (c_int, [_P]),
    "arv_gc_feature_node_is_locked": (c_bool, [_P, _E]),
    **{
        f"arv_gc_{what}_get_type": (ctypes.c_ulong, [])
        for what in ("boolean", "integer", "float", "enumeration", "string", "command", "feature_node")
    },
    "arv_device_create_chunk_parser": (_P, [_P]),
    "arv_chunk_parser_get_integer_value": (c_int64, [_P, _P, _S, _E]),
    "arv_stream_push_buffer": (None, [_P, _P]),
    "arv_stream_try_pop_buffer": (_P, [_P]),
    "arv_stream_timeout_pop_buffer": (_P, [_P, c_uint64]),
    "arv_stream_get_statistics": (None, [_P, POINTER(c_uint64), POINTER(c_uint64), POINTER(c_uint64)]),
    "arv_buffer_new_allocate": (_P, [c_size_t]),
    "arv_buffer_get_status": (c_int, [_P]),
    "arv_buffer_get_image_data": (_P, [_P, POINTER(c_size_t)]),
    "arv_buffer_get_image_width": (c_int, [_P]),
    "arv_buffer_get_image_height": (c_int, [_P]),
    "arv_buffer_get_image_padding": (None, [_P, POINTER(c_int), POINTER(c_int)]),
    "arv_buffer_get_image_pixel_format": (c_uint32, [_P]),
    "arv_buffer_has_chunks": (c_bool, [_P]),
    "arv_buffer_get_payload_type": (c_int, [_P]),
    "arv_buffer_get_frame_id": (c_uint64, [_P]),
    "arv_buffer_get_timestamp": (c_uint64, [_P]),
    "arv_buffer_get_system_timestamp": (c_uint64, [_P]),
}


class Aravis:
    """Aravis' functions.

    Args:
        path: The library's file, or its name, which the system looks for.

    Raises:
        NotInstalledError: It is not there, or is another version.
    """

    def __init__(self, path: str) -> None:
        try:
            self.glib = glib()
            self._library = ctypes.CDLL(path)
            declare(self._library, _SIGNATURES)
        except (OSError, AttributeError) as fault:
            raise NotInstalledError(
                f'cameras by GigE Vision and USB3 Vision need the library Aravis 0.8 ("{path}"): {_INSTALL}'
            ) from fault
        self._device_errors = self._library.arv_device_error_quark()
        self._feature_errors = self._library.arv_gc_error_quark()

    def __getattr__(self, name: str) -> Any:
        """A function that cannot fail, as `arv_stream_push_buffer`, without its prefix."""
        return getattr(self._library, f"arv_{name}")

    def call(self, who: str, name: str, *arguments: Any) -> Any:
        """What a function answers that can fail.

        Args:
            who: The camera, for messages.
            name: The function without its prefix.
            arguments: All but the place for the error.

        Raises:
            SettingsError: A feature does not exist or refuses.
            SourceError: The camera does not answer, or refuses.
        """
        error, address = error_pointer()
        answer = getattr(self._library, f"arv_{name}")(*arguments, address)
        failed = self.glib.take_error(error)
        if failed is None:
            return answer
        domain, code, message = failed
        is_setting = domain == self._feature_errors or (
            domain == self._device_errors and code in _DEVICE_SETTINGS_CODES
        )
        raise (SettingsError if is_setting else SourceError)(f"{who}: {message}")


@lru_cache(maxsize=4)
def aravis(path: str | None = None) -> Aravis:
    """The loaded library.

    Args:
        path: Its file; `None`: the system looks for it.

    Raises:
        NotInstalledError: It is not there.
    """
    return Aravis(path or file_name("aravis-0.8", 0))
