"""Basler cameras by pylon: `pylon:SERIAL`; and its emulator, which plays picture files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.capture.camera import Attached
from lineside.capture.genicam.options import FeatureTable, SettableTable, options_and_features
from lineside.core.errors import LinesideError, SettingsError, SourceError, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.camera import CameraSettings
    from lineside.capture.genicam.pylon_camera import PylonCamera

SCHEMES = ("pylon",)
"""The words before the colon."""


class Settable(SettableTable):
    """What a recipe may set."""


class Features(FeatureTable):
    """Options of the kind, and the camera's features."""

    feature_set: str | None = None
    """A set of features in pylon's own format, as its viewer saves it; set before the others."""


def open_camera(settings: CameraSettings) -> PylonCamera:
    """The open camera of a serial number, a name given by the user, or an IP address.

    Raises:
        NotInstalledError: pypylon is not installed.
        SourceError: The camera is not there, is in use, or does not answer.
        SettingsError: The address or a feature is not accepted.
        ImageFormatError: Its pixel format is not read.
        ImageTooLargeError: Its pictures are larger than the limit.
    """
    from lineside.capture.genicam.pylon_camera import PylonCamera
    from lineside.capture.genicam.pylon_device import PylonDevice

    who = f"camera {settings.id}"
    options, features = options_and_features(Features, settings)
    name = settings.address.partition(":")[2].strip("/")
    if not name:
        raise SettingsError(f'{who}: expected pylon:SERIAL, got "{settings.address}"')
    device = PylonDevice(_called(name, who), who, buffers=options.buffers)
    if options.feature_set is not None:
        try:
            device.load_features(options.feature_set)
        except LinesideError:
            device.close()
            raise
    return PylonCamera(settings, device, features, levels=options.levels)


def _infos() -> Sequence[Any]:
    from lineside.capture.genicam.bindings import bound

    infos: Sequence[Any] = bound("pypylon.pylon", "pylon").TlFactory.GetInstance().EnumerateDevices()
    return infos


def _called(name: str, who: str) -> Any:
    infos = _infos()
    for info in infos:
        if name in (
            info.GetSerialNumber(),
            info.GetUserDefinedName(),
            info.GetIpAddress(),
            info.GetFullName(),
        ):
            return info
    serials = [info.GetSerialNumber() for info in infos]
    hint = near(name, serials) or "; none was found. Is it powered, and in this network?"
    raise SourceError(f'{who}: there is no camera "{name}"{hint}')


def attached() -> Sequence[Attached]:
    """Basler's cameras that answer, and those that its emulator plays (`PYLON_CAMEMU`).

    Raises:
        NotInstalledError: pypylon is not installed.
    """
    return [
        Attached(
            address=f"pylon:{info.GetSerialNumber()}",
            kind="pylon",
            model=f"{info.GetVendorName()} {info.GetModelName()}",
            serial=info.GetSerialNumber(),
            facts={
                key: value
                for key, value in {
                    "class": info.GetDeviceClass(),
                    "address": info.GetIpAddress(),
                    "name": info.GetUserDefinedName(),
                }.items()
                if value and value != "N/A"
            },
        )
        for info in _infos()
    ]
