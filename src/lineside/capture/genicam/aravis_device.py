"""A GigE Vision or USB3 Vision camera by Aravis."""

from __future__ import annotations

import ctypes
import time
from ctypes import byref, c_int, c_size_t, c_uint64
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np

from lineside.capture.genicam.aravis_nodes import LOST, AravisNodes
from lineside.capture.genicam.chunks import stamped
from lineside.capture.genicam.clocks import tick_s, together
from lineside.capture.genicam.device import Grabbed
from lineside.capture.genicam.glib import SIGNAL
from lineside.core.errors import LinesideError, SourceError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.capture.genicam.aravis_library import Aravis

_NUMBER_BITS = 16  # GigE Vision's block numbers; extended ones of 64 bits never begin again
_NS = 1e-9
_QUIET_S = 0.02
_LONGEST_AGE_S = 10.0  # an older beginning is a step of the host's clock
_NOTHING: NDArray[np.uint8] = np.empty(0, np.uint8)
_FAULTS = {
    -1: "its status is unknown",
    1: "it was cleared",
    2: "its packets stopped coming (time-out)",
    3: "packets are missing",
    4: "packets came with wrong numbers",
    5: "it is larger than its buffer",
    6: "it was still arriving",
    7: "it was broken off",
    8: "its payload is of a kind that is not read",
}


class AravisDevice:
    """A camera that we control, from opening to `close`.

    Args:
        library: Aravis.
        address: What Aravis opens: an IP address or the identifier of its list.
        who: The camera, for messages.
        buffers: Pictures that find room.
        packet_size_bytes: Of GigE Vision; `None` for the largest that comes through.

    Raises:
        SourceError: It is not there, is in use, or does not answer.
    """

    number_bits = _NUMBER_BITS

    def __init__(
        self, library: Aravis, address: str, who: str, *, buffers: int, packet_size_bytes: int | None
    ) -> None:
        self._library, self._who = library, who
        self._buffers, self._packet_size_bytes = buffers, packet_size_bytes
        self._lost = Event()
        self._stream: int | None = None
        self._is_running = False
        self._chunks: tuple[str, ...] = ()
        self._parser: int | None = None
        self._tick_s = _NS
        self._camera: int = library.call(who, "camera_new", address.encode())
        if not self._camera:
            raise SourceError(f'{who}: there is no camera at "{address}"')
        self._control: int = library.camera_get_device(self._camera)
        self._is_gige = bool(library.camera_is_gv_device(self._camera))
        if self._is_gige and not library.gv_device_is_controller(self._control):
            self._behind_the_scenes(lambda: library.glib.unref(self._camera))
            raise SourceError(f"{who}: another program controls this camera; only one can. Close that one")
        self.nodes = AravisNodes(library, self._control, who, self._lost)
        self._handler = SIGNAL(lambda *_: self._lost.set())
        self._connection = library.glib.connect(self._control, "control-lost", self._handler)

    def read_chunks(self, names: Sequence[str]) -> None:
        """Buffers have these features of their chunk data; see `ChunkReading`."""
        self._chunks = tuple(names)
        if self._chunks and self._parser is None:
            self._parser = self._library.device_create_chunk_parser(self._control)
            self._tick_s = tick_s(self.nodes)

    def _told(self, buffer: int, name: str) -> int:
        return int(
            self._library.call(
                self._who, "chunk_parser_get_integer_value", self._parser, buffer, name.encode()
            )
        )

    def start(self) -> None:
        """Pictures flow into buffers; see `Device.start`."""
        call, camera = self._library.call, self._camera
        if self._is_gige:
            if self._packet_size_bytes is None:
                call(self._who, "camera_gv_auto_packet_size", camera)
            else:
                call(self._who, "camera_gv_set_packet_size", camera, self._packet_size_bytes)
        payload_bytes = call(self._who, "camera_get_payload", camera)
        self._stream = call(self._who, "camera_create_stream", camera, None, None)
        if not self._stream:
            raise SourceError(f"{self._who}: it opens no stream of pictures")
        for _ in range(self._buffers):
            self._library.stream_push_buffer(self._stream, self._library.buffer_new_allocate(payload_bytes))
        self._pass_over_what_came()
        call(self._who, "camera_start_acquisition", camera)
        self._is_running = True

    def stop(self) -> None:
        """No picture flows; see `Device.stop`."""
        self._is_running = False
        self._library.call(self._who, "camera_stop_acquisition", self._camera)
        if self._stream:
            stream, self._stream = self._stream, None
            self._library.glib.unref(stream)

    def _pass_over_what_came(self) -> None:
        """The buffers are empty. What arrives before the start are packets that tried the network, or of another's pictures."""
        library, quiet_us = self._library, int(_QUIET_S * 1e6)
        for _ in range(4 * self._buffers):
            buffer = library.stream_timeout_pop_buffer(self._stream, quiet_us)
            if not buffer:
                return
            library.stream_push_buffer(self._stream, buffer)

    def grab(self, timeout_s: float) -> Grabbed | None:
        """The oldest buffer; see `Device.grab`."""
        library, stream = self._library, self._stream
        if timeout_s > 0:
            buffer = library.stream_timeout_pop_buffer(stream, int(timeout_s * 1e6))
        else:
            buffer = library.stream_try_pop_buffer(stream)
        if buffer:
            grabbed = self._grabbed(buffer)
            if not self._chunks:
                return grabbed
            return stamped(grabbed, self._chunks, self._tick_s, lambda name: self._told(buffer, name))
        if self._lost.is_set():
            raise SourceError(f"{self._who}: {LOST}")
        return None

    def _grabbed(self, buffer: int) -> Grabbed:
        library = self._library

        def release() -> None:
            library.stream_push_buffer(self._stream, buffer)

        number = library.buffer_get_frame_id(buffer)
        fault = self._fault(buffer)
        if fault:
            return Grabbed(release, _NOTHING, number=number or None, fault=fault)
        padding_px, below = c_int(), c_int()
        library.buffer_get_image_padding(buffer, byref(padding_px), byref(below))
        size = Size(library.buffer_get_image_height(buffer), library.buffer_get_image_width(buffer))
        form = int(library.buffer_get_image_pixel_format(buffer))
        device_ns = library.buffer_get_timestamp(buffer)
        at_s, wall_ns = together(time.monotonic, time.time_ns)
        return Grabbed(
            release,
            self._bytes_of(buffer),
            form=form,
            size=size,
            row_bytes=_row_bytes(form, size.width, padding_px.value),
            has_more=bool(library.buffer_has_chunks(buffer)),
            number=number,
            device_s=device_ns * _NS if device_ns else None,
            age_s=_age_s(library.buffer_get_system_timestamp(buffer), wall_ns),
            at_s=at_s,
        )

    def _fault(self, buffer: int) -> str:
        status = self._library.buffer_get_status(buffer)
        if status:
            return _FAULTS.get(status, f"its status is {status}")
        if not self._library.buffer_get_image_width(buffer):
            return f"it holds no picture (payload {self._library.buffer_get_payload_type(buffer)})"
        return ""

    def _bytes_of(self, buffer: int) -> NDArray[np.uint8]:
        length = c_size_t()
        address = self._library.buffer_get_image_data(buffer, byref(length))
        if not address or not length.value:
            return _NOTHING
        return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_uint8)), (length.value,))

    def no_room(self) -> int:
        """A count of packets without a buffer; see `Device.no_room`."""
        if self._stream is None:
            return 0
        whole, failed, without = c_uint64(), c_uint64(), c_uint64()
        self._library.stream_get_statistics(self._stream, byref(whole), byref(failed), byref(without))
        return without.value

    def close(self) -> None:
        """The camera is free for others; see `Device.close`. One that is lost is let go of behind the scenes.

        Aravis writes to a camera when it lets go of it, and waits up to ten seconds for one that does not answer: nobody
        who opens the camera anew shall wait for that.
        """
        if self._is_running and not self._lost.is_set():
            try:
                self._library.call(self._who, "camera_stop_acquisition", self._camera)
            except LinesideError:  # it is lost or going; it is let go of all the same
                self._lost.set()
        if self._lost.is_set():
            self._behind_the_scenes(self._let_go)
        else:
            self._let_go()

    def _behind_the_scenes(self, let_go: Callable[[], None]) -> None:
        Thread(target=let_go, name=f"{self._who}: letting go", daemon=True).start()

    def _let_go(self) -> None:
        glib = self._library.glib
        if self._stream:
            glib.unref(self._stream)
        if self._parser:
            glib.unref(self._parser)
        glib.disconnect(self._control, self._connection)
        glib.unref(self._camera)


def _row_bytes(form: int, width: int, padding_bytes: int) -> int | None:
    """Bytes from row to row, where rows are padded. Bits of a pixel stand in the format's number."""
    if not padding_bytes:
        return None
    return (width * ((form >> 16) & 0xFF) + 7) // 8 + padding_bytes


def _age_s(began_ns: int, now_ns: int) -> float:
    """Seconds from a moment of the host's wall clock to now; 0 where that clock cannot have been right."""
    age_s = (now_ns - began_ns) * _NS
    return age_s if 0 <= age_s < _LONGEST_AGE_S else 0.0
