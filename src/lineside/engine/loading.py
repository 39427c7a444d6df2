"""Why a provider's library could not be loaded: ONNX Runtime writes that into a log and falls to the CPU."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lineside.core.errors import DriverError
from lineside.engine import nvidia
from lineside.engine.runtime import onnxruntime

if TYPE_CHECKING:
    from lineside.engine.provider import Provider

_ON_CUDA = ("cuda", "tensorrt", "tensorrt_rtx")
_FORMS = {"win32": "{}.dll", "darwin": "lib{}.dylib"}
_LONGEST_S = 120.0  # a cold disk reads gigabytes

# In a process of its own: a library that is loaded by anyone but the runtime may end the process, and what it pulls
# in stays in memory. The order is the runtime's: the bridge first and for all, then the provider.
_PROBE = """
import contextlib, ctypes, io, sys
shared, library, preload = sys.argv[1:]
if preload:
    import onnxruntime
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
try:
    ctypes.CDLL(shared, mode=ctypes.RTLD_GLOBAL)
    ctypes.CDLL(library)
except OSError as fault:
    print(fault)
"""


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
    """Let the loader find the CUDA libraries that came as packages; they lie where it does not look by itself.

    What cannot be found is no error here: `reason` tells it.
    """
    if provider.name in _ON_CUDA and hasattr(onnxruntime(), "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses, and answers nothing
            onnxruntime().preload_dlls()


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
    if library is not None and (fault := _load(library, on_cuda=provider.name in _ON_CUDA)):
        return f"{library.name} cannot be loaded: {fault}"
    if provider.name in _ON_CUDA:
        try:
            return nvidia.driver(nvidia.library(driver)).fault
        except DriverError as fault:
            return str(fault)
    return ""


def _load(library: Path, *, on_cuda: bool) -> str:
    """The loader's words about a library; empty where it took it."""
    form = _FORMS.get(sys.platform, "lib{}.so")
    shared = library.with_name(form.format("onnxruntime_providers_shared"))
    words = [sys.executable, "-c", _PROBE, str(shared), str(library), "preload" if on_cuda else ""]
    try:
        probe = subprocess.run(words, capture_output=True, text=True, timeout=_LONGEST_S, check=False)  # noqa: S603 # our own words
    except (OSError, subprocess.TimeoutExpired) as fault:
        return f"the process that tries it failed: {fault}"
    if probe.returncode < 0:
        return f"it ends the process that loads it (signal {-probe.returncode})"
    return probe.stdout.strip().removeprefix(f"{library}: ")
