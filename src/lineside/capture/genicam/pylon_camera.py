"""What a Basler camera can do beyond the others: its features as one text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.capture.genicam.camera import GenicamCamera

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.capture.camera import CameraSettings
    from lineside.capture.genicam.device import Value
    from lineside.capture.genicam.pylon_device import PylonDevice


class PylonCamera(GenicamCamera):
    """A Basler camera whose pictures flow; see `GenicamCamera`."""

    def __init__(
        self,
        settings: CameraSettings,
        device: PylonDevice,
        features: Mapping[str, Value],
        *,
        levels: Sequence[int] | None = None,
    ) -> None:
        self._pylon = device
        super().__init__(settings, device, features, levels=levels)

    def stored_features(self) -> str:
        """Every feature that can be stored, as a text in pylon's own format; `features.feature_set` takes it.

        Pictures pause for a moment, and those that nobody has read are lost.

        Raises:
            SourceError: The camera is lost.
        """
        with self._asking, self._reading:
            self._check_open()
            return self._pylon.saved_features()
