"""A machine-vision camera as lineside's `Camera`, whatever library speaks to it."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from lineside.capture.camera import CameraStatistics, TriggerMode
from lineside.capture.genicam.chunks import ask_for_chunks, check_rows
from lineside.capture.genicam.clocks import FrameNumbers, together
from lineside.capture.genicam.features import set_features
from lineside.capture.genicam.ptp import ClockState, PtpClock
from lineside.capture.genicam.reconfiguring import changeable, needs_pause, set_in_a_pause, settling_s
from lineside.capture.genicam.triggers import period_s, set_rate, set_trigger, split
from lineside.core.delivery import Delivery
from lineside.core.errors import ImageError, ImageTooLargeError, LinesideError, SourceError
from lineside.core.frame import Frame
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.capture.camera import CameraSettings
    from lineside.capture.genicam.chunks import ChunkWish
    from lineside.capture.genicam.device import Device, Grabbed, Value

_SLICE_S = 0.1
"""How long a reader holds the device at most before it looks whether it was closed."""

ASK_CLOCK_EVERY_S = 5.0
"""A camera with PTP is asked so often what its clock follows."""

_MOST_BEHIND = 64
"""More buffers than that, or than the camera has, are not passed over in one read: where they come faster than they are given
back it would never end. What is handed out is no older than the read's beginning all the same."""


class GenicamCamera:
    """A camera with its features set, whose pictures flow. It owns the device, also where its making fails.

    Args:
        settings: How it is opened.
        device: The camera under our control.
        features: Its features by name.
        levels: The values that become 0 and 255; `None` for the upper 8 bits.
        chunks: Whether numbers and times of pictures are those of their chunk data.
        ask_clock_every_s: How often a camera with PTP is asked what its clock follows.

    Raises:
        SettingsError: A feature is not accepted.
        ImageFormatError: Its pixel format is not read.
        ImageTooLargeError: Its pictures are larger than the limit.
        SourceError: The camera does not answer.
    """

    def __init__(
        self,
        settings: CameraSettings,
        device: Device,
        features: Mapping[str, Value],
        *,
        levels: Sequence[int] | None = None,
        chunks: ChunkWish = False,
        ask_clock_every_s: float = ASK_CLOCK_EVERY_S,
    ) -> None:
        self._settings = settings
        self._device = device
        self._who = f"camera {settings.id}"
        self._levels = levels
        self._most_behind = max(_MOST_BEHIND, int(settings.features.get("buffers", 0)))
        self._reading, self._asking = Lock(), Lock()
        self._is_closed = False
        self._has_begun = False
        self._settles_s = 0.0
        self._frames = self._dropped = self._incomplete = self._missed = self._no_room = 0
        self._numbers = FrameNumbers(device.number_bits)
        self._ptp: PtpClock | None = None
        try:
            self._set_up(features)
            self._remark = ask_for_chunks(device, device.nodes, chunks, self._who)
            self._ptp = PtpClock(device.nodes, self._asking, ask_clock_every_s, settings.clock)
            self._period_s = period_s(device.nodes, settings.trigger)
            device.start()
            self._ptp.start(self._who)
        except LinesideError:
            self.close()
            raise

    def _set_up(self, features: Mapping[str, Value]) -> None:
        nodes, mode = self._device.nodes, self._settings.trigger
        first, of_trigger = split(features, mode, self._who)
        set_features(nodes, first, self._who)
        if self._settings.fps is not None:
            set_rate(nodes, self._settings.fps, self._who)
        set_trigger(nodes, mode, of_trigger, self._who)
        self._check_format()

    def _check_format(self) -> None:
        from lineside.capture.pixels.formats import pixel_format

        nodes = self._device.nodes
        try:
            if nodes.describe("PixelFormat") is not None:
                pixel_format(str(nodes.get("PixelFormat")))
            if nodes.describe("Width") is not None and nodes.describe("Height") is not None:
                self._check_size(Size(int(nodes.get("Height")), int(nodes.get("Width"))))
        except ImageError as fault:
            raise type(fault)(f"{self._who}: {fault}") from fault

    def _check_size(self, size: Size) -> None:
        if size.height * size.width > self._settings.limit_px:
            raise ImageTooLargeError(
                f"expected pictures of at most {self._settings.limit_px} pixels, got {size}. Raise limit_px or set "
                "Width and Height"
            )

    @property
    def period_s(self) -> float | None:
        """Seconds between two pictures, as the camera says; see `Paced`."""
        return self._period_s

    @property
    def remark(self) -> str:
        """What is otherwise than asked, as chunk data that it does not write; see `Remarking`."""
        return self._remark

    def trigger(self) -> None:
        """The camera was told to take one picture, which a later `read` gives. Any thread may ask.

        Raises:
            SourceError: The camera is lost, or is not triggered by software.
        """
        if not self._settings.is_triggered:
            raise SourceError(
                f'{self._who}: it is triggered by itself or a wire; expected trigger = "software", it is '
                f'"{self._settings.trigger}"'
            )
        with self._asking:
            self._check_open()
            self._has_begun = True
            self._device.nodes.set("TriggerSoftware", value=True)

    @property
    def settles_s(self) -> float:
        """How long pictures may still be of before the last `configure`; see `Settling`."""
        return self._settles_s

    def configure(self, features: Mapping[str, Value]) -> None:
        """The camera has other values of features from the next exposure on, as for another product. Any thread may ask.

        Pictures pause for it where a feature is locked while they flow, as their size is; always where they come by
        themselves, so that those of before are gone. Own options of lineside stay as they are.

        Raises:
            SettingsError: A value is not accepted; those before it have been set.
            SourceError: The camera is lost.
        """
        mode, nodes, opened_with = self._settings.trigger, self._device.nodes, self._settings.features
        with self._asking:
            self._check_open()
            wanted = changeable(nodes, features, opened_with, mode, self._who)
            if needs_pause(nodes, wanted, mode):
                with self._reading:
                    self._pause(wanted)
                return
            is_wired = mode is TriggerMode.HARDWARE
            before_s = settling_s(nodes) if is_wired else 0.0
            set_features(nodes, wanted, self._who)
            self._settles_s = max(before_s, settling_s(nodes)) if is_wired else 0.0

    def _pause(self, wanted: Mapping[str, Value]) -> None:
        """Set features while no picture flows; what was on its way is dropped."""
        self._device.stop()
        try:
            set_in_a_pause(self._device.nodes, wanted, self._who)
            self._check_format()
            self._period_s = period_s(self._device.nodes, self._settings.trigger)
        finally:
            self._device.start()
        # Where a wire triggers, one may have come meanwhile: its part is without a picture, and the numbers must not hide that.
        self._numbers.begin_again(goes_on=self._settings.trigger is not TriggerMode.HARDWARE)
        self._has_begun, self._no_room, self._settles_s = False, 0, 0.0

    def read(self, timeout_s: float) -> Frame | None:
        """The next fresh picture, or `None` where none came in time; see `Camera.read`."""
        left_s = max(timeout_s, 0.0)
        while True:
            wait_s = min(left_s, _SLICE_S)
            with self._reading:
                self._check_open()
                grabbed = self._next(wait_s)
                if grabbed is not None:
                    return self._frame_of(grabbed)
            left_s -= wait_s
            if left_s <= 0:
                return None

    def _next(self, timeout_s: float) -> Grabbed | None:
        """The oldest buffer, or the newest whole one where only that counts. What lies before it is counted."""
        grabbed = self._grab(timeout_s)
        if grabbed is None or self._settings.delivery is not Delivery.LATEST:
            return grabbed
        for _ in range(self._most_behind):
            if (newer := self._grab_behind(grabbed)) is None:
                break
            old, grabbed = (newer, grabbed) if newer.fault and not grabbed.fault else (grabbed, newer)
            old.release()
            if old.fault:
                self._incomplete += 1
            else:
                self._dropped += 1
        return grabbed

    def _grab(self, timeout_s: float) -> Grabbed | None:
        grabbed = self._device.grab(timeout_s)
        while grabbed is not None and self._is_from_before(grabbed):
            grabbed.release()
            grabbed = self._device.grab(0.0)
        if grabbed is None:
            return None
        self._count_gap(self._numbers.missing_before(grabbed.number))
        return grabbed

    def _is_from_before(self, grabbed: Grabbed) -> bool:
        """The rest of what a camera was sending when we began to listen: test packets, half a picture. Nobody asked for it.

        Not so where a wire triggers: there the first picture may be a part's, and its beginning lost.
        """
        if not grabbed.fault or grabbed.number is not None:
            self._has_begun = True
        return not self._has_begun and self._settings.trigger is not TriggerMode.HARDWARE

    def _count_gap(self, missing: int) -> None:
        """Pictures between this one and the last: lost on their way, or by us, who had no room for them."""
        if not missing:
            return
        no_room, self._no_room = self._no_room, self._device.no_room()
        if self._no_room > no_room:
            self._dropped += missing
        else:
            self._missed += missing

    def _grab_behind(self, held: Grabbed) -> Grabbed | None:
        """The next buffer that is there already; the one in hand is given back where the camera is lost."""
        try:
            return self._grab(0.0)
        except LinesideError:
            held.release()
            raise

    def _frame_of(self, grabbed: Grabbed) -> Frame:
        from lineside.capture.pixels.convert import convert

        # This thread may have been held up since, and a picture must not seem to be taken after the next one.
        now_s, on_clock_s = together(time.monotonic, self._settings.clock)
        captured_s = on_clock_s - (now_s - grabbed.at_s) - grabbed.age_s
        host_s = self._settings.wall_at(captured_s)
        try:
            size = self._whole_size(grabbed)
            check_rows(grabbed, size)
            image = convert(grabbed.raw, grabbed.form, size, row_bytes=grabbed.row_bytes, levels=self._levels)
        except ImageError as fault:
            self._incomplete += 1
            raise type(fault)(f"{self._who}: {fault}") from fault
        finally:
            grabbed.release()
        by_ptp_s = None if self._ptp is None else self._ptp.wall_s(grabbed.device_s, host_s)
        frame = Frame(
            image=image,
            stream=self._settings.id,
            sequence=self._frames,
            captured_s=captured_s,
            wall_s=host_s if by_ptp_s is None else by_ptp_s,
            device_s=grabbed.device_s,
            device_frame=self._numbers.told(grabbed.number if grabbed.frame_id is None else grabbed.frame_id),
        )
        self._frames += 1
        return frame

    def _whole_size(self, grabbed: Grabbed) -> Size:
        """The picture's size, where it is whole and not too large."""
        size = grabbed.size
        which = "a picture" if grabbed.number is None else f"picture {grabbed.number}"
        if grabbed.fault or size is None:
            raise ImageError(f"{which} cannot be used: {grabbed.fault or 'it has no size'}")
        self._check_size(size)
        return size

    def statistics(self) -> CameraStatistics:
        """What it has done. Any thread may ask."""
        clock = ClockState() if self._ptp is None else self._ptp.state
        return CameraStatistics(
            self._frames, self._dropped, self._incomplete, self._missed, clock.word, clock.offset_s
        )

    def _check_open(self) -> None:
        if self._is_closed:
            raise SourceError(f"{self._who}: it was closed")

    def close(self) -> None:
        """The device is let go of; may be called twice, and while another thread reads."""
        with self._asking:
            is_first, self._is_closed = not self._is_closed, True
            if self._ptp is not None:
                self._ptp.stop()
        if is_first:
            if self._ptp is not None:
                self._ptp.join()
            with self._reading:
                self._device.close()
