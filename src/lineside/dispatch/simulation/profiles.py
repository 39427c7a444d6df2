"""Device profiles: service times by name, given or measured, and the notation of a list of devices."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, NoReturn

from pydantic import Field, ValidationError

from lineside.core.documents import Table, fault_of
from lineside.core.errors import SettingsError, UnknownNameError, near
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.simulation.handover import Handover
from lineside.dispatch.simulation.scenario import SimulatedDevice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_LARGEST_BATCH = 256
_LEAST_MS = 0.01  # of a run: less than any hand-over, and millions of pictures a virtual second
_DEFAULT_BATCH = 8
_NAME = re.compile(r"[A-Za-z][\w.-]*")
_COUNT = re.compile(r"(?P<what>.+?)\s*x\s*(?P<count>[-+]?\d[\d.]*)")
_RIGHT_COUNT = re.compile(r"[1-9]\d{0,3}")
_TIMES = re.compile(
    r"(?P<start>\d+(?:\.\d+)?)(?:\s*\+\s*(?P<each>\d+(?:\.\d+)?)\s*b(?:\s*@\s*(?P<batch>[1-9]\d{0,2}))?)?"
)
FORM = (
    "expected a comma list of a profile's name or NAME=A+Cb@BATCH (A ms a run, C ms a picture, largest batch), each "
    'with xCOUNT, 1 to 9999, where there are several, such as "fastx2,cpu=14" or "card=1+1b@8x4"'
)


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """Service times with a name.

    Attributes:
        name: The name.
        times: Seconds of a run by batch size.
        source: Where they come from.
    """

    name: str
    times: ServiceTimes
    source: str


class _Profile(Table):
    milliseconds: Annotated[dict[int, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]


_Microseconds = Annotated[float, Field(ge=0, le=1e6)]
_Spread = Annotated[dict[Annotated[float, Field(ge=0, le=100)], _Microseconds], Field(min_length=1)]


class _Handover(Table):
    start_us: _Spread
    end_us: _Spread
    settle_us: _Microseconds = 0.0
    each_us: _Microseconds = 0.0
    next_us: _Microseconds = 0.0
    python_us: _Microseconds = 0.0
    source: Annotated[str, Field(min_length=1)]


class _Document(Table):
    profiles: Annotated[dict[str, _Profile], Field(default_factory=dict)]
    handover: _Handover | None = None


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """What a file of profiles holds.

    Attributes:
        profiles: Service times of devices, by name.
        handover: What an engine itself takes; `None` where the file does not say.
    """

    profiles: dict[str, DeviceProfile]
    handover: Handover | None = None

    def over(self, other: ProfileFile) -> ProfileFile:
        """Both, this one's where they know the same."""
        return ProfileFile(other.profiles | self.profiles, self.handover or other.handover)


def shipped() -> ProfileFile:
    """What comes with lineside."""
    file = resources.files("lineside.dispatch.simulation") / "profiles.toml"
    return _read(file.read_text(encoding="utf-8"), "profiles.toml")


def shipped_profiles() -> dict[str, DeviceProfile]:
    """The profiles that come with lineside."""
    return shipped().profiles


def read_profiles(path: Path) -> ProfileFile:
    """What a file of profiles holds.

    Raises:
        SettingsError: It cannot be read, is no TOML, or a key is unknown, missing or out of range.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"{path}: the profiles cannot be read: {fault}") from fault
    return _read(text, str(path))


def parse_devices(text: str, known: Mapping[str, DeviceProfile]) -> tuple[SimulatedDevice, ...]:
    """The devices that a list names, numbered within each kind: `fast-1`, `fast-2`.

    Args:
        text: For instance `fastx2,cpu=14`.
        known: Profiles by name.

    Raises:
        UnknownNameError: There is no profile of that name; the message names the known ones.
        SettingsError: The list has another form, or gives one name two sets of times.
    """
    entries = [part.strip() for part in text.split(",") if part.strip()]
    return numbered(_entry(entry, known) for entry in entries) if entries else _refuse(text)


def numbered(entries: Iterable[tuple[DeviceProfile, int]]) -> tuple[SimulatedDevice, ...]:
    """Devices of profiles, so many of each."""
    counts: dict[str, int] = {}
    seen: dict[str, DeviceProfile] = {}
    devices: list[SimulatedDevice] = []
    for profile, count in entries:
        if seen.setdefault(profile.name, profile).times != profile.times:
            raise SettingsError(f'devices: "{profile.name}" stands there with two sets of times')
        for _ in range(count):
            counts[profile.name] = number = counts.get(profile.name, 0) + 1
            devices.append(
                SimulatedDevice(f"{profile.name}-{number}", profile.name, profile.times, profile.source)
            )
    return tuple(devices)


def _entry(text: str, known: Mapping[str, DeviceProfile]) -> tuple[DeviceProfile, int]:
    if text in known:
        return known[text], 1
    what, count, found = text, 1, _COUNT.fullmatch(text)
    if found is not None:
        what = found["what"]
        if not _RIGHT_COUNT.fullmatch(found["count"]):
            if what in known or "=" in what:
                raise SettingsError(
                    f'devices: expected a count of 1 to 9999 after "x"; got "{found["count"]}" in "{text}"'
                )
            what = text
        else:
            count = int(found["count"])
    name, given, times = (part.strip() for part in what.partition("="))
    if given:
        return _inline(name, times, text), count
    if name not in known:
        _refuse_name(name, text, known)
    return known[name], count


def _refuse_name(name: str, text: str, known: Mapping[str, DeviceProfile]) -> NoReturn:
    close = near(name, known)
    if "?" not in close:  # "rtx5090" is a name, and not 5090 of "rt"
        name, close = text, near(text, known)
    if not _NAME.fullmatch(name):
        _refuse(text)
    close = close if "?" in close else ";"
    raise UnknownNameError(
        f'devices: no profile "{name}"{close} known: {", ".join(known)}. Others are given as '
        f"{name}=1+1b@8, or in a file with --profiles"
    )


def _inline(name: str, times: str, text: str) -> DeviceProfile:
    found = _TIMES.fullmatch(times)
    if not _NAME.fullmatch(name) or found is None:
        _refuse(text)
    start_s, each_s = float(found["start"]) / 1e3, float(found["each"] or 0) / 1e3
    batch = int(found["batch"] or _DEFAULT_BATCH) if found["each"] is not None else 1
    if start_s + each_s <= 0:
        _refuse(text)
    if (start_s + each_s) * 1e3 < _LEAST_MS * (1 - 1e-9):
        raise SettingsError(
            f'devices: expected at least {_LEAST_MS:g} ms for a run of one picture; got "{text}"'
        )
    return DeviceProfile(
        name, ServiceTimes.linear(start_s, each_s, min(batch, _LARGEST_BATCH)), "given in the call"
    )


def _refuse(text: str) -> NoReturn:
    raise SettingsError(f'devices: {FORM}; got "{text}"')


def _read(text: str, where: str) -> ProfileFile:
    try:
        document = _Document.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as fault:
        raise SettingsError(f"{where}: no TOML: {fault}") from fault
    except ValidationError as fault:
        raise fault_of(fault, _Document, where) from fault
    found = {}
    for name, each in document.profiles.items():
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f'{where}: profiles: expected names of letters, digits, ".", "-"; got "{name}"'
            )
        if max(each.milliseconds) > _LARGEST_BATCH:
            raise SettingsError(
                f"{where}: profiles.{name}.milliseconds: expected batches of at most {_LARGEST_BATCH}"
            )
        if min(each.milliseconds.values()) < _LEAST_MS:
            raise SettingsError(
                f"{where}: profiles.{name}.milliseconds: expected at least {_LEAST_MS:g} ms for a run; got "
                f"{min(each.milliseconds.values()):g}"
            )
        times_ms = sorted(each.milliseconds.items())
        for (low, low_ms), (high, high_ms) in pairwise(times_ms):
            if high_ms < low_ms:
                raise SettingsError(
                    f"{where}: profiles.{name}.milliseconds: expected a run of {high} pictures to take at least as long as one of "
                    f"{low}, {low_ms:g}; got {high_ms:g}"
                )
        try:
            times = ServiceTimes.measured({size: ms / 1e3 for size, ms in each.milliseconds.items()})
        except SettingsError as fault:
            raise SettingsError(f"{where}: profiles.{name}.milliseconds: {fault}") from fault
        found[name] = DeviceProfile(name, times, each.source)
    return ProfileFile(found, _handover(document.handover, where))


def _handover(table: _Handover | None, where: str) -> Handover | None:
    if table is None:
        return None
    for key, spread in (("start_us", table.start_us), ("end_us", table.end_us)):
        for (low, low_us), (high, high_us) in pairwise(sorted(spread.items())):
            if high_us < low_us:
                raise SettingsError(
                    f"{where}: handover.{key}: expected {high:g} % of the pictures to take at least as long as {low:g} %, {low_us:g}; "
                    f"got {high_us:g}"
                )
    more = table.model_dump(exclude={"start_us", "end_us", "source"})
    rest = {key.removesuffix("_us"): microseconds for key, microseconds in more.items()}
    return Handover.measured(table.start_us, table.end_us, table.source, **rest)
