"""GigE Vision and USB3 Vision cameras of any maker, without a maker's software: `gige:SERIAL`, `gige:IP`, `genicam://NAME`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from lineside.capture.camera import Attached
from lineside.capture.genicam.options import FeatureTable, SettableTable, options_and_features
from lineside.core.errors import SettingsError, SourceError, near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.genicam.aravis_library import Aravis
    from lineside.capture.genicam.device import Device

SCHEMES = ("gige", "u3v", "genicam")
"""The words before the colon."""

_RECEIVE_BYTES = 4 * 2**20
_RMEM_MAX = Path("/proc/sys/net/core/rmem_max")


class Settable(SettableTable):
    """What a recipe may set."""


class Features(FeatureTable):
    """Options of the kind, and the camera's features."""

    packet_size: int | None = Field(default=None, ge=576, le=16_384)
    """Bytes of a packet on the network; unset: the largest that comes through."""

    engine: Literal["aravis", "viva"] = "aravis"
    """What speaks to the camera. `viva` needs a package only, is young, and takes no `buffers`."""

    chunks: bool | Literal["required"] = False
    """Whether a picture's number and time are read from its chunk data; `required`: or else the camera is not opened."""

    library: str | None = None
    """Aravis' file, where the system does not find it."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A camera of Aravis' list."""

    id: str
    physical_id: str
    address: str
    vendor: str
    model: str
    serial_nbr: str
    protocol: str

    @property
    def names(self) -> tuple[str, ...]:
        """What may stand in an address."""
        own = (self.serial_nbr, self.address, self.id, self.physical_id)
        joined = (f"{self.vendor}-{self.serial_nbr}", f"{self.model}-{self.serial_nbr}")
        return tuple(name for name in (*own, *joined) if name)


def open_camera(settings: CameraSettings) -> Camera:
    """The open camera of an address: a serial number, an IP address, or a name as `MAKER-SERIAL`.

    Raises:
        NotInstalledError: Aravis, or viva-genicam where that is asked for, is not installed.
        SourceError: The camera is not there, is in use, or does not answer.
        SettingsError: The address or a feature is not accepted.
        ImageFormatError: Its pixel format is not read.
        ImageTooLargeError: Its pictures are larger than the limit.
    """
    from lineside.capture.genicam.camera import GenicamCamera

    who = f"camera {settings.id}"
    options, features = options_and_features(Features, settings)
    name = settings.address.partition(":")[2].strip("/")
    if not name:
        raise SettingsError(
            f'{who}: expected gige:SERIAL, gige:IP or genicam://NAME; got "{settings.address}"'
        )
    device = _by_aravis(options, name, who) if options.engine == "aravis" else _by_viva(options, name, who)
    return GenicamCamera(settings, device, features, levels=options.levels, chunks=options.chunks)


def _by_aravis(options: Features, name: str, who: str) -> Device:
    from lineside.capture.genicam.aravis_device import AravisDevice
    from lineside.capture.genicam.aravis_library import aravis

    library = aravis(options.library)
    address = _address_of(library, name, who)
    return AravisDevice(library, address, who, buffers=options.buffers, packet_size_bytes=options.packet_size)


def _by_viva(options: Features, name: str, who: str) -> Device:
    from lineside.capture.genicam.viva_device import VivaDevice, found

    for option in ("buffers", "library"):
        if option in options.model_fields_set:
            raise SettingsError(
                f'{who}: features: {option}: engine = "viva" has no such option; leave it out'
            )
    return VivaDevice(found(name, who), who, packet_size_bytes=options.packet_size)


def _address_of(library: Aravis, name: str, who: str) -> str:
    """What Aravis opens. An IP address needs no search, and works beyond the own network."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        found = _found(library)
    same = [each for each in found if name.casefold() in (n.casefold() for n in each.names)]
    if len(same) == 1:
        return same[0].id if same[0].protocol == "USB3Vision" else same[0].address or same[0].id
    if same:
        raise SourceError(
            f'{who}: {len(same)} cameras are called "{name}": expected one. Use an address: '
            f"{', '.join(each.address or each.id for each in same)}"
        )
    serials = [each.serial_nbr or each.id for each in found]
    hint = near(name, serials) or "; none was found. Is it powered, and in this network?"
    raise SourceError(f'{who}: there is no camera "{name}"{hint}')


def _found(library: Aravis) -> list[_Found]:
    library.update_device_list()
    return [
        _Found(
            **{
                what: (getattr(library, f"get_device_{what}")(i) or b"").decode(errors="replace")
                for what in _Found.__dataclass_fields__
            }
        )
        for i in range(library.get_n_devices())
    ]


def attached(rmem_max: Path = _RMEM_MAX) -> Sequence[Attached]:
    """The cameras that answer in this network and on USB, in about a second.

    Args:
        rmem_max: Where the system says how large a socket's buffer may be.

    Raises:
        NotInstalledError: Aravis is not installed.
    """
    from lineside.capture.genicam.aravis_library import aravis

    found = _found(aravis())
    serials = [each.serial_nbr for each in found]
    hints = _hints(rmem_max)
    return [
        Attached(
            address=f"gige:{each.serial_nbr if serials.count(each.serial_nbr) == 1 else each.address or each.id}",
            kind="gige",
            model=f"{each.vendor} {each.model}",
            serial=each.serial_nbr,
            facts={"protocol": each.protocol, "address": each.address, "hardware": each.physical_id},
            hints=hints if each.protocol == "GigEVision" else (),
        )
        for each in found
    ]


def _hints(rmem_max: Path) -> tuple[str, ...]:
    try:
        limit_bytes = int(rmem_max.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ()
    if limit_bytes >= _RECEIVE_BYTES:
        return ()
    hint = f"net.core.rmem_max is {limit_bytes} bytes: packets are lost while the computer is busy. "
    return (f"{hint}sysctl -w net.core.rmem_max={_RECEIVE_BYTES}",)
