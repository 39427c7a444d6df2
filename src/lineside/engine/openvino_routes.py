"""The three ways to OpenVINO: ONNX Runtime's plug-in, Intel's wheel, and OpenVINO's own runtime."""

from __future__ import annotations

import importlib.util
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import (
    DeviceError,
    DeviceUnavailableError,
    LinesideError,
    NotInstalledError,
    SettingsError,
)
from lineside.engine import libraries, openvino_runtime
from lineside.engine.openvino_session import OpenVinoSession
from lineside.engine.ort_session import OrtSession
from lineside.engine.provider import Device
from lineside.engine.providers._openvino_options import CPU_ONLY, PLUGIN_ONLY, PROPERTIES
from lineside.engine.providers.cpu import multiplies_bytes
from lineside.engine.runtime import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lineside.engine.provider import Provider
    from lineside.engine.session import Session, SessionRequest

_log = logging.getLogger(__name__)

_META = {"AUTO", "HETERO", "MULTI", "BATCH"}
_CHOOSES = (
    "would choose the device and its precision by itself; name one device, such as openvino:CPU, and let the list of devices "
    "say what comes next"
)
_HINT = "INFERENCE_PRECISION_HINT"
_BYTES_AS_BYTES = "LP_TRANSFORMS_MODE"
"""Whether layers of bytes are computed in bytes; on an x86 CPU without VNNI OpenVINO then sums them up in 16 bits, which overflow."""


@dataclass(frozen=True, slots=True)
class _Route:
    """One way: who it is, what it finds, and how it opens a session on one of those."""

    title: str
    find: Callable[[Provider], tuple[Device, ...]]
    open: Callable[[Provider, SessionRequest, str], Session]


def find_devices(provider: Provider) -> tuple[Device, ...]:
    """What any of the ways finds, each device once and the best first; a package that is not there or does not load finds none."""
    found: dict[str, Device] = {}
    for route in (_ROUTES["own"], _ROUTES["plugin"], _ROUTES["wheel"]):
        try:
            devices = route.find(provider)
        except LinesideError as refusal:
            _log.debug("openvino: %s: %s", route.title, refusal)
            continue
        for device in devices:
            found.setdefault(device.index, device)
    return _best_first(found.values())


def _best_first(devices: Iterable[Device]) -> tuple[Device, ...]:
    """The first is what `openvino` alone stands for: a card with memory of its own, else the CPU."""

    def rank(device: Device) -> int:
        return 0 if device.memory_bytes is not None else 1 if device.index == "CPU" else 2

    return tuple(sorted(devices, key=rank))


def open_session(provider: Provider, request: SessionRequest) -> Session:
    """A session on the first way that has the device; on the one that the option `runtime` names where it names one.

    Raises:
        SettingsError: The device is a combination such as AUTO, or an option is not accepted.
        NotInstalledError: None of the packages is installed.
        DeviceUnavailableError: No way finds the device; the message says what each one said.
        LinesideError: As `OrtSession` and `OpenVinoSession`.
    """
    asked = _asked(request)
    wanted = request.options.get("runtime", "auto")
    refusals: list[LinesideError] = []
    for name in _ROUTES if wanted == "auto" else (wanted,):
        route = _ROUTES[name]
        try:
            device = _found(route, provider, asked)
        except (NotInstalledError, DeviceError) as refusal:
            _log.debug("openvino: %s: %s", route.title, refusal)
            refusals.append(refusal)
            continue
        _log.info("openvino:%s runs through %s", device, route.title)
        return route.open(provider, request, device)
    missing = all(isinstance(refusal, NotInstalledError) for refusal in refusals)
    if missing:
        raise refusals[-1]
    said = "; ".join(str(refusal) for refusal in refusals if not isinstance(refusal, NotInstalledError))
    raise DeviceUnavailableError(f"openvino:{asked or 'any'}: {said}")


def why_missing(provider: Provider, device: str) -> str:
    """Why none of the ways finds a device: what it is, or what OpenVINO's loader says; an empty text where nothing is known."""
    name = device.strip().upper()
    if _is_meta(name):
        return f"{name} {_CHOOSES}"
    if not openvino_runtime.installed():
        return "OpenVINO's own runtime is not installed: pip install 'lineside[openvino]'"
    return openvino_runtime.why_missing(name, provider)


def _is_meta(name: str) -> bool:
    return name.partition(":")[0].partition(".")[0] in _META


def _asked(request: SessionRequest) -> str | None:
    """The device that is asked for, as OpenVINO spells it; `None` leaves it to lineside."""
    text = request.options.get("device_type") or request.device
    if text is None:
        return None
    name = text.strip().upper()
    if _is_meta(name):
        raise SettingsError(f"openvino:{text}: {name} {_CHOOSES}")
    return name


def _found(route: _Route, provider: Provider, asked: str | None) -> str:
    """The name, in the words of a way, of the device that is asked for."""
    devices = route.find(provider)
    names = [device.index for device in devices]
    if asked is None and names:
        return _best_first(devices)[0].index
    if asked is not None:
        # OpenVINO numbers its GPUs only where there are several.
        for name in (asked, f"{asked}.0", asked.removesuffix(".0")):
            if name in names:
                return name
    why = openvino_runtime.why_missing(asked, provider) if asked and route is _ROUTES["own"] else ""
    raise DeviceUnavailableError(
        f"{route.title} finds {', '.join(names) or 'no device'}{f' ({asked}: {why})' if why else ''}"
    )


def _own_devices(_: Provider) -> tuple[Device, ...]:
    openvino_runtime.openvino()
    return openvino_runtime.find_devices()


def _open_own(provider: Provider, request: SessionRequest, device: str) -> Session:
    if surplus := sorted(PLUGIN_ONLY & request.options.keys()):
        raise SettingsError(f"openvino:{device}: {surplus[0]}: OpenVINO's own runtime has no such option")
    properties = _properties(request, device)
    folder = (
        request.folder if not device.startswith("CPU") else None
    )  # compiling for a CPU is as quick as reading
    if folder is not None:
        properties.setdefault("CACHE_DIR", str(folder))
    return OpenVinoSession(provider, request.model, device=device, properties=properties)


def _plugin_devices(provider: Provider) -> tuple[Device, ...]:
    if importlib.util.find_spec(provider.plugin) is None:
        raise NotInstalledError(
            "the plug-in needs the package onnxruntime-ep-openvino and a device of Intel: pip install onnxruntime-ep-openvino"
        )
    found = libraries.devices(libraries.packaged(provider), provider.runtime_name)
    kinds = [str(device.device.type).rpartition(".")[2] for device in found]
    return tuple(_plugin_device(device, index, kinds) for index, device in enumerate(found))


def _plugin_device(device: Any, index: int, kinds: Sequence[str]) -> Device:
    """A device of the plug-in under OpenVINO's name for it."""
    metadata, kind = dict(device.ep_metadata), kinds[index]
    number = kinds[:index].count(kind)
    name = metadata.get("ov_device") or (f"{kind}.{number}" if kinds.count(kind) > 1 else kind)
    hardware = dict(device.device.metadata)
    return Device(
        provider="openvino",
        index=name,
        name=f"{device.device.vendor} {hardware.get('Description', kind)}".strip(),
        memory_bytes=0 if hardware.get("Discrete") == "1" else None,
        physical="cpu" if kind == "CPU" else f"openvino:{name}",
        driver=f"plug-in {metadata.get('version', '')}".strip(),
    )


def _open_plugin(provider: Provider, request: SessionRequest, device: str) -> Session:
    names = [found.index for found in _plugin_devices(provider)]
    options = _for_onnxruntime(request, device)
    return OrtSession(provider, replace(request, device=str(names.index(device)), options=options))


def _wheel_devices(provider: Provider) -> tuple[Device, ...]:
    runtime = onnxruntime()
    from onnxruntime.capi import _pybind_state

    listed = getattr(_pybind_state, "get_available_openvino_device_ids", None)
    if listed is None or provider.runtime_name not in runtime.get_available_providers():
        raise NotInstalledError("the installed onnxruntime is not Intel's wheel, onnxruntime-openvino")
    return tuple(
        Device(
            "openvino",
            name,
            name,
            None,
            "cpu" if name == "CPU" else f"openvino:{name}",
            f"wheel {runtime.__version__}",
        )
        for name in map(str, listed())
    )


def _open_wheel(provider: Provider, request: SessionRequest, device: str) -> Session:
    options = {"device_type": device} | _for_onnxruntime(request, device)
    return OrtSession(provider, replace(request, device=None, options=options))


def _for_onnxruntime(request: SessionRequest, device: str) -> dict[str, str]:
    """The options for a plug-in: what it has a word for, and every property inside `load_config`."""
    properties = _properties(request, device)
    kept = {name: value for name, value in request.options.items() if name in PLUGIN_ONLY}
    return kept | {"load_config": json.dumps({device.partition(".")[0]: properties})}


def _properties(request: SessionRequest, device: str) -> dict[str, str]:
    """OpenVINO's properties for the options of a request."""
    on_cpu = device.startswith("CPU")
    given = {name: value for name, value in request.options.items() if name in PROPERTIES}
    properties = {PROPERTIES[name]: value for name, value in given.items() if on_cpu or name not in CPU_ONLY}
    properties.setdefault(_HINT, "f32")
    if on_cpu and multiplies_bytes() is False:
        properties[_BYTES_AS_BYTES] = "NO"
    if request.folder is not None:
        properties.setdefault("CACHE_DIR", str(request.folder))
    if on_cpu and request.threads is not None:
        properties.setdefault("INFERENCE_NUM_THREADS", str(request.threads))
    return properties | _more(request.options.get("load_config"), device)


def _more(text: str | None, device: str) -> dict[str, str]:
    """The properties in `load_config` that are for a device."""
    if text is None:
        return {}
    try:
        read = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
        chosen: Mapping[str, Any] = read.get(device) or read.get(device.partition(".")[0]) or {}
        more = {str(key): _spelt(value) for key, value in chosen.items()}
    except (OSError, ValueError, AttributeError) as fault:
        raise SettingsError(
            f'load_config: expected {{"CPU": {{"PROPERTY": "value"}}}} or the path of such a file; got "{text}" ({fault})'
        ) from fault
    if _HINT in more:
        raise SettingsError(f"load_config: {_HINT} is set by the option precision alone, so that it is shown")
    return more


def _spelt(value: object) -> str:
    return ("YES" if value else "NO") if isinstance(value, bool) else str(value)


_ROUTES: Mapping[str, _Route] = {
    "plugin": _Route("the plug-in of onnxruntime-ep-openvino", _plugin_devices, _open_plugin),
    "wheel": _Route("Intel's onnxruntime wheel", _wheel_devices, _open_wheel),
    "own": _Route("OpenVINO's own runtime", _own_devices, _open_own),
}
