"""The border to OpenVINO's own runtime: imported here, and its exceptions translated here."""

from __future__ import annotations

import importlib.util
import re
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from lineside.core.errors import (
    DeviceError,
    LinesideError,
    ModelFileError,
    NotInstalledError,
    UnsupportedModelError,
)
from lineside.engine.provider import ERRORS, Device, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from lineside.engine.provider import Provider

_TELEMETRY = "openvino_telemetry"

# Words of OpenVINO for a type of numbers, and lineside's.
PRECISIONS = {"float32": "float32", "f32": "float32", "bfloat16": "bfloat16", "bf16": "bfloat16"} | {
    "float16": "float16",
    "f16": "float16",
}


def installed() -> bool:
    """Whether the package is there; it is not imported."""
    return importlib.util.find_spec("openvino") is not None


@cache
def openvino() -> ModuleType:
    """The package.

    Raises:
        NotInstalledError: It is not installed, or damaged.
    """
    try:
        with _unobserved():
            import openvino as module
    except ImportError as fault:
        raise NotInstalledError(
            f"\"openvino\" needs the package openvino: pip install 'lineside[openvino]' ({fault})"
        ) from fault
    runtime: ModuleType = module
    return runtime


@contextmanager
def _unobserved() -> Iterator[None]:
    """Import OpenVINO without its telemetry, which else reports each import over the network and leaves an identifier.

    OpenVINO takes a stub where that package is missing, so it is missing here until the import is done.
    """
    if _TELEMETRY in sys.modules:
        yield
        return
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment] # Python's way to say that a module cannot be imported
    try:
        yield
    finally:
        del sys.modules[_TELEMETRY]


@cache
def core() -> Any:
    """The one `openvino.Core` of this process; making another costs 20 ms and finds the same devices.

    Raises:
        NotInstalledError: The package is not installed.
    """
    return openvino().Core()


def version() -> str:
    """OpenVINO's version: `2026.4.1`."""
    return str(openvino().__version__).partition("-")[0]


def device_names() -> tuple[str, ...]:
    """The devices that OpenVINO finds, as it names them: `CPU`, `GPU.0`, `NPU`."""
    return tuple(str(name) for name in core().available_devices)


def find_devices() -> tuple[Device, ...]:
    """The devices that OpenVINO's own runtime can use; none where it is not installed."""
    return tuple(_described(name) for name in device_names()) if installed() else ()


def why_missing(name: str, provider: Provider) -> str:
    """Why OpenVINO has no such device, in its own words, such as the loader's; empty where it gives no reason."""
    try:
        core().get_property(name, "FULL_DEVICE_NAME")
    except Exception as fault:  # noqa: BLE001 -- OpenVINO raises RuntimeError and pybind's types; the text is all
        known = provider.classify(str(fault)) in {Fault.DRIVER, Fault.UNAVAILABLE}
        return told(fault) if known else ""
    return ""


def is_discrete(name: str) -> bool:
    """Whether a device is a card with memory of its own."""
    return "DISCRETE" in str(_property(name, "DEVICE_TYPE")).upper()


def _described(name: str) -> Device:
    base = name.partition(".")[0]
    title = str(_property(name, "FULL_DEVICE_NAME") or name)
    memory = _property(name, "GPU_DEVICE_TOTAL_MEM_SIZE") if is_discrete(name) else None
    return Device(
        provider="openvino",
        index=name,
        name=title,
        memory_bytes=None if memory is None else int(memory),
        physical="cpu" if base == "CPU" else _bus_address(name),
        driver=f"OpenVINO {version()}",
    )


def _bus_address(name: str) -> str:
    """`pci:0000:01:00.0`, as other providers write it; the device's own name where OpenVINO does not tell it."""
    found = re.search(
        r"domain:\s*(\w+)\D+bus:\s*(\w+)\W+device:\s*(\w+)\W+function:\s*(\w+)",
        str(_property(name, "DEVICE_PCI_INFO")),
    )
    if found is None:
        return f"openvino:{name}"
    domain, bus, device, function = (int(part, 16) for part in found.groups())
    return f"pci:{domain:04x}:{bus:02x}:{device:02x}.{function:x}"


def _property(name: str, key: str) -> Any:
    """A property of a device; `None` where this kind of device has none of that name."""
    try:
        return core().get_property(name, key)
    except Exception:  # noqa: BLE001 -- OpenVINO raises RuntimeError and pybind's types for what a device does not know
        return None


# What OpenVINO puts before a reason: where in its source each layer passed it on.
_PASSED_ON = re.compile(r"^(?:Exception from |Check '.*' failed at |Caught exception: |FrontEnd API failed)")
_FILE = ("unable to read the model", "could not open the file", "error during import of onnx model")
_INPUT = ("can't set the input tensor", "parametermismatch", "port for tensor name", "conflicts with")
_LACKING = re.compile(r"No conversion rule found for operations: ([^\n]+)")


def told(fault: BaseException) -> str:
    """The reason in an exception of OpenVINO, without the places in its source that it came through."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    reasons = [line for line in lines if not _PASSED_ON.match(line)]
    return " ".join(reasons or lines or [type(fault).__name__])[:500]


def translate(fault: Exception, provider: Provider, doing: str) -> LinesideError:
    """The error for an exception of OpenVINO. Raise it `from` the fault.

    Args:
        fault: What it raised: nearly always a RuntimeError, so the text is all there is.
        provider: Who knows the texts.
        doing: What was being done: `compile the model for CPU`.
    """
    text, low = told(fault), str(fault).lower()
    if lacking := _LACKING.search(str(fault)):
        return UnsupportedModelError(
            f"OpenVINO {version()} cannot run the graph: it lacks {lacking[1].strip()} (operator-version of its set). "
            "Export the model with other operators, or place it elsewhere"
        )
    if any(part in low for part in _FILE):
        return ModelFileError(f"OpenVINO cannot read the model: {text}")
    if any(part in low for part in _INPUT):
        return UnsupportedModelError(f"OpenVINO refused the input: {text}")
    kind = provider.classify(str(fault))
    error = DeviceError if kind is Fault.DEVICE else ERRORS[kind]
    return error(f"{provider.title}: OpenVINO could not {doing}: {text}")
