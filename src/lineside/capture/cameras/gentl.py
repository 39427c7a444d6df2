"""Cameras behind any GenTL producer (CoaXPress, Camera Link, makers' drivers): `gentl:PRODUCER.cti#SERIAL`, `gentl:SERIAL`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.capture.camera import Attached
from lineside.capture.genicam.options import FeatureTable, SettableTable, options_and_features
from lineside.core.errors import SettingsError, SourceError, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineside.capture.camera import Camera, CameraSettings

SCHEMES = ("gentl",)
"""The words before the colon."""

PATHS = "GENICAM_GENTL64_PATH"
"""Where makers' installers say that their producers are: folders, by the GenTL standard."""


class Settable(SettableTable):
    """What a recipe may set."""


class Features(FeatureTable):
    """Options of the kind, and the camera's features."""


def open_camera(settings: CameraSettings) -> Camera:
    """The open camera of a producer and a serial number, identifier or name.

    A producer is a program library that runs inside lineside: name only those that are trusted.

    Raises:
        NotInstalledError: harvesters or genicam are not installed.
        SourceError: The producer or the camera is not there, is in use, or does not answer.
        SettingsError: The address or a feature is not accepted.
        ImageFormatError: Its pixel format is not read.
        ImageTooLargeError: Its pictures are larger than the limit.
    """
    from lineside.capture.genicam.camera import GenicamCamera
    from lineside.capture.genicam.gentl_device import GentlDevice
    from lineside.capture.genicam.gentl_producer import names_of, producer

    who = f"camera {settings.id}"
    options, features = options_and_features(Features, settings)
    path, name = _parsed(settings.address, who)
    searched = [path] if path is not None else _producers(os.environ)
    found = [(each, info) for each in searched for info in _infos(each, who)]
    same = [(each, info) for each, info in found if name in names_of(info)] if name else found
    if not same and name:
        hint = near(name, [serial for _, info in found for serial in names_of(info)[:1]])
        raise SourceError(f'{who}: there is no camera "{name}"{hint or "; no producer finds one"}')
    if len(same) != 1:
        several = ", ".join(f"#{names_of(info)[0]}" for _, info in same)
        raise SourceError(f"{who}: expected one camera, found {several or 'none'}. Name one behind the #")
    device = GentlDevice(producer(same[0][0]), same[0][1], who, buffers=options.buffers)
    return GenicamCamera(settings, device, features, levels=options.levels)


def _parsed(address: str, who: str) -> tuple[Path | None, str]:
    """The producer, where the address names one, and the camera's name."""
    rest = address.partition(":")[2]
    path, mark, name = rest.partition("#")
    if not mark and not path.endswith(".cti"):
        path, name = "", rest
    if not path and not name:
        raise SettingsError(f'{who}: expected gentl:PRODUCER.cti#SERIAL or gentl:SERIAL; got "{address}"')
    return (Path(path) if path else None), name


def _producers(environment: Mapping[str, str]) -> list[Path]:
    """The producers in the folders that makers' installers announce."""
    folders = [Path(each) for each in environment.get(PATHS, "").split(os.pathsep) if each]
    return sorted(each for folder in folders for each in folder.glob("*.cti"))


def _infos(path: Path, who: str) -> Sequence[Any]:
    from lineside.capture.genicam.gentl_producer import producer

    try:
        return producer(path).found()
    except SourceError as fault:
        raise SourceError(f"{who}: {fault}") from fault


def attached(environment: Mapping[str, str] = os.environ) -> Sequence[Attached]:
    """The cameras of every producer that the makers' installers announce.

    Args:
        environment: Where they do so.

    Raises:
        NotInstalledError: harvesters or genicam are not installed.
        SourceError: A producer cannot be loaded.
    """
    from lineside.capture.genicam.gentl_producer import names_of, producer

    return [
        Attached(
            address=f"gentl:{path}#{names_of(info)[0]}",
            kind="gentl",
            model=f"{info.vendor} {info.model}",
            serial=names_of(info)[0],
            facts={"transport": info.tl_type, "name": info.display_name},
        )
        for path in _producers(environment)
        for info in producer(path).found()
    ]
