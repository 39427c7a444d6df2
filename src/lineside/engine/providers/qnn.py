"""Qualcomm QNN: the NPU (HTP) and GPU of Snapdragon chips, as a plug-in beside any wheel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lineside.engine import plugged
from lineside.engine.options import Kind, Option, Scope
from lineside.engine.provider import Callers, Fault, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.engine.provider import Device

READ_FROM = "onnxruntime-qnn 2.7.0"
"""The version whose library named these options in its log. It takes unknown ones and bad values in silence."""

LEFT_OUT = {
    "genie_log_level": "for language models alone",
    "enable_htp_monolithic_lstm": "for recurrent models alone",
}
"""What the provider knows beside these options, and why a placement does not set it."""

_switch = partial(Option, kind=Kind.SWITCH, default="0")
_path = partial(Option, kind=Kind.PATH)
_number = partial(Option, kind=Kind.INTEGER, default="0", least=0, most=2**31 - 1)

_MODES = (
    "default",
    "burst",
    "balanced",
    "high_performance",
    "sustained_high_performance",
    "high_power_saver",
    "low_balanced",
    "low_power_saver",
    "power_saver",
    "extreme_power_saver",
)

_BACKEND = (
    Option(
        "backend_type",
        Kind.CHOICE,
        "Which unit computes; by the device's own kind unless given. On x86 htp is Qualcomm's simulator, a thousand times slower.",
        choices=("htp", "gpu", "cpu", "ir", "saver"),
    ),
    _path("backend_path", meaning="Library of that unit, instead of backend_type: libQnnHtp.so."),
    _switch("skip_qnn_version_check", meaning="Take a QNN library of another version."),
    Option(
        "soc_model",
        Kind.TEXT,
        "The chip, by name or number, such as SM8750; wanted where it cannot be found out: on x86, or for another machine.",
        default="0",
    ),
    _number(
        "htp_arch", meaning="Architecture of the NPU, such as 73 or 75; 0 is what the machine has.", most=999
    ),
    _number("device_id", meaning="Number of the NPU on boards with several.", most=63),
    _path("op_packages", meaning="Operators of your own: type:path:symbol, comma separated."),
    _path("op_affinity", meaning="File that says which operators stay with other providers."),
    _switch(
        "skip_backend_op_validation",
        meaning="Do not ask the unit beforehand whether it takes an operator: a faster start.",
    ),
)

_SPEED = (
    Option(
        "htp_performance_mode",
        Kind.CHOICE,
        "Clock of the NPU: burst for the shortest run, sustained_high_performance where burst is throttled by heat.",
        default="default",
        ours="burst",
        choices=_MODES,
    ),
    _number(
        "rpc_control_latency",
        meaning="How long the driver waits for the NPU awake instead of asleep; 100 makes runs shorter and warmer.",
        unit="us",
        ours="100",
    ),
    Option(
        "qnn_context_priority",
        Kind.CHOICE,
        "Who goes first where several programs use the NPU.",
        default="normal",
        choices=("low", "normal", "normal_high", "high"),
    ),
    Option(
        "htp_graph_finalization_optimization_mode",
        Kind.INTEGER,
        "How long the graph is optimised: 1 starts fastest, 3 runs fastest.",
        default="0",
        ours="3",
        least=0,
        most=3,
    ),
    _number(
        "vtcm_mb", meaning="Fast memory of the NPU for this model, 0 for its choice.", unit="MB", most=64
    ),
    _switch("extended_udma", meaning="Use the extended memory mover of newer NPUs."),
    _switch("enable_htp_graph_splitting", meaning="Compile a large graph in pieces."),
    _number(
        "htp_graph_splitting_num_prepare_threads",
        meaning="Threads that compile such pieces.",
        unit="threads",
        most=1024,
    ),
    _number(
        "num_graph_prepare_threads",
        meaning="Threads that compile several graphs; Windows on ARM alone.",
        unit="threads",
        most=1024,
    ),
    _number(
        "htp_reused_io_limit_mb", meaning="Most memory for buffers that inputs and outputs share.", unit="MB"
    ),
)

_PRECISION = (
    _switch(
        "enable_htp_fp16_precision",
        meaning="Say to the NPU that a float32 graph is computed in float16, which it does anyway.",
        ours="1",
    ),
    _switch("htp_bf16_enable", meaning="Compute in bfloat16; needs soc_model of SM8750 (88) or newer."),
    _switch(
        "enable_htp_fp16_clamp_overflow",
        meaning="Let float16 stop at its largest number instead of becoming infinite.",
    ),
    _switch(
        "offload_graph_io_quantization",
        meaning="Leave the first quantising and the last dequantising to the CPU.",
        default="1",
    ),
    _switch(
        "enable_block_quant_weight_optimization",
        meaning="Take the quick path for weights quantised in blocks.",
    ),
)

_MEMORY = (
    _switch(
        "enable_htp_spill_fill_buffer",
        meaning="Share the scratch memory of several compiled models of a file.",
    ),
    _switch(
        "enable_htp_shared_memory_allocator",
        meaning="Put inputs and outputs into memory that the NPU sees: no copies; needs libcdsprpc.",
    ),
    _switch(
        "enable_dx12_shared_memory_allocator", meaning="The same with DirectX 12, for the GPU under Windows."
    ),
    _switch(
        "enable_vtcm_backup_buffer_sharing", meaning="Share the copy of the fast memory between sessions."
    ),
    Option(
        "htp_share_resource_optimization",
        Kind.CHOICE,
        "The newer word for enable_vtcm_backup_buffer_sharing; 1 is its only value.",
        choices=("1",),
    ),
    _switch(
        "disable_file_mapped_weights",
        meaning="Read weights into memory instead of mapping the file; Windows on ARM alone.",
    ),
)

_PREPARED = (
    Option(
        "context_enable",
        Kind.SWITCH,
        "Write the compiled model as another model file, which starts without compiling.",
        default="0",
        key="ep.context_enable",
        scope=Scope.SESSION,
    ),
    Option(
        "context_file_path",
        Kind.PATH,
        "Where it is written.",
        key="ep.context_file_path",
        scope=Scope.SESSION,
    ),
    Option(
        "context_embed_mode",
        Kind.SWITCH,
        "Put the compiled part into that file instead of beside it.",
        default="0",
        key="ep.context_embed_mode",
        scope=Scope.SESSION,
    ),
    _switch("enable_htp_prepare_only", meaning="Compile and write, and run nothing."),
    _switch("enable_htp_prepare_and_load", meaning="Compile, write, and load what was written."),
)

_LOOKING = (
    Option(
        "profiling_level",
        Kind.CHOICE,
        "How much of each run is measured.",
        default="off",
        choices=("off", "basic", "detailed", "optrace"),
    ),
    _path("profiling_file_path", meaning="Where these measurements are written."),
    _switch("dump_json_qnn_graph", meaning="Write what became of the graph as JSON."),
    _path("json_qnn_graph_dir", meaning="Folder of that JSON."),
    _switch("dump_qnn_ir_dlc", meaning="Write what became of the graph in Qualcomm's own form."),
    _path("dump_qnn_ir_dlc_dir", meaning="Folder of that."),
    _path("qnn_ir_backend_path", meaning="Library that writes it."),
    _path("qnn_saver_path", meaning="Library that writes down every call to QNN, for a report of a fault."),
    _switch("dump_qnn_ep_input_graph", meaning="Write the graph as the provider got it."),
    _path("dump_qnn_ep_input_graph_dir", meaning="Folder of that."),
    _switch("enable_framework_op_trace", meaning="Write which operator of the file became which of QNN."),
    _path("framework_op_trace_dir", meaning="Folder of that."),
)

_OPTIONS = (*_BACKEND, *_SPEED, *_PRECISION, *_MEMORY, *_PREPARED, *_LOOKING)

_FAULTS: tuple[tuple[str, Fault], ...] = (
    (r"QNN_\w*ERROR_MEM_ALLOC|Memory allocation related error", Fault.OUT_OF_MEMORY),
    (r"SYSTEM_COMMUNICATION|subsystem restart|\bSSR\b|DEVICE_RESET|DeviceReset", Fault.LOST),
    (r"Could not determine default backend path|no (?:NPU|HTP) device", Fault.UNAVAILABLE),
    (r"Only one of 'backend_type'|Unknown exception occurred while creating QNN EP", Fault.SETTINGS),
    (
        r"Unable to load backend|SetupBackend failed|Failed to create device|libcdsprpc|Qnn\w+\.(?:dll|so)",
        Fault.DRIVER,
    ),
    (r"QNN_COMMON_ERROR_(?:PLATFORM_NOT_SUPPORTED|INCOMPATIBLE_BINARIES)", Fault.DRIVER),
    (r"Failed to (?:finalize|compose) QNN graph|GRAPH_ERROR|OP_PACKAGE_ERROR|dynamic shape", Fault.OPERATOR),
)


def _find_devices() -> tuple[Device, ...]:
    return plugged.find_devices(PROVIDER)


def _precision_of(options: Mapping[str, str]) -> str:
    """The NPU computes a float graph in float16 whether or not it is told to: both answers were the same to the bit."""
    if options.get("backend_type") in {"gpu", "cpu"}:
        return "float32"
    return "bfloat16" if options.get("htp_bf16_enable") == "1" else "float16"


PROVIDER = Provider(
    name="qnn",
    title="Qualcomm QNN",
    runtime_name="QNNExecutionProvider",
    extra="qnn",
    packages=("onnxruntime-qnn",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=_find_devices,
    precision_of=_precision_of,
    plugin="onnxruntime_qnn",
    systems=("linux", "win32"),
    callers=Callers.ONE_A_DEVICE,
    keeps=Keeps.CONTEXT,
    hardware=("npu:qualcomm",),
    least_share=0.9,
    notes=(
        "It is a plug-in, but its package asks for onnxruntime by name: it cannot stand beside onnxruntime-gpu.",
        "The model needs fixed shapes; a quantised one (QDQ) is what the NPU is made for.",
        "On x86 its library finds the CPU as its device, and backend_type=htp&soc_model=SM8750 simulates the NPU there.",
        "It accepts unknown options, and takes a bad value for 0, without a word, so lineside checks them.",
    ),
)
