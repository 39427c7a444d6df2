"""The CPU execution provider, in every wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lineside.engine.runtime import onnxruntime, quiet_options, usable_cores

NAME = "CPUExecutionProvider"


def session_options(threads: int | None, *, optimised: bool = False) -> Any:
    """Options for a session on the CPU.

    Args:
        threads: Threads of one run, or `None` for one a usable core. With 1, several callers run side by side.
        optimised: Whether the file was optimised before, for this machine.

    Returns:
        An `onnxruntime.SessionOptions`.
    """
    ort = onnxruntime()
    options = quiet_options()
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # Idle threads that spin take the core from the next stage and from other sessions: 2.3 times slower
    # with two sessions in one process.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_DISABLE_ALL if optimised else level.ORT_ENABLE_ALL
    return options


# As /proc/cpuinfo spells the instructions that sum up products of bytes, of x86 and of ARM.
_BYTE_PRODUCTS = {"avx512_vnni", "avx_vnni", "avx_vnni_int8", "asimddp", "i8mm"}


def speed_hints(precision: str, *, info: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """What this very CPU has against the speed of a precision, one warning each.

    Args:
        precision: The card's word for it.
        info: Where the system lists the CPU's instructions; without it nothing is said.
    """
    if precision != "int8 (static)" or not info.exists():
        return ()
    lines = info.read_text(errors="replace").splitlines()
    known = {word for line in lines if line.startswith(("flags", "Features")) for word in line.split()}
    if not known or known & _BYTE_PRODUCTS:
        return ()
    return (
        (
            "this CPU has no instructions for products of bytes (VNNI), so static int8 may gain little. Measure it with "
            "lineside inspect --measure; the cure: an export in float32"
        ),
    )
