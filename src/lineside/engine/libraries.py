"""Plug-in libraries of providers: each image is registered once in a process, and asked for its devices.

ONNX Runtime takes the same library twice under two names and then shows each device twice, so what counts here is the
file itself: a link to it is the same image, a copy is another one, with a context and a lock of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from lineside.core.errors import (
    DeviceError,
    DeviceUnavailableError,
    DriverError,
    LinesideError,
    NotInstalledError,
    SettingsError,
)
from lineside.engine.runtime import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.engine.provider import Provider
    from lineside.engine.session import SessionRequest

_Image = tuple[int, int]  # device and inode: what the loader, too, takes for one image

_registering = Lock()
_registered: set[_Image] = set()
_runs: dict[_Image, Lock] = {}


def packaged(provider: Provider) -> Path:
    """The library that a provider's package brings.

    Raises:
        NotInstalledError: The package is not installed.
        DriverError: It is, without a library for this machine.
    """
    if not provider.plugin or importlib.util.find_spec(provider.plugin) is None:
        raise NotInstalledError(
            f"\"{provider.name}\" needs the package {provider.packages[0]}: pip install 'lineside[{provider.extra}]'"
        )
    try:
        return Path(importlib.import_module(provider.plugin).get_library_path())
    except Exception as fault:  # each package has its own way to say that it lacks the file
        raise DriverError(
            f"{provider.packages[0]} is installed without a library for this machine ({fault}); install it again"
        ) from fault


def register(path: Path, runtime_name: str) -> None:
    """Make a library's providers known to ONNX Runtime; a second call for the same image does nothing.

    Args:
        path: The library.
        runtime_name: ONNX Runtime's name of the provider. The first image is registered by it, a further one by it and
            a number.

    Raises:
        SettingsError: There is no such file, or it holds no provider.
        DriverError: The loader refused it; its reason is in the message.
        DeviceUnavailableError: It was built for a newer ONNX Runtime.
        DeviceError: Its provider could not be started.
    """
    image = _image(path)
    with _registering:
        if image not in _registered:
            if not any(_listed(image)):  # other code of this process may have registered it
                _register(path, runtime_name)
            _registered.add(image)


def devices(path: Path, runtime_name: str) -> tuple[Any, ...]:
    """What a library finds on this machine, each device once, in its own order.

    Args:
        path: The library; it is registered where it is not yet.
        runtime_name: ONNX Runtime's name of the provider.

    Returns:
        `onnxruntime.OrtEpDevice` values, for `SessionOptions.add_provider_for_devices`; none is no error.

    Raises:
        SettingsError, DriverError, DeviceUnavailableError, DeviceError: As for `register`.
    """
    register(path, runtime_name)
    image = _image(path)
    return tuple(device for device in _listed(image) if device.ep_name == runtime_name)


def device(provider: Provider, request: SessionRequest) -> tuple[Path, Any] | None:
    """The library that a session goes through, and its device; `None` where the provider is built into the wheel.

    Args:
        provider: Whose session.
        request: Its device is counted in the library's own order; `None` is the first. Its option `library` names another
            image than the package's.

    Raises:
        NotInstalledError: The package is not installed, and the wheel does not hold the provider.
        DeviceUnavailableError: The library finds no such device on this machine.
        SettingsError, DriverError, DeviceError: As for `register`.
    """
    if not provider.plugin:
        return None
    if (named := request.options.get("library")) is not None:
        path = Path(named)
    elif importlib.util.find_spec(provider.plugin) is None and (
        provider.runtime_name in onnxruntime().get_available_providers()
    ):
        return None
    else:
        path = packaged(provider)
    found = devices(path, provider.runtime_name)
    index = _index(provider, request.options.get(provider.device_option or "", request.device))
    if index >= len(found):
        raise DeviceUnavailableError(
            f"{provider.name}:{index}: {path.name} finds {len(found) or 'no'} device{'s' * (len(found) != 1)} on this machine"
        )
    return path, found[index]


def run_lock(path: Path) -> Lock:
    """The lock that every run on a library's image takes where its provider allows one caller an image.

    Raises:
        SettingsError: There is no such file.
    """
    with _registering:
        return _runs.setdefault(_image(path), Lock())


def _index(provider: Provider, device: str | None) -> int:
    if device is not None and not device.isdecimal():
        raise SettingsError(
            f'{provider.name}:{device}: expected a device\'s number, such as {provider.name}:0; got "{device}"'
        )
    return int(device or 0)


def _register(path: Path, runtime_name: str) -> None:
    """Register an image under the first name that no other code of this process has taken."""
    runtime = onnxruntime()
    number = len(_registered)
    for name in (runtime_name, f"{runtime_name}.{number}", f"{runtime_name}.lineside.{number}"):
        try:
            runtime.register_execution_provider_library(name, str(path.resolve()))
        except Exception as fault:  # onnxruntime's exceptions have no common base
            if "already registered" not in str(fault):
                raise _translated(path, fault) from fault
        else:
            return
    raise DeviceError(
        f"{path.name} could not be registered: the names of {runtime_name} are taken in this process"
    )


def _listed(image: _Image) -> Iterator[Any]:
    for device in onnxruntime().get_ep_devices():
        path = dict(device.ep_metadata).get("library_path")
        if path and _is_image(Path(path), image):
            yield device


def _image(path: Path) -> _Image:
    try:
        status = path.stat()
    except OSError as fault:
        raise SettingsError(
            f"library: expected a provider's plug-in library, got {path}: {fault.strerror}"
        ) from fault
    return status.st_dev, status.st_ino


def _is_image(path: Path, image: _Image) -> bool:
    try:
        return _image(path) == image
    except SettingsError:  # removed since it was loaded: none that is asked for now
        return False


_NO_PROVIDER = re.compile(r"CreateEpFactories")
_TOO_NEW = re.compile(r"API version .*(?:not (?:available|supported)|newer)", re.IGNORECASE)
_LOADER = re.compile(r"Failed to load library .*? with error: (.*)", re.DOTALL)


def _translated(path: Path, fault: Exception) -> LinesideError:
    text = str(fault).strip()
    if _TOO_NEW.search(text):
        return DeviceUnavailableError(
            f"{path.name} was built for a newer onnxruntime than {onnxruntime().__version__}: {text}"
        )
    if _NO_PROVIDER.search(text):
        return SettingsError(f"library: {path} holds no execution provider: {text}")
    if loader := _LOADER.search(text):
        return DriverError(f"{path.name} cannot be loaded: {loader[1].strip()}")
    return DeviceError(f"{path.name} could not be registered: {text}")
