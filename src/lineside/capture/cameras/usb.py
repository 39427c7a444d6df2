"""USB cameras over Video4Linux: `usb:0`, `usb:/dev/video2`, `/dev/video0`.

No such device exists where lineside is built, so what talks to it, OpenCV's capture, is an argument, and the tests bring one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lineside.capture.camera import Attached, TriggerMode
from lineside.capture.finding import USBFS_MEMORY, usbfs_hint
from lineside.core.documents import Table, parsed
from lineside.core.errors import SettingsError, SourceError, near

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.stream.opencv import OpenCvDecoder

SCHEMES = ("usb",)

_DEVICES = Path("/sys/class/video4linux")
_TOLERANCE = 0.02


class Features(Table):
    """What is asked of the device. What it does not take is refused, never replaced in silence."""

    width: int | None = Field(None, ge=16, le=16384, description="Pixels across.")
    height: int | None = Field(None, ge=16, le=16384, description="Pixels down.")
    fourcc: str | None = Field(
        None, pattern="^[A-Za-z0-9]{4}$", description="How pictures travel, such as MJPG or YUYV."
    )
    exposure: float | None = Field(
        None, description="Exposure in the driver's own unit; automatic exposure is switched off."
    )
    gain: float | None = Field(None, description="Gain in the driver's own unit.")
    focus: float | None = Field(
        None, description="Focus in the driver's own unit; automatic focus is switched off."
    )
    white_balance_k: float | None = Field(
        None, gt=0, description="Colour temperature in kelvin; automatic white balance is switched off."
    )


def open_camera(
    settings: CameraSettings, capture: Callable[[str], Any] | None = None, devices: Path = Path("/dev")
) -> Camera:
    """A USB camera, whose pictures are being taken by a thread of its own.

    Args:
        settings: The camera's.
        capture: Opens a device; OpenCV over Video4Linux unless given. What it returns has the methods of `cv2.VideoCapture`.
        devices: The folder of the device files.

    Raises:
        SettingsError: A feature is not accepted by lineside or by the device.
        SourceError: There is no such device, or it is in use.
        ImageTooLargeError: Its pictures have more pixels than the limit.
    """
    from lineside.capture.stream.live import LiveCamera

    features = parsed(Features, settings.features, f"camera {settings.id}: features")
    if settings.trigger not in {TriggerMode.FREE, TriggerMode.HARDWARE}:
        raise SettingsError(
            f"camera {settings.id}: a USB camera sends by itself; expected trigger free, or hardware if it has such a "
            f"line; got {settings.trigger}"
        )
    device = _device(settings, devices)
    return LiveCamera(settings, lambda: _decoder(settings, features, device, capture or _captured))


def attached(devices: Path = _DEVICES, usbfs: Path = USBFS_MEMORY) -> Sequence[Attached]:
    """The video devices of this machine, by what the kernel says of them; none is opened."""
    found = []
    for entry in sorted(devices.glob("video*"), key=lambda path: (len(path.name), path.name)):
        if _text(entry / "index") not in {"", "0"}:
            continue  # a second node of one camera, for its metadata
        facts = {"driver": _text(entry / "device" / "uevent").partition("DRIVER=")[2].partition("\n")[0]}
        found.append(
            Attached(
                address=f"/dev/{entry.name}",
                kind="usb",
                model=_text(entry / "name") or "unknown",
                serial=_text(entry / "device" / ".." / "serial"),
                facts={key: value for key, value in facts.items() if value},
                hints=tuple(filter(None, [usbfs_hint(usbfs)])),
            )
        )
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _device(settings: CameraSettings, devices: Path) -> Path:
    rest = settings.address.removeprefix("usb:")
    if re.fullmatch(r"\d{1,4}", rest):
        path = devices / f"video{rest}"
    elif re.fullmatch(r"/dev/[A-Za-z0-9/_.:-]+", rest) and ".." not in rest:
        path = devices / rest.removeprefix("/dev/")
    else:
        raise SettingsError(
            f'camera {settings.id}: expected usb:NUMBER or usb:/dev/videoN; got "{settings.address}"'
        )
    if not path.exists():
        known = sorted(each.name for each in devices.glob("video*"))
        raise SourceError(f"camera {settings.id}: there is no device {path}{near(path.name, known)}")
    return path


def _captured(device: str) -> Any:
    import cv2

    return cv2.VideoCapture(device, cv2.CAP_V4L2)


def _decoder(
    settings: CameraSettings, features: Features, device: Path, capture: Callable[[str], Any]
) -> OpenCvDecoder:
    from lineside.capture.stream.opencv import OpenCvDecoder

    opened = capture(str(device))
    if not opened.isOpened():
        opened.release()
        raise SourceError(
            f"camera {settings.id}: {device} cannot be opened: another program has it, it is no camera, or this user is "
            "not in the group video"
        )
    try:
        for name, number, value in _asked(settings, features):
            _set(f"camera {settings.id}", opened, name, number, value)
    except SettingsError:
        opened.release()
        raise
    return OpenCvDecoder(f"camera {settings.id}", opened)


def _asked(settings: CameraSettings, features: Features) -> list[tuple[str, int, float]]:
    """What is to be set, in the order that drivers want: the format, then the size, then the rate and the rest."""
    import cv2

    code = None if features.fourcc is None else cv2.VideoWriter.fourcc(*features.fourcc)
    manual = 1.0  # V4L2_EXPOSURE_MANUAL
    wanted: list[tuple[str, int, float | None]] = [
        ("fourcc", cv2.CAP_PROP_FOURCC, code),
        ("width", cv2.CAP_PROP_FRAME_WIDTH, features.width),
        ("height", cv2.CAP_PROP_FRAME_HEIGHT, features.height),
        ("fps", cv2.CAP_PROP_FPS, settings.fps),
        ("auto exposure", cv2.CAP_PROP_AUTO_EXPOSURE, None if features.exposure is None else manual),
        ("exposure", cv2.CAP_PROP_EXPOSURE, features.exposure),
        ("gain", cv2.CAP_PROP_GAIN, features.gain),
        ("autofocus", cv2.CAP_PROP_AUTOFOCUS, None if features.focus is None else 0.0),
        ("focus", cv2.CAP_PROP_FOCUS, features.focus),
        ("automatic white balance", cv2.CAP_PROP_AUTO_WB, None if features.white_balance_k is None else 0.0),
        ("white_balance_k", cv2.CAP_PROP_WB_TEMPERATURE, features.white_balance_k),
    ]
    return [(name, number, float(value)) for name, number, value in wanted if value is not None]


def _set(camera: str, opened: Any, name: str, number: int, value: float) -> None:
    """The device has the value, by what it says itself.

    Raises:
        SettingsError: It does not take it.
    """
    is_taken = opened.set(number, value)
    got = opened.get(number)
    if not is_taken or abs(got - value) > _TOLERANCE * max(abs(value), 1):
        raise SettingsError(f"{camera}: {name}: asked for {value:g}, the device has {got:g}")
