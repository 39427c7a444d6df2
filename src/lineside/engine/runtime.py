"""The border to onnxruntime: imported here, and its exceptions translated here."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import (
    DeviceError,
    LinesideError,
    MissingRuntimeError,
    ModelFileError,
    ModelOutputError,
    RuntimeConflictError,
    UnsupportedModelError,
)
from lineside.engine.provider import ERRORS, Fault
from lineside.engine.providers.cpu import multiplies_bytes

if TYPE_CHECKING:
    from types import ModuleType

    from lineside.engine.provider import Provider
    from lineside.engine.wheels import Wheels

_PLUGINS = ("onnxruntime_ep_", "onnxruntime_qnn-")


@cache
def onnxruntime() -> ModuleType:
    """The runtime.

    Raises:
        RuntimeConflictError: Two wheels are installed, so which of them this would be is left to chance.
        MissingRuntimeError: No wheel is installed, or what is left of two that were.
    """
    try:
        import onnxruntime as ort
    except ImportError as fault:
        _refuse_several()
        from lineside.engine import advice
        from lineside.engine.hardware import find_hardware

        raise MissingRuntimeError(advice.missing(find_hardware(), str(fault))) from fault
    if not hasattr(ort, "InferenceSession"):
        _refuse_several()
        from lineside.engine.wheels import find_wheels

        raise MissingRuntimeError(_advice_on(find_wheels(named="onnxruntime")))
    # A look at names alone, for speed; it only says where to look closer. Plug-ins own other files.
    beside = Path(ort.__file__).parents[1].glob("onnxruntime*.dist-info")
    if sum(not place.name.startswith(_PLUGINS) for place in beside) > 1:
        _refuse_several()
    # What its own logger says of a provider that it cannot load is found out and told by the ladder.
    ort.set_default_logger_severity(4)
    runtime: ModuleType = ort
    return runtime


def _refuse_several() -> None:
    from lineside.engine.wheels import find_wheels

    wheels = find_wheels(named="onnxruntime")  # others are seen by lineside devices, which has the time
    if len(wheels.runtimes) > 1:
        raise RuntimeConflictError(_advice_on(wheels))


def _advice_on(wheels: Wheels) -> str:
    """What is wrong with the wheels, and the lines that mend it."""
    from lineside.engine import advice
    from lineside.engine.hardware import find_hardware

    return advice.conflict(wheels, find_hardware())


def version() -> str:
    """The runtime's version."""
    return str(onnxruntime().__version__)


# Texts that onnxruntime puts into exceptions of unspecific types, in lower case.
_FILE = ("no graph was found", "external data", "external_data")
_GRAPH = (
    "notimplemented",
    "not_implemented",
    "is not a registered function/op",
    "invalid_graph",
    "no op registered",
    "fatal error",
    "shapeinferenceerror",
    "typeinferenceerror",
    "type error",
    "unsupported model ir version",
    "opset",
    "invalid model",
)
# Patterns are compiled where a fault is told, as most processes see none.
# An operator that exists, but not for these types on this device, and one that no device has for them.
_KERNEL = r"(?:implementation for|kernel for) ([\w.]+)\((\d+)\)"
_TYPES = r"Type 'tensor\((float16|bfloat16|double)\)' of input parameter"
_SHAPE = "computed output shape for this run is"
_FEED = (
    "for input: ",
    "input name",
    "input data type",
    "missing from input feed",
    "missing input",
)
_OF_THE_DEVICE = {
    Fault.OUT_OF_MEMORY: "not enough memory {doing}",
    Fault.LOST: "the device is lost to this process",
    Fault.DRIVER: "its driver, or a library of its maker, is missing or does not fit",
    Fault.UNAVAILABLE: "there is no such device",
    Fault.SETTINGS: "an option is not accepted",
    Fault.CANCELLED: "the run was ended from outside",
}


def translate_load(fault: Exception, provider: Provider) -> LinesideError:
    """The error of a session that could not be made. Raise it `from` the fault."""
    text = _first_line(fault)
    kind = type(fault).__name__
    low = f"{kind} {fault}".lower()
    if (told := _device_fault(fault, provider, "to load the model")) is not None:
        return told
    if kind in {"InvalidProtobuf", "NoSuchFile"} or any(t in low for t in _FILE):
        return ModelFileError(f"onnxruntime cannot read the model: {text}")
    if lacking := re.search(_KERNEL, text):
        operator, number = lacking.groups()
        return UnsupportedModelError(
            f"onnxruntime {version()} cannot run the graph: this device has no {operator} (version {number}) for the "
            f"types of numbers that the file uses. Export it in float32, or with another operator set. It says: {text}"
        )
    if kind in {"NotImplemented", "InvalidGraph"} or any(t in low for t in _GRAPH):
        types = re.search(_TYPES, text)
        other = "" if types is None else f" Keep that operator in float32, as it knows no {types.group(1)}."
        return UnsupportedModelError(
            f"onnxruntime {version()} cannot run the graph: {text}. Export it again with an operator set and "
            f"operators that this version knows.{other}"
        )
    known = ERRORS[provider.classify(low)]
    return known(f"{provider.title}: onnxruntime could not make a session: {text}")


def translate_run(fault: Exception, provider: Provider) -> LinesideError:
    """The error of a run that failed. Raise it `from` the fault."""
    text = _first_line(fault)
    low = str(fault).lower()
    if (told := _device_fault(fault, provider, "for the run")) is not None:
        return told
    if _SHAPE in low:
        return ModelOutputError(f"the model answered in another shape than before: {text}")
    if type(fault).__name__ == "InvalidArgument" or any(t in low for t in _FEED):
        return UnsupportedModelError(f"onnxruntime refused the input: {text}")
    return DeviceError(f"{provider.title}: the run failed: {text}")


def _device_fault(fault: Exception, provider: Provider, doing: str) -> LinesideError | None:
    """The error where the device, its driver or its settings are to blame, and not the model."""
    kind = provider.classify(f"{type(fault).__name__} {fault}")
    if kind not in _OF_THE_DEVICE:
        return None
    what = _OF_THE_DEVICE[kind].format(doing=doing)
    return ERRORS[kind](f"{provider.title}: {what}: {_first_line(fault)}")


# A place in onnxruntime's source, and the signature of the function there: they come before a reason, each longer than it.
_PLACE = (
    r"/\S+\.(?:cc|cpp|h|hpp|cu|cuh):\d+ "
    r"(?:[^()\[\]]*\((?:[^()]|\([^()]*\))*\)(?: const)?(?: \[with [^\]]*\])?(?:::<lambda\([^()]*\)>)? )?"
)


def _first_line(fault: BaseException) -> str:
    """What an exception says, without the places in the source that it came through."""
    text = str(fault).strip().splitlines() or [type(fault).__name__]
    return (re.sub(_PLACE, "", text[0]) or text[0])[:500]


def quiet_options() -> Any:
    """Session options that log nothing but a crash; faults come as errors, and what matters of warnings is checked."""
    options = onnxruntime().SessionOptions()
    options.log_severity_level = 4
    # x86 CPUs without VNNI sum products of bytes in 16 bits, which overflow: an int8 model then answers otherwise, with no word of it. With
    # this ONNX Runtime takes its exact kernels; it does on CPUs with VNNI as well, where they are slower and nothing overflows.
    if not multiplies_bytes():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options
