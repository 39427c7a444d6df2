"""A Basler camera by pypylon."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.capture.genicam.bindings import bound
from lineside.capture.genicam.clocks import HostClock
from lineside.capture.genicam.device import Grabbed
from lineside.capture.genicam.genapi_nodes import GenapiNodes, camel, translated
from lineside.core.errors import SettingsError, SourceError
from lineside.core.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NOTHING: NDArray[np.uint8] = np.empty(0, np.uint8)
_TICKS = ("GevTimestampTickFrequency", "TimestampTickFrequency")
_NO_NUMBER = 2**64 - 1
_READY_S = 1.0
_NO_BUFFER = "Statistic_Buffer_Underrun_Count"


class PylonDevice:
    """A camera that we control, from opening to `close`.

    Args:
        info: pylon's entry of its list.
        who: The camera, for messages.
        buffers: Pictures that find room.

    Raises:
        SourceError: It is in use, or does not answer.
    """

    def __init__(self, info: Any, who: str, *, buffers: int) -> None:
        self._pylon = pylon = bound("pypylon.pylon", "pylon")
        self._fault: type[Exception] = bound("pypylon.genicam", "pylon").GenericException
        self._who = who
        self.number_bits = 16 if info.GetDeviceClass() == "BaslerGigE" else 0
        self._clock = HostClock()
        try:
            self._camera = pylon.InstantCamera(pylon.TlFactory.GetInstance().CreateDevice(info))
            self._camera.Open()
            self._camera.MaxNumBuffer.Value = buffers
            self._map = self._camera.GetNodeMap()
            self._stream_map = self._camera.GetStreamGrabberNodeMap()
            self._arrived = self._camera.GetGrabResultWaitObject()
        except self._fault as fault:
            raise SourceError(f"{who}: {translated(fault, 'it cannot be opened')}") from fault
        self.nodes = GenapiNodes(self._find, self._names, fault=self._fault, spelt=camel, who=who)
        self._tick_s = self._seconds_of_a_tick()

    def _find(self, name: str) -> Any:
        node = self._map.GetNode(name)
        return None if node is None or type(node).__name__ == "PlaceholderParameter" else node

    def _names(self) -> Sequence[str]:
        nodes = (node.GetNode() for node in self._map.GetNodes())
        return [node.GetName() for node in nodes if node.IsFeature()]

    def _seconds_of_a_tick(self) -> float:
        for name in _TICKS:
            if self.nodes.describe(name) is not None:
                return 1 / max(float(self.nodes.get(name)), 1.0)
        return 1e-9

    def load_features(self, text: str) -> None:
        """The camera has every feature of a set that `saved_features` wrote, or pylon's viewer as a `.pfs` file.

        Raises:
            SettingsError: The text is no such set, or a feature is not accepted.
            SourceError: The camera does not answer.
        """
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if not lines or not all("\t" in line for line in lines):  # pylon would pass over them in silence
            raise SettingsError(
                f"{self._who}: feature_set: expected a text with a feature in each line, its name, a tab and its value"
            )
        try:
            self._pylon.FeaturePersistence.LoadFromString(text, self._map, True)  # noqa: FBT003  # pylon takes it by position
        except self._fault as fault:
            raise translated(fault, f"{self._who}: feature_set") from fault

    def saved_features(self) -> str:
        """All features that can be stored, as a text in pylon's own format. Pictures pause meanwhile.

        What is locked while pictures flow, as the size and the format, pylon would leave out.

        Raises:
            SourceError: The camera does not answer.
        """
        try:
            self._camera.StopGrabbing()
            text = str(self._pylon.FeaturePersistence.SaveToString(self._map))
        except self._fault as fault:
            raise SourceError(f"{self._who}: {translated(fault, 'its features cannot be stored')}") from fault
        self.start()
        return text

    def start(self) -> None:
        """Pictures flow; see `Device.start`."""
        try:
            self._camera.StartGrabbing(self._pylon.GrabStrategy_OneByOne)
        except self._fault as fault:
            raise SourceError(f"{self._who}: {translated(fault, 'no pictures flow')}") from fault
        self._await_ready()

    def _await_ready(self) -> None:
        """Where software triggers it, the camera takes a trigger from now on: one that came at once after the start would be lost.

        It is never asked to wait, for the same reason as in `grab`.
        """
        try:
            if self._triggered_by() != "Software" or not self._camera.CanWaitForFrameTriggerReady():
                return
            until_s = time.monotonic() + _READY_S
            while time.monotonic() < until_s:
                if self._camera.WaitForFrameTriggerReady(0, self._pylon.TimeoutHandling_Return):
                    return
                time.sleep(1e-3)
        except self._fault as fault:
            raise SourceError(f"{self._who}: {translated(fault, 'it is not ready for triggers')}") from fault

    def _triggered_by(self) -> str:
        """The source of its triggers; an empty text where it takes none."""
        if self.nodes.describe("TriggerMode") is None or self.nodes.get("TriggerMode") != "On":
            return ""
        return str(self.nodes.get("TriggerSource"))

    def stop(self) -> None:
        """No picture flows; see `Device.stop`."""
        try:
            self._camera.StopGrabbing()
        except self._fault as fault:
            raise SourceError(f"{self._who}: {translated(fault, 'its pictures do not stop')}") from fault

    def grab(self, timeout_s: float) -> Grabbed | None:
        """The oldest buffer; see `Device.grab`.

        `RetrieveResult` is never asked to wait: on Linux it counts the time by SIGALRM, whose handler it takes from the
        program, and where the program takes it back it waits for ever. Its wait object counts by itself.
        """
        try:
            if timeout_s > 0:
                self._arrived.Wait(round(timeout_s * 1000))
            result = self._camera.RetrieveResult(0, self._pylon.TimeoutHandling_Return)
            if result.IsValid():
                return self._grabbed(result)
            is_gone = self._camera.IsCameraDeviceRemoved() or not self._camera.IsGrabbing()
        except self._fault as fault:
            raise SourceError(f"{self._who}: {translated(fault, 'it is lost')}") from fault
        if is_gone:
            raise SourceError(f"{self._who}: the camera is gone")
        return None

    def _grabbed(self, result: Any) -> Grabbed:
        number = int(result.BlockID) if result.BlockID < _NO_NUMBER else None
        if not result.GrabSucceeded():
            fault = str(result.ErrorDescription).strip().rstrip(".") or f"error {result.ErrorCode:#x}"
            return Grabbed(result.Release, _NOTHING, number=number, fault=fault)
        ticks = result.TimeStamp
        device_s = ticks * self._tick_s if ticks else None
        size = Size(result.Height, result.Width)
        form = int(result.PixelType)
        padding_bytes = int(result.PaddingX)
        own_bytes = (size.width * ((form >> 16) & 0xFF) + 7) // 8
        at_s = time.monotonic()
        return Grabbed(
            result.Release,
            np.frombuffer(result.GetMemoryView(), np.uint8),
            form=form,
            size=size,
            row_bytes=own_bytes + padding_bytes if padding_bytes else None,
            number=number,
            device_s=device_s,
            age_s=self._clock.age_s(device_s, at_s),
            at_s=at_s,
        )

    def no_room(self) -> int:
        """A count of pictures without a buffer; see `Device.no_room`."""
        node = self._stream_map.GetNode(_NO_BUFFER)
        try:
            return int(node.Value)
        except (self._fault, AttributeError):  # this kind of camera does not count them
            return 0

    def close(self) -> None:
        """The camera is free for others; see `Device.close`."""
        for step in (self._camera.StopGrabbing, self._camera.Close, self._camera.DestroyDevice):
            with suppress(self._fault):  # one that is lost: what is left of it is let go of all the same
                step()
