"""What each provider is worth on this machine: whether it works, what it is missing, and the line that brings it.

Nothing here needs a runtime: it is needed most where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from lineside.core.errors import DriverError, LinesideError, NotInstalledError
from lineside.engine import advice
from lineside.engine.installed import version_of
from lineside.engine.wheels import BRINGS_ONNXRUNTIME, precedes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from lineside.engine.hardware.machine import Hardware
    from lineside.engine.provider import Device, Provider
    from lineside.engine.wheels import Wheels

    VersionOf = Callable[[str], str]
    Reason = Callable[[Provider], str]


class State(StrEnum):
    """What a provider is worth here: first what works, then what a person can mend, then what cannot be."""

    READY = "ready"
    CONFLICT = "wheels conflict"
    BROKEN = "does not work"
    OLD_DRIVER = "driver too old"
    NOT_LOADED = "library cannot be loaded"
    NOT_INSTALLED = "not installed"
    NOT_BUILT_IN = "not in this wheel"
    NO_DEVICE = "no device"
    OTHER_SYSTEM = "other system"


@dataclass(frozen=True, slots=True)
class Row:
    """One provider on this machine.

    Attributes:
        name: The provider's name.
        title: What people call it.
        state: What it is worth here.
        why: One sentence where it is not ready, or an empty text.
        devices: Its devices; where it is not ready, those that it would have.
        packages: The installed distributions that hold it, with their versions.
        lines: What to type so that it works, in this order; empty where nothing helps, or nothing is needed.
    """

    name: str
    title: str
    state: State
    why: str = ""
    devices: tuple[Device, ...] = ()
    packages: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """What the examination of a provider rests on.

    Attributes:
        hardware: What is there.
        wheels: What is installed.
        available: The runtime's own names of the providers that it holds; empty without a runtime.
        reason: Why a provider's library cannot be loaded, or an empty text.
        version_of: The version of a distribution, or an empty text where it is not installed.
    """

    hardware: Hardware
    wheels: Wheels
    available: Collection[str]
    reason: Reason
    version_of: VersionOf = version_of


def in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows in the order of `State`."""
    order = list(State)
    return tuple(sorted(rows, key=lambda row: (order.index(row.state), row.name)))


def row_of(provider: Provider, environment: Environment) -> Row:
    """What one provider is worth here."""
    packages = tuple(
        f"{name} {found}" for name in provider.packages if (found := environment.version_of(name))
    )
    blank = Row(provider.name, provider.title, State.READY, packages=packages)
    hardware, wheels = environment.hardware, environment.wheels
    if hardware.system not in provider.systems:
        why = f"it exists for {' and '.join(_systems(provider))} alone"
        return replace(blank, state=State.OTHER_SYSTEM, why=why)
    if wheels.conflict and provider.open is None:
        lines = advice.mending(wheels, hardware)
        return replace(blank, state=State.CONFLICT, why=wheels.conflict, lines=lines)
    try:
        devices = tuple(provider.find_devices())
    except LinesideError as fault:
        lines = install_lines(provider, environment)
        return replace(blank, state=_state_of(fault), why=str(fault), lines=lines)
    state, why = next(_obstacles(blank, provider, environment, devices), (State.READY, ""))
    lines = install_lines(provider, environment) if state in _MENDED_BY_INSTALLING else ()
    return replace(blank, state=state, why=why, devices=devices, lines=lines)


_MENDED_BY_INSTALLING = {State.NOT_INSTALLED, State.NOT_BUILT_IN, State.NOT_LOADED, State.OLD_DRIVER}


def _obstacles(
    row: Row, provider: Provider, environment: Environment, devices: tuple[Device, ...]
) -> Iterator[tuple[State, str]]:
    """What keeps a provider from being ready, the first first."""
    hardware = environment.hardware
    is_built_in = provider.runtime_name in environment.available
    for_it = advice.because(provider, hardware)
    if not devices and not advice.is_suited(provider, hardware):
        # The system may hide a card that is there; then what the loader says is the better lead.
        said = environment.reason(provider) if row.packages or is_built_in else ""
        found = f"it computes on {_words(provider)}, and none was found"
        yield State.NO_DEVICE, f"{found}; {said}" if said else found
    if not row.packages and not is_built_in:
        yield _not_there(provider, hardware)
    if old := _old_driver(provider, environment):
        yield State.OLD_DRIVER, old
    is_of_the_wheel = not provider.plugin and provider.open is None
    if (is_of_the_wheel or not devices) and (why := environment.reason(provider)):
        yield State.NOT_LOADED, why
    if not devices:
        yield State.NO_DEVICE, f"its runtime finds none, though there is {for_it}"
    if is_of_the_wheel and not is_built_in:
        yield State.NOT_BUILT_IN, f"the installed onnxruntime does not hold {provider.runtime_name}"


def _not_there(provider: Provider, hardware: Hardware) -> tuple[State, str]:
    """What is said of a provider whose hardware is there and whose package is not."""
    if provider.builds and advice.build_for(provider, hardware) is None:
        least, here = provider.builds[-1].least_driver, advice.driver_of(provider, hardware)
        return State.OLD_DRIVER, f"its wheels need the driver {least} or newer; here is {here}"
    if not provider.packages:
        return State.NOT_BUILT_IN, "no wheel that lineside knows of holds it"
    return State.NOT_INSTALLED, f"it would compute on {advice.because(provider, hardware)}"


def _old_driver(provider: Provider, environment: Environment) -> str:
    """Why the driver does not serve the installed wheel; an empty text where it does, or nothing is known."""
    driver = advice.driver_of(provider, environment.hardware)
    for name in provider.packages:
        found = environment.version_of(name)
        build = next((b for b in provider.builds if found and not precedes(found, b.since)), None)
        if build and driver and precedes(driver, build.least_driver):
            return f"{name} {found} needs the driver {build.least_driver} or newer; here is {driver}"
    return ""


def install_lines(provider: Provider, environment: Environment) -> tuple[str, ...]:
    """What to type for a provider; first what removes the wheel that its own would clash with."""
    extra = advice.extra_for(provider, environment.hardware)
    if not extra:
        return ()
    install = f"pip install 'lineside[{extra}]'"
    present = {wheel.name for wheel in environment.wheels.runtimes}
    if provider.plugin or provider.open is not None:
        if not present or "onnxruntime" in present:
            return (install,)
        # It works with any wheel, and the extra would bring onnxruntime beside the one that is there.
        package = provider.packages[0]
        return (f"pip install {'--no-deps ' if package in BRINGS_ONNXRUNTIME else ''}{package}",)
    others = sorted(present - set(provider.packages))
    return (f"pip uninstall -y {' '.join(others)}", install) if others else (install,)


def _state_of(fault: LinesideError) -> State:
    if isinstance(fault, NotInstalledError):
        return State.NOT_INSTALLED
    return State.NOT_LOADED if isinstance(fault, DriverError) else State.BROKEN


def _systems(provider: Provider) -> list[str]:
    names = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}
    return [names.get(system, system) for system in provider.systems]


_WORDS = {
    "nvidia": "NVIDIA",
    "amd": "AMD",
    "intel": "Intel",
    "qualcomm": "Qualcomm",
    "huawei": "Huawei",
    "apple": "Apple",
}


def _words(provider: Provider) -> str:
    """What a provider computes on, in words."""
    told = []
    for word in provider.hardware:
        kind, _, maker = word.partition(":")
        plain = "the CPU" if kind == "cpu" else f"{kind.upper()}s"
        told.append(f"{_WORDS.get(maker, maker)} {plain}" if maker else plain)
    return " or ".join(told)
