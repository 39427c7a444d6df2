"""What a file of `engine/providers/` says of its execution provider.

The folder is the registry: the file's name is the provider's name, and each file holds one `PROVIDER`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from lineside.core import plugins
from lineside.core.errors import (
    DeviceError,
    DeviceLostError,
    DeviceMemoryError,
    DeviceUnavailableError,
    DriverError,
    LinesideError,
    ModelFileError,
    RunCancelledError,
    SettingsError,
    UnknownNameError,
    UnsupportedModelError,
    near,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lineside.core.placement import Placement
    from lineside.engine.options import Option
    from lineside.engine.session import Session, SessionRequest

FOLDER = "lineside.engine.providers"
"""The folder of the providers, and the entry point group for more of them."""


class Callers(StrEnum):
    """Who may run at the same time."""

    FREE = "any number of callers"
    ONE_A_SESSION = "one caller a session"
    ONE_A_DEVICE = "one caller a device"
    ONE_A_LIBRARY = "one caller a library image"


class Keeps(StrEnum):
    """What a prepared model is for a provider, and so what the cache holds."""

    GRAPH = "the graph, optimised for this very CPU"
    ENGINE = "a folder that the provider fills with engines or compiled kernels"
    CONTEXT = "a compiled model (EPContext)"
    NOTHING = "nothing: the provider compiles at each start"


class Fault(StrEnum):
    """What a fault text of a provider means."""

    OUT_OF_MEMORY = "out of memory"
    LOST = "device lost"
    DRIVER = "driver"
    UNAVAILABLE = "no such device"
    SETTINGS = "settings"
    OPERATOR = "unsupported operator"
    MODEL = "bad model"
    CANCELLED = "cancelled"
    DEVICE = "device"


ERRORS: Mapping[Fault, type[LinesideError]] = {
    Fault.OUT_OF_MEMORY: DeviceMemoryError,
    Fault.LOST: DeviceLostError,
    Fault.DRIVER: DriverError,
    Fault.UNAVAILABLE: DeviceUnavailableError,
    Fault.SETTINGS: SettingsError,
    Fault.OPERATOR: UnsupportedModelError,
    Fault.MODEL: ModelFileError,
    Fault.CANCELLED: RunCancelledError,
    Fault.DEVICE: DeviceError,
}


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a provider can use on this machine, or could if something else were there.

    Attributes:
        provider: The provider's name.
        index: What stands behind the colon of a placement: `0`, `GPU.1`.
        name: What its maker calls it.
        memory_bytes: Its memory; `None` where it shares the host's or does not tell.
        physical: The same text for entries of one physical device, whatever provider names it: `pci:0000:01:00.0`, `cpu`.
        driver: The version of its driver, or an empty text.
    """

    provider: str
    index: str
    name: str
    memory_bytes: int | None
    physical: str
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """A range of a provider's wheels, and the kernel driver that it needs.

    Attributes:
        extra: The extra of lineside that brings a wheel of this range.
        since: The first version of the wheel in it.
        least_driver: The oldest driver that it works with.
    """

    extra: str
    since: str
    least_driver: str


@dataclass(frozen=True, slots=True)
class Provider:
    """All that is known of an execution provider.

    Attributes:
        name: The file's name.
        title: What people call it: `NVIDIA CUDA`.
        runtime_name: ONNX Runtime's name for it: `CUDAExecutionProvider`.
        extra: The extra of lineside that brings it.
        packages: The distributions that hold it; any one of them is enough.
        options: All options.
        faults: Patterns of its fault texts (case is ignored), the first that is found counts; those common to all
            providers come after them.
        find_devices: Finds its devices without making a session; a device or library that is not there is no error.
        precision_of: The precision that it computes a float32 graph in, by its checked options: `float32`, `tf32`, `float16`,
            `bfloat16`, `int8`.
        device_option: The option that names the device, or `None` where it has only one.
        plugin: The importable module of the package that brings it as a plug-in library, or an empty text.
        systems: `sys.platform` values that it exists for.
        old_names: Names that it had before; a placement may use them, with a notice.
        callers: Who may run at the same time.
        keeps: What a prepared model is for it.
        least_share: The smallest share of the graph's nodes that must run on it, 0 to 1.
        needs_process: Whether its wheel holds the GIL while a session is made, so that only a worker process may make one.
        notes: What a person should know of it: one sentence each.
        divides: Whether what stands behind the colon is an equal share of one device, as of the CPU's cores, and no device.
        open: Opens a session where the provider does not go through ONNX Runtime; `None` for one that does. What it raises
            is a LinesideError.
        with_folder: Options that are set where there is a folder for what the provider compiles and the placement does not
            set them, each as the runtime spells it; `{folder}` stands for the folder.
        hardware: What it computes on, in the words of `Card.word`: `gpu:nvidia`, `gpu` for any, `cpu`; any one is enough.
        builds: Its wheels by the driver that they need, newest first; empty where any driver does, or none is needed.
        variants: Settings that are worth measuring when a model is tuned, as they stand behind the question mark of a
            placement; an empty text is lineside's own.
        thread_option: The option that says how many threads of the host a run takes; empty where they do not matter.
        why_missing: Why a device that it does not find is not there, in its own words, such as the loader's; an empty text
            where it knows none.
    """

    name: str
    title: str
    runtime_name: str
    extra: str | None
    packages: tuple[str, ...]
    options: tuple[Option, ...]
    faults: tuple[tuple[str, Fault], ...]
    find_devices: Callable[[], tuple[Device, ...]]
    precision_of: Callable[[Mapping[str, str]], str]
    device_option: str | None = None
    plugin: str = ""
    systems: tuple[str, ...] = ("linux", "win32", "darwin")
    old_names: tuple[str, ...] = ()
    callers: Callers = Callers.FREE
    keeps: Keeps = Keeps.NOTHING
    least_share: float = 0.9
    needs_process: bool = False
    notes: tuple[str, ...] = field(default=())
    divides: bool = False
    open: Callable[[SessionRequest], Session] | None = None
    why_missing: Callable[[str], str] | None = None
    with_folder: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hardware: tuple[str, ...] = ("cpu",)
    builds: tuple[Build, ...] = ()
    variants: tuple[str, ...] = ("",)
    thread_option: str = ""

    def classify(self, text: str) -> Fault:
        """What a fault text means; `Fault.DEVICE` where nothing else is known of it."""
        for pattern, fault in (*self.faults, *_COMMON):
            if re.search(pattern, text, re.IGNORECASE):
                return fault
        return Fault.DEVICE


_COMMON: Sequence[tuple[str, Fault]] = (
    (r"exiting due to terminate flag", Fault.CANCELLED),
    (r"failed to allocate memory|bad_alloc|out of memory|cannot allocate memory", Fault.OUT_OF_MEMORY),
    (r"no graph was found|invalid_?protobuf|protobuf parsing failed|external[ _]data", Fault.MODEL),
    (r"not_?implemented|is not a registered function/op|no op registered|invalid_?graph", Fault.OPERATOR),
    (r"unknown provider option|failed to parse provider option|failed to map enum name", Fault.SETTINGS),
    (
        r"cannot open shared object file|failed to load library|loadlibrary failed|undefined symbol",
        Fault.DRIVER,
    ),
    (
        r"unknown provider type|not in available provider names|assigned to the default cpu ep",
        Fault.UNAVAILABLE,
    ),
)


@cache
def provider(name: str) -> Provider:
    """The provider of that name; an old name is taken for the new one.

    Raises:
        UnknownNameError: There is none; the near ones are named.
    """
    # Its own files first: to look at what else is installed takes longer than all the rest of a start's imports.
    if name in plugins.own(FOLDER) or name in (known := plugins.names(FOLDER)):
        found: Provider = plugins.load(FOLDER, name).PROVIDER
        return found
    for other in known:
        candidate: Provider = plugins.load(FOLDER, other).PROVIDER
        if name in candidate.old_names:
            return candidate
    raise UnknownNameError(f'devices: unknown provider "{name}"{near(name, known)}')


def providers() -> tuple[Provider, ...]:
    """All of them, by name."""
    return tuple(provider(name) for name in plugins.names(FOLDER))


def provider_of(placement: Placement) -> Provider:
    """The provider of a placement.

    Raises:
        UnknownNameError: There is none.
    """
    return provider(placement.provider)
