"""The CPU execution provider, in every wheel."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from lineside.engine.options import Kind, Option, Scope, checked
from lineside.engine.provider import Callers, Device, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping


def _session(name: str, kind: Kind, meaning: str, **more: object) -> Option:
    """An option that ONNX Runtime's session reads; the provider itself has none."""
    return Option(name, kind, meaning, scope=Scope.SESSION, **more)  # type: ignore[arg-type] # checked by the dataclass


_OPTIONS = (
    _session(
        "intra_op_num_threads",
        Kind.INTEGER,
        "Threads of one run. Few leave cores to other callers, all give one caller the lowest latency.",
        unit="threads",
        least=1,
        most=1024,
    ),
    _session(
        "inter_op_num_threads",
        Kind.INTEGER,
        "Branches of the graph that run side by side; only with ORT_PARALLEL.",
        ours="1",
        unit="threads",
        least=1,
        most=1024,
    ),
    _session(
        "execution_mode",
        Kind.CHOICE,
        "Whether branches run side by side. ORT_PARALLEL halves the speed of a YOLO.",
        default="ORT_SEQUENTIAL",
        ours="ORT_SEQUENTIAL",
        choices=("ORT_SEQUENTIAL", "ORT_PARALLEL"),
    ),
    _session(
        "graph_optimization_level",
        Kind.CHOICE,
        "How far the graph is rewritten. Less than all costs a third of the speed: only all has the CPU's own layout.",
        default="ORT_ENABLE_ALL",
        ours="ORT_ENABLE_ALL",
        choices=(
            "ORT_DISABLE_ALL",
            "ORT_ENABLE_BASIC",
            "ORT_ENABLE_EXTENDED",
            "ORT_ENABLE_LAYOUT",
            "ORT_ENABLE_ALL",
        ),
    ),
    _session(
        "force_spinning_stop",
        Kind.SWITCH,
        "Let idle threads sleep as soon as a run has ended, so that other sessions and stages get the cores.",
        default="0",
        ours="1",
        key="session.force_spinning_stop",
    ),
    _session(
        "allow_spinning",
        Kind.SWITCH,
        "Let threads spin while a run waits for them: a few milliseconds faster, and a core busy with waiting.",
        default="1",
        key="session.intra_op.allow_spinning",
    ),
    _session(
        "spin_duration_us",
        Kind.INTEGER,
        "How long a thread spins before it sleeps.",
        unit="us",
        least=0,
        most=1_000_000,
        key="session.intra_op.spin_duration_us",
    ),
    _session(
        "intra_op_thread_affinities",
        Kind.TEXT,
        "Processors of each thread but the caller's, counted from 1: 3;4 for two threads, 3,4;3,4 for two on either.",
        key="session.intra_op_thread_affinities",
    ),
    _session(
        "enable_cpu_mem_arena",
        Kind.SWITCH,
        "Keep freed memory for the next run. Off: less memory, sometimes slower.",
        default="1",
    ),
    _session(
        "enable_mem_pattern",
        Kind.SWITCH,
        "Plan the memory of a run in one piece once its shapes are known.",
        default="1",
    ),
    _session(
        "enable_mem_reuse",
        Kind.SWITCH,
        "Let a tensor take the place of one that nobody reads any more.",
        default="1",
    ),
    _session(
        "set_denormal_as_zero",
        Kind.SWITCH,
        "Take numbers too small for a normal float as zero; they make some CPUs very slow.",
        default="0",
        key="session.set_denormal_as_zero",
    ),
    _session(
        "disable_prepacking",
        Kind.SWITCH,
        "Leave weights as they are in the file: less memory while loading, slower runs.",
        default="0",
        key="session.disable_prepacking",
    ),
    _session(
        "use_deterministic_compute",
        Kind.SWITCH,
        "Only kernels whose sums have one order, so that equal pictures give equal bits.",
        default="0",
    ),
)


def cpu_name(info: Path = Path("/proc/cpuinfo")) -> str:
    """What its maker calls this CPU.

    Args:
        info: Where the system tells it; elsewhere Python is asked.
    """
    try:
        lines = info.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()


def _find_devices() -> tuple[Device, ...]:
    return (Device("cpu", "0", cpu_name(), None, "cpu"),)


def _precision_of(_: Mapping[str, str]) -> str:
    return "float32"


PROVIDER = Provider(
    name="cpu",
    title="CPU",
    runtime_name="CPUExecutionProvider",
    extra="cpu",
    packages=("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-migraphx"),
    options=_OPTIONS,
    faults=(),
    find_devices=_find_devices,
    precision_of=_precision_of,
    callers=Callers.FREE,
    keeps=Keeps.GRAPH,
    least_share=1.0,
    divides=True,
    thread_option="intra_op_num_threads",
    notes=(
        "cpu:0, cpu:1, … are equal shares of the cores: as many as entries of the list name.",
        "Sessions do not spin when idle (force_spinning_stop): two that do are 2.3 times slower.",
    ),
)

DEFAULTS: Mapping[str, str] = MappingProxyType(checked(_OPTIONS, {}, where="cpu"))
"""What lineside sets where a placement says nothing."""


# As /proc/cpuinfo spells the instructions that sum up products of bytes, of x86 and of ARM.
_BYTE_PRODUCTS = {"avx512_vnni", "avx_vnni", "avx_vnni_int8", "asimddp", "i8mm"}


@cache
def multiplies_bytes(info: Path = Path("/proc/cpuinfo")) -> bool | None:
    """Whether this very CPU has instructions that sum up products of bytes; `None` where nothing tells.

    x86 CPUs without them sum in 16 bits where a runtime lets them, which overflows with no word of it.

    Args:
        info: Where the system lists the CPU's instructions.
    """
    if not info.exists():
        return None
    lines = info.read_text(errors="replace").splitlines()
    known = {word for line in lines if line.startswith(("flags", "Features")) for word in line.split()}
    return bool(known & _BYTE_PRODUCTS) if known else None


def speed_hints(precision: str, *, info: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """What this very CPU has against the speed of a precision, one warning each.

    Args:
        precision: The card's word for it.
        info: Where the system lists the CPU's instructions; without it nothing is said.
    """
    if precision != "int8 (static)" or multiplies_bytes(info) is not False:
        return ()
    return (
        (
            "this CPU has no instructions for products of bytes (VNNI), and the quick way around them is not exact, so static int8 may gain little. "
            "Measure it with lineside inspect --measure; the cure: an export in float32"
        ),
    )
