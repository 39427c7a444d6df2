"""What the makers' libraries tell of their cards once a second: memory, temperature, throttling, resets.

They are used for alarms, for what `health()` shows and to admit a model before it is loaded beside another, never for where a picture goes: memory does not follow load. A library or
a card that is not there is no fault, but it is told.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Any, Protocol

from lineside.dispatch.events import DeviceAlarm, MemorySeen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lineside.dispatch.events import Event

    Reading = dict[str, float | str]

_EVERY_S = 1.0
_HOT = 0x8 | 0x20 | 0x40 | 0x80
"""NVML's reasons for slower clocks that are none of the user's: hardware slow-down, both thermal ones, power brake."""


class Library(Protocol):
    """A maker's library, open."""

    def read(self) -> Mapping[str, Reading]:
        """For each card, by `pci:` and its address, what is known of it: `memory_bytes`, `memory_free_bytes`, `temperature_c`, `throttled`."""

    def events(self) -> Sequence[tuple[str, str]]:
        """Cards that reported a fault or a reset since the last call, each with what it was."""


class Nvidia:
    """NVML.

    Args:
        nvml: The module `pynvml`, or what has its functions.
    """

    def __init__(self, nvml: Any) -> None:
        nvml.nvmlInit()
        self._nvml = nvml
        handles = [nvml.nvmlDeviceGetHandleByIndex(number) for number in range(nvml.nvmlDeviceGetCount())]
        self._cards = {_pci(nvml.nvmlDeviceGetPciInfo(handle).busId): handle for handle in handles}
        self._set = nvml.nvmlEventSetCreate()
        for handle in handles:
            try:
                nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, self._set)
            except nvml.NVMLError:  # no such events on this card or system
                continue

    def read(self) -> Mapping[str, Reading]:
        """See `Library`."""
        nvml = self._nvml
        asked: dict[str, Callable[[Any], float | str]] = {
            "memory_bytes": lambda handle: int(nvml.nvmlDeviceGetMemoryInfo(handle).used),
            "memory_free_bytes": lambda handle: int(nvml.nvmlDeviceGetMemoryInfo(handle).free),
            "temperature_c": lambda handle: float(
                nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            ),
            "throttled": lambda handle: (
                "yes" if nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle) & _HOT else "no"
            ),
        }
        return {card: dict(_told(asked, handle, nvml.NVMLError)) for card, handle in self._cards.items()}

    def events(self) -> Sequence[tuple[str, str]]:
        """See `Library`: critical errors, which NVIDIA numbers as Xid."""
        found: list[tuple[str, str]] = []
        while True:
            try:
                event = self._nvml.nvmlEventSetWait_v2(self._set, 0)
            except self._nvml.NVMLError:  # none is left
                return found
            card = _pci(self._nvml.nvmlDeviceGetPciInfo(event.device).busId)
            found.append((card, f"its driver reports Xid {event.eventData}"))


class Amd:
    """AMD SMI.

    Args:
        smi: The module `amdsmi`, or what has its functions.
    """

    def __init__(self, smi: Any) -> None:
        smi.amdsmi_init()
        self._smi = smi
        handles = smi.amdsmi_get_processor_handles()
        self._cards = {_pci(smi.amdsmi_get_gpu_device_bdf(handle)): handle for handle in handles}
        kinds = [smi.AmdSmiEvtNotificationType.GPU_PRE_RESET]
        self._readers = [smi.AmdSmiEventReader(handle, kinds) for handle in handles]

    def read(self) -> Mapping[str, Reading]:
        """See `Library`."""
        smi = self._smi

        def free(handle: Any) -> int:
            total = smi.amdsmi_get_gpu_memory_total(handle, smi.AmdSmiMemoryType.VRAM)
            return int(total) - int(smi.amdsmi_get_gpu_memory_usage(handle, smi.AmdSmiMemoryType.VRAM))

        asked: dict[str, Callable[[Any], float | str]] = {
            "memory_bytes": lambda handle: int(
                smi.amdsmi_get_gpu_memory_usage(handle, smi.AmdSmiMemoryType.VRAM)
            ),
            "memory_free_bytes": free,
            "temperature_c": lambda handle: float(
                smi.amdsmi_get_temp_metric(
                    handle, smi.AmdSmiTemperatureType.HOTSPOT, smi.AmdSmiTemperatureMetric.CURRENT
                )
            ),
        }
        return {card: dict(_told(asked, handle, smi.AmdSmiException)) for card, handle in self._cards.items()}

    def events(self) -> Sequence[tuple[str, str]]:
        """See `Library`: resets."""
        if not self._readers:
            return ()
        try:
            events = self._readers[0].read(1)  # one reads what all cards report
        except self._smi.AmdSmiException:  # nothing came
            return ()
        handles = [event["processor_handle"] for event in events]
        return [
            (_pci(self._smi.amdsmi_get_gpu_device_bdf(handle)), "its driver resets it") for handle in handles
        ]


_LIBRARIES: Mapping[str, tuple[str, Callable[[Any], Library]]] = {
    "nvidia": ("pynvml", Nvidia),
    "amd": ("amdsmi", Amd),
}


def libraries(
    load: Callable[[str], Any] = importlib.import_module,
) -> tuple[dict[str, Library], dict[str, str]]:
    """The libraries that can be read, and for each why it can or cannot.

    Args:
        load: Imports a module.
    """
    found: dict[str, Library] = {}
    told: dict[str, str] = {}
    for extra, (module, open_library) in _LIBRARIES.items():
        try:
            found[extra] = open_library(load(module))
            told[extra] = "read once a second"
        except ImportError:
            told[extra] = f"not read: pip install 'lineside[{extra}]' brings {module}"
        except Exception as fault:  # noqa: BLE001 # the border: without a driver each library raises what it likes, at import too
            told[extra] = f"not read: {type(fault).__name__}: {fault}"
    return found, told


class Signals:
    """Reads libraries once a second, in a thread of its own where there is one to read.

    Args:
        devices: The device of each card, by `pci:` and its address.
        libraries: What is read, by maker.
        told: For each maker whether it is read, and if not why.
        post: Takes events.
    """

    def __init__(
        self,
        devices: Mapping[str, str],
        libraries: Mapping[str, Library],
        told: Mapping[str, str],
        post: Callable[[Event], None],
    ) -> None:
        self._devices = devices
        self._libraries = dict(libraries)
        self._post = post
        self._closed = threading.Event()
        self._looking = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="lineside-signals", daemon=True)
        self.told = dict(told)
        self.readings: dict[str, Reading] = {}

    def start(self) -> None:
        """Begin, where there is something to read."""
        if self._libraries:
            self._thread.start()

    def close(self) -> None:
        """Read no more."""
        self._closed.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def look(self) -> None:
        """Read everything once. A library that fails is not read again, and `told` says why."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        for maker, library in tuple(self._libraries.items()):
            try:
                readings, events = library.read(), library.events()
            except Exception as fault:  # noqa: BLE001 # the border to a maker's library, as above
                del self._libraries[maker]
                self.told[maker] = f"not read any more: {type(fault).__name__}: {fault}"
                continue
            for card, reading in readings.items():
                if device := self._devices.get(card):
                    self.readings[device] = reading
                    if "memory_bytes" in reading:
                        self._post(MemorySeen(device, int(reading["memory_bytes"])))
            for card, detail in events:
                if device := self._devices.get(card):
                    self._post(DeviceAlarm(device, detail))

    def _run(self) -> None:
        while not self._closed.wait(_EVERY_S):
            self.look()


def _told(
    asked: Mapping[str, Callable[[Any], float | str]], handle: Any, silent: type[Exception]
) -> Iterator[tuple[str, float | str]]:
    """What a card answers; what it does not support is left out."""
    for name, ask in asked.items():
        try:
            yield name, ask(handle)
        except silent:
            continue


def _pci(address: str | bytes) -> str:
    """A card's address as CUDA and the kernel write it: four digits of domain, lower case."""
    text = (address.decode() if isinstance(address, bytes) else address).lower()
    domain, _, rest = text.partition(":")
    return f"pci:{domain[-4:]}:{rest}"
