"""A camera behind any GenTL producer, by harvesters and genicam."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.capture.genicam.bindings import bound
from lineside.capture.genicam.clocks import HostClock
from lineside.capture.genicam.device import Grabbed
from lineside.capture.genicam.genapi_nodes import GenapiNodes, snake
from lineside.core.errors import SourceError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.capture.genicam.gentl_producer import Producer

_NOTHING: NDArray[np.uint8] = np.empty(0, np.uint8)
_STANDARD_NAMES = (1, 4)  # pixel formats by numbers of GigE Vision or of the naming convention
_NS = 1e-9


class GentlDevice:
    """A camera that we control, from opening to `close`.

    Args:
        producer: What reaches it.
        info: Its entry for the camera.
        who: The camera, for messages.
        buffers: Pictures that find room.

    Raises:
        SourceError: It is in use, or does not answer.
    """

    def __init__(self, producer: Producer, info: Any, who: str, *, buffers: int) -> None:
        genapi, gentl = bound("genicam.genapi", "gentl"), bound("genicam.gentl", "gentl")
        self._who = who
        self._fault: type[Exception] = gentl.GenericException
        self._missing = (gentl.NotAvailableException, gentl.NotImplementedException)
        self.number_bits = 16 if info.tl_type == "GEV" else 0
        self._clock = HostClock()
        self._damaged = 0
        self._has_callback = False
        self._producer = producer
        self._acquirer = producer.open(info, who)
        self._acquirer.num_buffers = buffers
        self._map = self._acquirer.remote_device.node_map
        self.nodes = GenapiNodes(self._find, self._names, fault=genapi.GenericException, spelt=snake, who=who)

    def _find(self, name: str) -> Any:
        return self._map.get_node(name) if self._map.has_node(name) else None

    def _names(self) -> Sequence[str]:
        return [node.node.name for node in self._map.nodes]

    def start(self) -> None:
        """Pictures flow; see `Device.start`."""
        count = self._count_damaged

        class Damaged(bound("harvesters.core", "gentl").Callback):  # type: ignore[misc]  # harvesters ships no types
            def emit(self, context: Any) -> None:
                del context
                count()

        if not self._has_callback:
            self._acquirer.add_callback(self._acquirer.Events.INCOMPLETE_BUFFER, Damaged())
            self._has_callback = True
        try:
            self._acquirer.start()
        except self._fault as fault:
            raise SourceError(f"{self._who}: no pictures flow: {fault}") from fault

    def stop(self) -> None:
        """No picture flows; see `Device.stop`."""
        try:
            self._acquirer.stop()
        except self._fault as fault:
            raise SourceError(f"{self._who}: its pictures do not stop: {fault}") from fault

    def _count_damaged(self) -> None:
        self._damaged += 1

    def grab(self, timeout_s: float) -> Grabbed | None:
        """The oldest buffer; see `Device.grab`. harvesters keeps damaged ones to itself and only says that one came."""
        self._acquirer.timeout_period_on_update_event_data_call = max(round(timeout_s * 1000), 1)
        before = self._damaged
        try:
            buffer = self._acquirer.try_fetch(timeout=max(timeout_s, 1e-3), is_raw=True)
            if buffer is not None:
                return self._grabbed(buffer)
        except self._fault as fault:
            raise SourceError(f"{self._who}: it is lost: {fault}") from fault
        if self._damaged > before:
            return Grabbed(lambda: None, _NOTHING, fault="it came incomplete")
        return None

    def _grabbed(self, buffer: Any) -> Grabbed:
        def release() -> None:
            buffer.parent.queue_buffer(buffer)

        number = self._told(buffer, "frame_id")
        device_ns = self._told(buffer, "timestamp_ns")
        device_s = device_ns * _NS if device_ns else None
        part = self._picture_in(buffer)
        if part is None:
            return Grabbed(release, _NOTHING, number=number, fault="it holds no picture")
        form, width, height, padding_bytes, begin, length = part
        own_bytes = (width * ((form >> 16) & 0xFF) + 7) // 8 if isinstance(form, int) else 0
        at_s = time.monotonic()
        return Grabbed(
            release,
            np.frombuffer(buffer.raw_buffer, np.uint8)[begin : begin + length],
            form=form,
            size=Size(height, width),
            row_bytes=own_bytes + padding_bytes if padding_bytes and own_bytes else None,
            has_more=self._has_chunks(buffer),
            number=number,
            device_s=device_s,
            age_s=self._clock.age_s(device_s, at_s),
            at_s=at_s,
        )

    def _picture_in(self, buffer: Any) -> tuple[str | int, int, int, int, int, int] | None:
        """Format, width, height, padding, begin and length of the picture, or of the first part that is one."""
        parts = list(buffer.parts) if self._told(buffer, "parts") else []
        for part in parts or [buffer]:
            width, height = self._told(part, "width"), self._told(part, "height")
            if not width or not height:
                continue
            form = self._form_of(part)
            padding_bytes = self._told(part, "x_padding" if parts else "padding_x") or 0
            begin = self._told(part, "data_offset" if parts else "image_offset") or 0
            filled = self._told(part, "data_size" if parts else "size_filled") or 0
            return form, width, height, padding_bytes, begin, filled if parts else filled - begin
        return None

    def _form_of(self, part: Any) -> str | int:
        names = {"data_format": "data_format_name_space", "pixel_format": "pixel_format_name_space"}
        for number, space in names.items():
            form = self._told(part, number)
            if form and self._told(part, space) in _STANDARD_NAMES:
                return int(form)
        return str(self.nodes.get("PixelFormat"))

    def _told(self, source: Any, name: str) -> Any:
        """What a producer says of a buffer, or `None` where it does not say it."""
        try:
            return getattr(source, name, None)
        except self._missing:
            return None

    def _has_chunks(self, buffer: Any) -> bool:
        """Whether chunk data stands behind the picture. Some producers answer an error in place of a number where none does."""
        try:
            return bool(getattr(buffer, "num_chunks", 0))
        except self._fault:
            return False

    def no_room(self) -> int:
        """A count of pictures without a buffer; see `Device.no_room`."""
        return int(self._told(self._acquirer.data_streams[0], "num_underrun") or 0)

    def close(self) -> None:
        """The camera is free for others; see `Device.close`."""
        for step in (self._acquirer.stop, self._acquirer.destroy):
            with suppress(self._fault):  # one that is lost: what is left of it is let go of all the same
                step()
        self._producer.closed()
