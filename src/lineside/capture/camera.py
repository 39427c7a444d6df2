"""What a live camera is, and how an address becomes one: `rtsp://…`, `usb:0`, `gige:SERIAL`, `synthetic:cap`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from lineside.capture.address import masked
from lineside.core import plugins
from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError, UnknownNameError, near

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lineside.core.frame import Frame

KINDS = "lineside.capture.cameras"
"""The folder of the camera kinds, and the entry point group for more of them."""


class TriggerMode(StrEnum):
    """What makes a camera take a picture."""

    FREE = "free"
    """It runs by itself; each picture stands for a part, or is the newest of a stream."""
    SOFTWARE = "software"
    """lineside asks for each picture (`Camera.trigger`)."""
    HARDWARE = "hardware"
    """A wire into the camera; lineside only receives."""
    PLC = "plc"
    """The plant's control tells lineside, which asks the camera."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """How a camera is opened.

    Attributes:
        id: The camera's name on the line; the `stream` of its frames.
        address: `KIND:REST` or a URL whose scheme is a kind's.
        trigger: What makes it take a picture.
        delivery: Which pictures must not be lost.
        fps: Pictures a second to ask for; `None` for the camera's own rate.
        features: The camera's own features by their names in the Standard Features Naming Convention
            (`ExposureTime`, `Gain`, `PixelFormat`), or the kind's own options.
        timeout_s: Without a picture for so long the camera is lost; `None` for the larger of 1 s and five periods.
        limit_px: Larger pictures are refused before they are decoded.
        clock: Monotonic seconds.
        wall_clock: Seconds since 1970, for records.

    Raises:
        SettingsError: A value is out of its range.
    """

    id: str
    address: str
    trigger: TriggerMode = TriggerMode.FREE
    delivery: Delivery = Delivery.EVERY_PART
    fps: float | None = None
    features: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None
    limit_px: int = 100_000_000
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not self.id:
            raise SettingsError("camera: expected an id, a name for this camera; got none")
        for name in ("fps", "timeout_s", "limit_px"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise SettingsError(f"camera {self.id}: {name}: expected a number above 0; got {value!r}")

    @property
    def shown(self) -> str:
        """The address as it may be logged, without what opens the door."""
        return masked(self.address)

    @property
    def is_triggered(self) -> bool:
        """Whether lineside asks for each picture."""
        return self.trigger in {TriggerMode.SOFTWARE, TriggerMode.PLC}

    def wall_at(self, at_s: float) -> float:
        """A moment of the monotonic clock in seconds since 1970, by what both clocks say now."""
        return self.wall_clock() - (self.clock() - at_s)


@dataclass(frozen=True, slots=True)
class CameraStatistics:
    """What an open camera has done since it was opened.

    Attributes:
        frames: Pictures handed out.
        dropped: Whole pictures that nobody had read when a newer one came (`latest`), or for which there was no room.
        incomplete: Pictures that arrived damaged, as with lost packets, and were not handed out.
        missed: Pictures that the camera counted and that never came: gaps in its own numbers.
        clock: What its clock follows: `ptp slave`, `ptp master`, `ptp listening` and the like as it says, `own` where its PTP is
            off, `ptp unknown` where it does not answer; empty where it has no PTP.
        clock_offset_s: How far it says to be from the clock that it follows, in seconds; `None` where it does not say.
    """

    frames: int = 0
    dropped: int = 0
    incomplete: int = 0
    missed: int = 0
    clock: str = ""
    clock_offset_s: float | None = None


class Camera(Protocol):
    """A camera that is open. One thread uses it; `close` may come from another.

    It knows nothing of reconnecting: a camera that is lost says so once, by its error, and is opened anew.

    A camera may have five things more. `period_s` (`Paced`) is how far apart its pictures are, where it knows that better than
    the settings; `math.inf` says that no picture for any time is no fault. `expect` (`Expectant`) takes the number of the
    part that the next trigger is for. `remark` (`Remarking`) says what is otherwise than asked. `configure` (`Configurable`) sets
    features between two pictures, and `settles_s` (`Settling`) says how long pictures may still be of those before. The kind's module
    says which features those are: `Settable`, the table of a recipe's `features`, without which a recipe can have none.
    """

    def trigger(self) -> None:
        """The camera was told to take one picture, which a later `read` gives.

        Raises:
            SourceError: The camera is lost, or cannot be triggered by software.
        """

    def read(self, timeout_s: float) -> Frame | None:
        """The next fresh picture, or `None` where none came in time, which need not be a fault.

        A frame's `captured_s` is on the settings' clock, as near to the exposure as the kind can tell.

        Args:
            timeout_s: How long to wait at most; 0 only looks.

        Raises:
            SourceError: The camera is lost. It is closed and opened again by whoever owns it.
            SourceEndedError: What was played is over; it is not opened again.
            ImageError: A picture came that cannot be used, as one with missing packets; the camera is well.
        """

    def statistics(self) -> CameraStatistics:
        """What it has done. Any thread may ask."""

    def close(self) -> None:
        """The device is let go of; may be called twice, and while another thread reads."""


@runtime_checkable
class Paced(Protocol):
    """A camera that knows how far apart its pictures are.

    Attributes:
        period_s: Seconds between two pictures; `math.inf` where they come when they come, `None` where it cannot tell.
    """

    @property
    def period_s(self) -> float | None:
        """Seconds between two pictures."""


@runtime_checkable
class Expectant(Protocol):
    """A camera that can use the number of the part it is triggered for, as one that draws the part."""

    def expect(self, part: int) -> None:
        """The next trigger is for this part."""


@runtime_checkable
class Remarking(Protocol):
    """A camera that may be open otherwise than asked, as one that the CPU decodes in place of a card.

    Attributes:
        remark: What is otherwise, for people; empty where nothing is.
    """

    @property
    def remark(self) -> str:
        """What is otherwise than asked."""


@runtime_checkable
class Configurable(Protocol):
    """A camera whose features can be set while it is open, as for another product."""

    def configure(self, features: Mapping[str, Any]) -> None:
        """The camera has these values from the next exposure on; the others stay.

        Raises:
            SettingsError: One is not accepted; those before it may have been set.
            SourceError: The camera is lost, or was closed.
        """


@runtime_checkable
class Settling(Protocol):
    """A camera that hands out pictures for a while which it may have taken before it was configured, as one that a wire triggers.

    Attributes:
        settles_s: Seconds after the last `configure` in which a picture's `captured_s` does not prove that it has the new features.
    """

    @property
    def settles_s(self) -> float:
        """Seconds after the last `configure`."""


def configure(camera: Camera, features: Mapping[str, Any], name: str) -> None:
    """The open camera has these values of its features from the next exposure on.

    Args:
        camera: The camera.
        features: Values by name; none leaves it as it is, whatever its kind.
        name: Its id, for messages.

    Raises:
        SettingsError: A value is not accepted, or the kind takes features only when the camera is opened.
        SourceError: The camera is lost, or was closed.
    """
    if not features:
        return
    if not isinstance(camera, Configurable):
        raise SettingsError(
            f"camera {name}: features: expected none between two pictures, as its kind sets them only when it is opened; "
            f"got {', '.join(features)}. Set them in the line's settings"
        )
    camera.configure(features)


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """Something that happened to a camera. No picture stands for it.

    Attributes:
        stream: The camera's id.
        code: `camera.lost` (it said so, or cannot be opened), `camera.frozen` (it said nothing any more), `camera.back`,
            `camera.incomplete`, `camera.missed`, `camera.changed` (another format or size than before), `camera.ended`
            (what was played is over), `camera.fallback` (it is open otherwise than asked), `camera.unasked` (pictures without a
            trigger were dropped), `camera.clock` (it follows another clock than before, or none), `camera.configured` and `camera.refused` (it has the features that it was asked to take, or
            not), `camera.close` (it could not be closed).
        at_s: Monotonic seconds.
        sentence: What happened, for people.
    """

    stream: str
    code: str
    at_s: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A camera that was found.

    Attributes:
        address: What opens it, as it stands in `line.toml`.
        kind: The camera kind that found it.
        model: Maker and model.
        serial: Serial number, or an empty string.
        facts: More to show: formats, sizes, link, temperature.
        hints: What to change on this host, a sentence each, as a receive buffer that is too small.
    """

    address: str
    kind: str
    model: str
    serial: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[str, ...] = ()


def open_camera(settings: CameraSettings) -> Camera:
    """The open camera of an address.

    A kind is a file in `capture/cameras`, or an entry point. It holds `SCHEMES`, the words before the colon that are
    its own, `open_camera(settings)`, and `attached()` where its cameras can be found.

    Raises:
        UnknownNameError: No kind has the address's scheme.
        NotInstalledError: The kind needs a package that is not installed.
        SourceError: The camera is not there, is in use, or refuses a feature.
        SettingsError: The address or a feature is not accepted.
    """
    scheme = scheme_of(settings.address)
    known: list[str] = []
    for name in plugins.each(KINDS) if scheme else ():
        kind = plugins.load(KINDS, name)
        if scheme in kind.SCHEMES:
            camera: Camera = kind.open_camera(settings)
            return camera
        known.extend(kind.SCHEMES)
    raise UnknownNameError(
        f'camera {settings.id}: no kind of camera for "{settings.shown}"{near(scheme, known)}'
    )


def scheme_of(address: str) -> str:
    """What stands before the colon of an address, or `usb` for a device file; empty where it is no address."""
    if address.startswith("/dev/video"):
        return "usb"
    scheme, colon, _ = address.partition(":")
    return scheme if colon else ""
