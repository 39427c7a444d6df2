"""Why a provider's library could not be loaded: ONNX Runtime writes that into a log and falls to the CPU."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.core.errors import DriverError
from lineside.engine import nvidia
from lineside.engine.provider import provider as named
from lineside.engine.runtime import onnxruntime

if TYPE_CHECKING:
    from lineside.engine.provider import Provider

_ON_CUDA = ("cuda", "tensorrt", "tensorrt_rtx")
_WITH_A_LIBRARY = ("cuda", "tensorrt", "migraphx", "cann")
_FORMS = {"win32": "{}.dll", "darwin": "lib{}.dylib"}
_TENSORRT = ("*nvinfer[._]*10*", "*nvinfer_plugin*10*", "*nvonnxparser*10*")
_CUDA = re.compile(r"^cuda_version\s*=\s*[\"']([\d.]+)", re.MULTILINE)
_LONGEST_S = 120.0  # a cold disk reads gigabytes
_PROBE = "import sys; from lineside.engine import loading; print(loading.attempt(*sys.argv[1:]))"


def wheel_folder() -> Path | None:
    """The folder of the installed wheel's libraries, found without importing it; `None` without a wheel."""
    spec = importlib.util.find_spec("onnxruntime")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0]) / "capi" if folders else None


def library_of(provider: Provider, folder: Path) -> Path | None:
    """The library that the wheel in `folder` loads for a provider; `None` where it has none of its own."""
    form = _FORMS.get(sys.platform, "lib{}.so")
    path = folder / form.format(f"onnxruntime_providers_{provider.name}")
    return path if path.is_file() else None


def preload(provider: Provider) -> None:
    """Let the loader find the vendor's libraries that came as packages; they lie where it does not look by itself.

    What cannot be found is no error here: `reason` tells it.
    """
    if provider.name in _ON_CUDA and hasattr(onnxruntime(), "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses, and answers nothing
            onnxruntime().preload_dlls()
    if provider.name == "tensorrt" and (spec := importlib.util.find_spec("tensorrt_libs")) is not None:
        for folder in spec.submodule_search_locations or ():
            for library in sorted(path for form in _TENSORRT for path in Path(folder).glob(form)):
                with contextlib.suppress(OSError):
                    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def attempt(name: str, library: str) -> str:
    """Load a provider's library into this process, and say what is against it; nothing where it is in.

    For a process of its own: what is loaded stays, and a library that is loaded by anyone but the runtime may end the
    process.

    Args:
        name: The provider's name.
        library: The path of its library.
    """
    preload(named(name))
    form = _FORMS.get(sys.platform, "lib{}.so")
    try:
        # The runtime's own order: the bridge first and for all, then the provider.
        ctypes.CDLL(
            str(Path(library).with_name(form.format("onnxruntime_providers_shared"))), mode=ctypes.RTLD_GLOBAL
        )
        ctypes.CDLL(library)
    except OSError as fault:
        return str(fault).removeprefix(f"{library}: ")
    return ""


def reason(provider: Provider, *, folder: Path | None = None, driver: str = "") -> str:
    """Why a provider's library does not work on this machine, in the loader's or the driver's words.

    Args:
        provider: Of the wheel, not of a plug-in package; those tell it when they are registered.
        folder: Where the wheel keeps its libraries; the installed wheel's unless given.
        driver: Name or path of NVIDIA's driver library, unless it is the system's own.

    Returns:
        One sentence, or an empty text where nothing is found to be wrong.
    """
    place = folder or wheel_folder()
    if place is None:
        return "no onnxruntime wheel is installed"
    library = library_of(provider, place)
    if library is None and provider.name in _WITH_A_LIBRARY:
        return f"the installed wheel does not hold it: pip install 'lineside[{provider.extra}]'"
    if library is not None and (fault := _words(provider.name, library)):
        return f"{library.name} cannot be loaded: {fault}"
    if provider.name in _ON_CUDA:
        return _driver_fault(driver, built_for(place) if library is not None else "")
    return ""


def built_for(folder: Path) -> str:
    """The CUDA that the wheel of a folder was built for, such as `13.0`; empty where it was for none.

    Args:
        folder: Where the wheel keeps its libraries.
    """
    notes = folder / "build_and_package_info.py"
    told = _CUDA.search(notes.read_text(encoding="utf-8", errors="replace")) if notes.is_file() else None
    return told[1] if told else ""


def _driver_fault(name: str, needed: str) -> str:
    try:
        driver = nvidia.driver(nvidia.library(name))
    except DriverError as missing:
        return str(missing)
    if driver.is_too_old(needed):
        return f"NVIDIA's driver serves CUDA {driver.cuda} and this wheel was built for {needed}: update the driver"
    return driver.fault


def _words(name: str, library: Path) -> str:
    """What another process says of a library."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-c", _PROBE, name, str(library)]
    try:
        probe = subprocess.run(  # noqa: S603 # our own words
            words, capture_output=True, text=True, timeout=_LONGEST_S, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        return f"the process that tries it failed: {fault}"
    if probe.returncode < 0:
        return f"it ends the process that loads it, by signal {-probe.returncode}"
    if probe.returncode > 0:
        said = probe.stderr.strip().splitlines() or ["without a word"]
        return f"the process that tries it failed: {said[-1]}"
    return probe.stdout.strip()
