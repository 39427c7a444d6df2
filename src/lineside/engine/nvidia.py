"""NVIDIA's driver, asked without a session: its state, its devices in CUDA's own order; and the texts of its faults.

`nvidia-smi` counts by the PCI bus, CUDA by speed unless `CUDA_DEVICE_ORDER` says otherwise. What stands behind the colon
of `cuda:1` is CUDA's number, so CUDA's driver is asked and nobody else.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DriverError
from lineside.engine.provider import Device, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = {"win32": "nvcuda.dll"}
"""The driver's library by system; `libcuda.so.1` elsewhere."""

ANSWERS = {
    2: "out of memory",
    3: "not initialised",
    34: "the library is a stub that stands in for the driver's while programs are built",
    35: "the driver is older than what the provider was built for",
    46: "the device is busy or kept for another process",
    100: "no CUDA-capable device is detected",
    101: "no device of that number",
    802: "the system is not initialised yet; on machines with NVSwitch the fabric manager must run",
    803: "the driver's library and its kernel module are of different versions; restart the machine",
    804: "the compatibility library does not support this card",
    999: "unknown error; after a suspend or an update of the driver only a restart helps",
}
"""What the driver's answers mean."""

FAULTS: tuple[tuple[str, Fault], ...] = (
    (r"invalid device id|invalid device ordinal|CUDA (?:failure|error) 10[01]\b", Fault.UNAVAILABLE),
    (r"no CUDA-capable device|CUDA (?:failure|error) (?:46|209)\b|no kernel image", Fault.UNAVAILABLE),
    (r"CUDA (?:failure|error) 2\b|CUBLAS_STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation", Fault.OUT_OF_MEMORY),
    (r"CUDNN_STATUS_\w*ALLOC\w*FAILED|smaller than requested bytes|cuda out of memory", Fault.OUT_OF_MEMORY),
    # Sticky: the process's context is lost, and every further call answers the same.
    (r"CUDA (?:failure|error) (?:214|220|700|702|709|71[0-9]|721)\b", Fault.LOST),
    (r"illegal memory access|unspecified launch failure|device-side assert|launch timed out", Fault.LOST),
    (r"misaligned address|illegal instruction|hardware stack error|uncorrectable (?:ECC|NVLink)", Fault.LOST),
    (r"invalid program counter|context is destroyed|GPU is lost|cudaErrorIllegalAddress", Fault.LOST),
    (r"(?:CUBLAS|CUDNN)_STATUS_(?:EXECUTION_FAILED|MAPPING_ERROR)", Fault.LOST),
    (r"CUDA (?:failure|error) (?:3|34|35|36|80[0-4]|999)\b", Fault.DRIVER),
    (r"driver version is insufficient|unsupported display driver|system not yet initialized", Fault.DRIVER),
    (r"(?:CUBLAS|CUDNN)_STATUS_NOT_INITIALIZED|Require cuDNN|install all dependencies", Fault.DRIVER),
    (r"CUDNN_STATUS_\w*(?:NOT_SUPPORTED|BAD_PARAM)|HEURISTIC_QUERY_FAILED|CUDNN Frontend", Fault.OPERATOR),
)
"""Patterns of the fault texts of everything that runs on CUDA, in the order in which they count."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver says of itself.

    Attributes:
        answer: What it answered when it was started; 0 where all is well.
        cuda: The newest CUDA that it serves, such as `13.0`; empty where it does not tell.
    """

    answer: int
    cuda: str

    @property
    def fault(self) -> str:
        """What is wrong with it, in words; empty where all is well."""
        if self.answer == 0:
            return ""
        return f"NVIDIA's driver answers {self.answer}: {ANSWERS.get(self.answer, 'see the CUDA driver API')}"

    def is_too_old(self, needed: str) -> bool:
        """Whether it serves only a CUDA whose first number is below that of the one needed.

        Args:
            needed: Such as `13.0`; an empty text needs none.
        """
        own, other = self.cuda.partition(".")[0], needed.partition(".")[0]
        return bool(own and other) and int(own) < int(other)


@cache
def library(name: str = "") -> Any:
    """The driver's library.

    Args:
        name: Its name or path, unless it is the system's own.

    Raises:
        DriverError: The loader refused it; its reason is in the message.
    """
    wanted = name or NAMES.get(sys.platform, "libcuda.so.1")
    try:
        return ctypes.CDLL(wanted)
    except OSError as fault:
        raise DriverError(f"NVIDIA's driver is not installed ({fault})") from fault


def driver(cuda: Any) -> Driver:
    """The state of the driver behind a library.

    Args:
        cuda: The library, as `library` gives it.
    """
    answer = int(cuda.cuInit(0))
    number = ctypes.c_int(0)
    if cuda.cuDriverGetVersion(ctypes.byref(number)) != 0 or number.value <= 0:
        return Driver(answer, "")
    return Driver(answer, f"{number.value // 1000}.{number.value % 1000 // 10}")


def find_devices(
    provider: str, cuda: Any = None, *, version: Path = Path("/sys/module/nvidia/version")
) -> tuple[Device, ...]:
    """The devices that CUDA can use, in its own order; none where there is no driver, or a broken one.

    Args:
        provider: Whose devices they are called.
        cuda: The driver's library; the system's own unless given.
        version: Where the kernel tells the driver's version.
    """
    try:
        source = library() if cuda is None else cuda
    except DriverError:
        return ()
    state = driver(source)
    if state.answer != 0:
        return ()
    told = version.read_text().strip() if version.is_file() else ""
    text = f"{told} (CUDA {state.cuda})" if told else f"CUDA {state.cuda}"
    return tuple(_devices(provider, source, text))


def _devices(provider: str, cuda: Any, driver_version: str) -> Iterator[Device]:
    count = ctypes.c_int(0)
    if cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return
    for index in range(count.value):
        name, bus = ctypes.create_string_buffer(256), ctypes.create_string_buffer(32)
        memory = ctypes.c_size_t(0)
        has_name = cuda.cuDeviceGetName(name, 256, index) == 0
        has_bus = cuda.cuDeviceGetPCIBusId(bus, 32, index) == 0
        has_memory = cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), index) == 0
        yield Device(
            provider=provider,
            index=str(index),
            name=name.value.decode(errors="replace") if has_name else f"NVIDIA device {index}",
            memory_bytes=int(memory.value) if has_memory else None,
            physical=f"pci:{bus.value.decode().lower()}" if has_bus else f"cuda:{index}",
            driver=driver_version,
        )
