"""DirectML: any DirectX 12 card under Windows, in the wheel `onnxruntime-directml`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from lineside.core.errors import MissingRuntimeError
from lineside.engine.options import Kind, Option, Scope
from lineside.engine.plugged import described
from lineside.engine.provider import Callers, Fault, Keeps, Provider
from lineside.engine.runtime import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineside.engine.provider import Device

READ_FROM = "onnxruntime-directml 1.24.4"
"""The version whose library these keys were read from."""

_NAME = "DmlExecutionProvider"
_session_switch = partial(Option, kind=Kind.SWITCH, default="0", scope=Scope.SESSION)

_OPTIONS = (
    Option(
        "device_id",
        Kind.INTEGER,
        "Number of the adapter as DXGI counts, the one with the main screen first; the colon of directml:1 sets it.",
        least=0,
        most=63,
    ),
    Option(
        "performance_preference",
        Kind.CHOICE,
        "Which adapter is taken where no number is given.",
        default="default",
        choices=("default", "high_performance", "minimum_power"),
    ),
    Option(
        "device_filter",
        Kind.CHOICE,
        "Which kind of adapter is taken where no number is given.",
        default="gpu",
        choices=("gpu", "npu", "any"),
    ),
    Option(
        "disable_metacommands",
        Kind.SWITCH,
        "Leave out the driver's own kernels: slower, and a way round a driver that answers wrongly.",
        default="False",
        on="True",
        off="False",
    ),
    _session_switch(
        "disable_graph_fusion",
        meaning="Run node by node instead of as one DirectML graph: slower, and a way to find the node that fails.",
        key="ep.dml.disable_graph_fusion",
    ),
    _session_switch(
        "enable_graph_capture",
        meaning="Replay the recorded run as one command; needs fixed shapes and every node on the card.",
        key="ep.dml.enable_graph_capture",
    ),
    _session_switch(
        "enable_cpu_sync_spinning",
        meaning="Wait for the card by spinning: some tenths of a millisecond sooner, and a core busy with waiting.",
        key="ep.dml.enable_cpu_sync_spinning",
    ),
    _session_switch(
        "disable_memory_arena",
        meaning="Give memory back after each run: less memory, slower.",
        key="ep.dml.disable_memory_arena",
    ),
    _session_switch(
        "enable_graph_serialization",
        meaning="Write the DirectML graph into the working folder, for a report of a fault.",
        key="ep.dml.enable_graph_serialization",
    ),
)

_FAULTS: tuple[tuple[str, Fault], ...] = (
    (r"887A000[567]|887A0020|device (?:instance )?has been (?:suspended|removed)", Fault.LOST),
    (r"8007000E|E_OUTOFMEMORY|not enough (?:memory|storage)", Fault.OUT_OF_MEMORY),
    (r"887A0002|No devices detected|Invalid (?:PerformancePreference|Filter)", Fault.UNAVAILABLE),
    (r"887A0004|D3D12CreateDevice|DirectML\.dll", Fault.DRIVER),
    (r"\[DirectML\] The value for the key", Fault.SETTINGS),
)


def _find_devices(system: str = sys.platform) -> tuple[Device, ...]:
    """As the installed wheel lists them; none without it, as nothing else counts as DXGI does."""
    if system != "win32":
        return ()
    try:
        runtime = onnxruntime()
    except MissingRuntimeError:
        return ()
    return tuple(_listed(runtime.get_ep_devices()))


def _listed(devices: Iterable[Any]) -> Iterator[Device]:
    for device in devices:
        if device.ep_name == _NAME:
            number = dict(device.device.metadata).get("DxgiAdapterNumber", "0")
            yield described("directml", int(number), device)


def _precision_of(_: Mapping[str, str]) -> str:
    return "float32"


PROVIDER = Provider(
    name="directml",
    title="Microsoft DirectML",
    runtime_name=_NAME,
    extra="directml",
    packages=("onnxruntime-directml",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=_find_devices,
    precision_of=_precision_of,
    device_option="device_id",
    systems=("win32",),
    callers=Callers.ONE_A_SESSION,
    keeps=Keeps.NOTHING,
    hardware=("gpu",),
    least_share=0.9,
    needs_process=True,
    notes=(
        "Microsoft keeps DirectML as it is and builds new things into Windows ML; 1.24.4 is its last wheel so far.",
        "That version holds Python still while it makes a session, so only a worker process opens one.",
        "It takes no two runs of one session at a time, and no parallel execution mode.",
    ),
)
