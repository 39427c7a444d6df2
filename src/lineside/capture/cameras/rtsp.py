"""Cameras on the network that send video: `rtsp://`, `rtsps://`, `http://`, `https://`."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import Field

from lineside.capture.address import with_secrets
from lineside.core.documents import Table, parsed
from lineside.core.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.stream.live import Decoder

SCHEMES = ("rtsp", "rtsps", "http", "https")

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_LOOK_S = 1.0


class Features(Table):
    """How the stream is opened and decoded."""

    engine: Literal["opencv", "pyav"] = Field(
        "opencv", description="What opens and decodes it; pyav is an extra."
    )
    transport: Literal["tcp", "udp"] = Field(
        "tcp", description="How RTSP's packets travel. Over udp lost packets smear pictures."
    )
    open_timeout_s: float = Field(5.0, ge=0.1, le=60, description="Opening it may take so long.")
    read_timeout_s: float = Field(
        5.0,
        ge=0.1,
        le=60,
        description="The library gives up a read after about so long; the feed notices earlier.",
    )
    hardware: str | None = Field(
        None,
        pattern="^[a-z0-9_]{1,32}$",
        description="What decodes in place of the CPU, such as cuda or qsv; engine pyav only. Where it cannot, the CPU does, and that is told.",
    )
    low_delay: bool = Field(
        default=False,
        description="A frame less of delay, for streams with one slice a frame and no packet loss; engine pyav only.",
    )


def open_camera(settings: CameraSettings) -> Camera:
    """A camera on the network, whose video is being decoded by a thread of its own.

    `${NAME}` in the address stands for a variable of the environment, so that no password is in a file.

    Raises:
        SettingsError: A feature is not accepted, a variable is not set, or the trigger is not free.
        NotInstalledError: PyAV is asked for and not installed.
        SourceError: The camera is not there, or does not send what can be decoded.
        ImageTooLargeError: Its pictures have more pixels than the limit.
    """
    from lineside.capture.camera import TriggerMode
    from lineside.capture.stream.live import LiveCamera

    features = parsed(Features, settings.features, f"camera {settings.id}: features")
    if features.engine != "pyav" and (features.hardware or features.low_delay):
        raise SettingsError(
            f'camera {settings.id}: features: hardware and low_delay need engine = "pyav"; got opencv'
        )
    if settings.trigger is not TriggerMode.FREE:
        raise SettingsError(
            f"camera {settings.id}: a network stream runs by itself; expected trigger free, got {settings.trigger}"
        )
    url = with_secrets(settings.address)
    if not _host(url):
        raise SettingsError(f"camera {settings.id}: expected a host in the address; got {settings.shown}")
    is_sending = urlsplit(url).scheme in {"rtsp", "rtsps"}  # over HTTP a file may come, all of which counts
    return LiveCamera(settings, lambda: _decoder(settings, features, url), is_sending=is_sending)


def _decoder(settings: CameraSettings, features: Features, url: str) -> Decoder:
    name = f"camera {settings.id}: {settings.shown}"
    timeouts_s = (features.open_timeout_s, features.read_timeout_s)
    decoder: Decoder | None
    if features.engine == "pyav":
        from lineside.capture.stream import pyav

        decoder = pyav.open_network(name, url, features, timeouts_s)
    else:
        from lineside.capture.stream import opencv
        from lineside.capture.stream.options import GATE

        decoder = opencv.open_network(
            name, url, transport=features.transport, timeouts_s=timeouts_s, gate=GATE
        )
    if decoder is None:
        raise SourceError(f"{name}: {_why(url)}")
    return decoder


def _host(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port or _PORTS[parts.scheme]) if parts.hostname else None
    except ValueError:  # a port that is no number
        return None


def _why(url: str) -> str:
    """What the network says of a stream that could not be opened, as OpenCV does not tell."""
    where = _host(url)
    assert where is not None
    try:
        socket.create_connection(where, _LOOK_S).close()
    except OSError as fault:
        return f"nothing answers at {where[0]} port {where[1]}: {fault.strerror or fault}"
    return (
        f"{where[0]} port {where[1]} answers, but gives no video that can be decoded. Check path, user and password, and "
        "whether a player shows it"
    )
