"""A GigE Vision or USB3 Vision camera by viva-genicam: a package alone, no library of the system. Young, so beta here."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.capture.genicam.bindings import bound
from lineside.capture.genicam.chunks import stamped
from lineside.capture.genicam.clocks import HostClock, tick_s
from lineside.capture.genicam.device import Grabbed
from lineside.capture.genicam.viva_nodes import VivaNodes
from lineside.core.errors import SourceError, near
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_NOTHING: NDArray[np.uint8] = np.empty(0, np.uint8)
_CONTROL = 0x0A00  # the register of the control privilege, which every GigE Vision camera has
_QUIET_S = 1.0


def found(name: str, who: str) -> Any:
    """viva-genicam's entry for a camera: by its IP address with GigE Vision, by its serial number with USB3 Vision.

    Raises:
        NotInstalledError: viva-genicam is not installed.
        SourceError: There is no such camera.
    """
    viva = bound("viva_genicam", "viva")
    try:
        on_network, on_usb = viva.discover(all=True), _on_usb(viva)
    except viva.GenicamError as fault:
        raise SourceError(f"{who}: cameras cannot be looked for: {fault}") from fault
    entries = {info.ip: info for info in on_network} | {info.serial: info for info in on_usb if info.serial}
    if name not in entries:
        hint = near(name, entries) or "; none was found"
        raise SourceError(
            f'{who}: there is no camera "{name}"{hint}. viva-genicam knows GigE cameras by their IP address only'
        )
    return entries[name]


def _on_usb(viva: Any) -> list[Any]:
    with suppress(viva.GenicamError):  # a computer without USB has no such cameras
        return list(viva.discover_u3v())
    return []


class VivaDevice:
    """A camera that we control, from opening to `close`.

    Args:
        info: viva-genicam's entry for it.
        who: The camera, for messages.
        packet_size_bytes: Of GigE Vision; `None` for the largest that comes through.

    Raises:
        SourceError: It is in use, or does not answer.
    """

    number_bits = 16

    def __init__(self, info: Any, who: str, *, packet_size_bytes: int | None) -> None:
        viva = bound("viva_genicam", "viva")
        self._fault: type[Exception] = viva.GenicamError
        self._who, self._packet_size_bytes = who, packet_size_bytes
        self._clock = HostClock()
        self._stream: Any = None
        self._heard_s = 0.0
        try:
            self._camera = viva.Camera.open(info)
        except self._fault as fault:
            raise SourceError(
                f"{who}: it cannot be opened: {fault}. Is another program in control of it?"
            ) from fault
        self.nodes = VivaNodes(self._camera, self._fault, viva.TransportError, who)
        self._tick_s = tick_s(self.nodes)
        self._chunks: tuple[str, ...] = ()

    def read_chunks(self, names: Sequence[str]) -> None:
        """Buffers have these features of their chunk data; see `ChunkReading`."""
        self._chunks = tuple(names)

    def start(self) -> None:
        """Pictures flow; see `Device.start`."""
        size = self._packet_size_bytes
        try:
            self._stream = self._camera.stream(
                packet_size=size, auto_packet_size=size is None, deliver_incomplete=True
            )
            self._camera.acquisition_start()
        except self._fault as fault:
            raise SourceError(f"{self._who}: no pictures flow: {fault}") from fault
        self._heard_s = time.monotonic()

    def stop(self) -> None:
        """No picture flows; see `Device.stop`."""
        stream, self._stream = self._stream, None
        try:
            self._camera.acquisition_stop()
            if stream is not None:
                stream.close()
        except self._fault as fault:
            raise SourceError(f"{self._who}: its pictures do not stop: {fault}") from fault

    def grab(self, timeout_s: float) -> Grabbed | None:
        """The oldest buffer; see `Device.grab`."""
        try:
            frame = self._stream.next_frame(max(round(timeout_s * 1000), 1))
        except self._fault as fault:
            if "timeout" not in str(fault):  # it has no class of its own
                raise SourceError(f"{self._who}: it is lost: {fault}") from fault
            self._check_there()
            return None
        if frame is None:
            raise SourceError(f"{self._who}: the stream of pictures has ended: it is lost")
        self._heard_s = time.monotonic()
        grabbed = self._grabbed(frame)
        if not self._chunks or grabbed.fault:
            return grabbed
        told = self._camera.chunk_features(frame)
        return stamped(grabbed, self._chunks, self._tick_s, lambda name: self._told(told, name))

    def _told(self, told: Mapping[str, Any], name: str) -> int:
        """A value of a picture's chunk data, which the package tells as a text, or the error in its place."""
        try:
            return int(told[name])
        except (KeyError, TypeError, ValueError) as fault:
            raise SourceError(f"{name}: {told.get(name, 'it is not in it')}") from fault

    def _check_there(self) -> None:
        """The camera answers, where it was quiet for a while: the package does not say when one is gone."""
        if time.monotonic() - self._heard_s < _QUIET_S or self._camera.transport != "gige":
            return
        try:
            self._camera.read_register(_CONTROL)
        except self._fault as fault:
            raise SourceError(f"{self._who}: control was lost: the camera is gone: {fault}") from fault
        self._heard_s = time.monotonic()

    def _grabbed(self, frame: Any) -> Grabbed:
        number = int(frame.block_id)
        if not frame.is_complete:
            missing = frame.missing_packets
            fault = f"{missing} packets are missing" if missing else f"it came {frame.status.value}"
            return Grabbed(_nothing_to_give_back, _NOTHING, number=number or None, fault=fault)
        ticks = frame.ts_dev
        device_s = ticks * self._tick_s if ticks else None
        form, size, padding_bytes = (
            int(frame.pixel_format_code),
            Size(frame.height, frame.width),
            frame.padding_x,
        )
        own_bytes = (size.width * ((form >> 16) & 0xFF) + 7) // 8
        at_s = time.monotonic()
        return Grabbed(
            _nothing_to_give_back,
            np.frombuffer(frame.payload(), np.uint8),
            form=form,
            size=size,
            row_bytes=own_bytes + padding_bytes if padding_bytes else None,
            number=number,
            device_s=device_s,
            age_s=self._clock.age_s(device_s, at_s),
            at_s=at_s,
        )

    def no_room(self) -> int:
        """A count of pictures that found no room; see `Device.no_room`."""
        return int(self._stream.stats().frames_backpressure)

    def close(self) -> None:
        """The camera is free for others; see `Device.close`."""
        steps = [self._camera.acquisition_stop, self._stream.close] if self._stream is not None else []
        for step in (*steps, self._camera.close):
            with suppress(self._fault):  # one that is lost: what is left of it is let go of all the same
                step()


def _nothing_to_give_back() -> None:
    """The package gives each picture away."""
