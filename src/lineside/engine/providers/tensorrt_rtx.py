"""NVIDIA TensorRT for RTX: engines compiled on the user's own card in seconds, as a plug-in beside any wheel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lineside.engine import nvidia, plugged
from lineside.engine.options import Kind, Option
from lineside.engine.provider import Build, Callers, Fault, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.engine.provider import Device

READ_FROM = "onnxruntime-ep-nv-tensorrt-rtx-cu13 0.5.0"
"""The version whose header these options were read from; its library accepts unknown ones in silence."""

LEFT_OUT = {
    "has_user_compute_stream": "belongs to user_compute_stream",
    "user_compute_stream": "an address in this process, which no text can hold",
    "user_aux_stream_array": "an address in this process, which no text can hold",
    "nv_length_aux_stream_array": "belongs to user_aux_stream_array",
    "VkExternalComputeQueueDataParamsNV_data": "an address in this process, which no text can hold",
    "nv_multi_rotary_cache_concat_offset": "for language models alone",
}
"""What the provider knows beside these options, and why a placement cannot set it."""

_switch = partial(Option, kind=Kind.SWITCH, default="0")
_path = partial(Option, kind=Kind.PATH)
_text = partial(Option, kind=Kind.TEXT)

_OPTIONS = (
    _path(
        "nv_runtime_cache_path",
        meaning="Folder of the compiled kernels; lineside takes one in its cache for this very model.",
    ),
    _text(
        "nv_profile_min_shapes",
        meaning="Smallest shapes of inputs with variable axes, as images:1x3x320x320; set all three.",
    ),
    _text("nv_profile_opt_shapes", meaning="The shapes that the engine is made fastest for."),
    _text("nv_profile_max_shapes", meaning="Largest shapes of those inputs."),
    _switch("nv_multi_profile_enable", meaning="Make an engine with several of these profiles."),
    Option(
        "nv_max_workspace_size",
        Kind.BYTES,
        "Most scratch memory while the engine is built, 0 for TensorRT's choice.",
        default="0",
        unit="bytes",
        least=0,
        most=2**63 - 1,
    ),
    Option(
        "nv_max_shared_mem_size",
        Kind.BYTES,
        "Most shared memory of a kernel, 0 for what the card has.",
        default="0",
        unit="bytes",
        least=0,
        most=2**63 - 1,
    ),
    _text(
        "nv_weight_streaming_budget",
        meaning="Memory for weights that stay on the card: 0 keeps all, -1 lets TensorRT choose, or 512M, or 50%.",
        default="0",
    ),
    _switch(
        "enable_cuda_graph",
        meaning="Replay the recorded run as one command, which saves the launching of each kernel; needs fixed shapes.",
    ),
    _switch(
        "nv_persistent_context_memory",
        meaning="Keep the scratch memory between runs instead of asking for it each time.",
        ours="1",
    ),
    _switch(
        "nv_use_sync_gpu_allocator", meaning="Allocate memory without CUDA's pool, where that is unreliable."
    ),
    _switch(
        "nv_use_external_data_initializer",
        meaning="Take the weights from memory instead of building them into the engine.",
    ),
    _switch(
        "nv_weight_stripped_engine_enable_experimental",
        meaning="Leave the weights out of a compiled model; an experiment.",
    ),
    _text("nv_op_types_to_exclude", meaning="Operators that are left to other providers, comma separated."),
    Option(
        "nv_target_sm",
        Kind.CHOICE,
        "Architecture to compile for on a machine without a card.",
        choices=("sm86", "sm89", "sm120", "sm121"),
    ),
    _switch("nv_enable_profiling", meaning="Measure each layer; turns CUDA graphs off."),
    _path("nv_profiling_output_file", meaning="Where these measurements are written."),
    _switch("nv_detailed_build_log", meaning="Tell what is built and how long it takes."),
    _switch(
        "nv_dump_subgraphs",
        meaning="Write each piece that becomes an engine as a model into the working folder.",
    ),
)

_FAULTS: tuple[tuple[str, Fault], ...] = (
    *nvidia.FAULTS,
    (r"libnvidia-ml|libtensorrt_rtx|compute capability", Fault.DRIVER),
    (r"OutOfMemory|insufficient memory", Fault.OUT_OF_MEMORY),
    (r"No importer registered for op|could not build engine|failed to build engine", Fault.OPERATOR),
)


def _find_devices() -> tuple[Device, ...]:
    return plugged.find_devices(PROVIDER)


def _precision_of(_: Mapping[str, str]) -> str:
    """It has no option for another precision than the graph's, and none that forbids TF32."""
    return "tf32"


PROVIDER = Provider(
    name="tensorrt_rtx",
    title="NVIDIA TensorRT for RTX",
    runtime_name="NvTensorRTRTXExecutionProvider",
    extra="tensorrt-rtx",
    packages=("onnxruntime-ep-nv-tensorrt-rtx",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=_find_devices,
    precision_of=_precision_of,
    plugin="onnxruntime_ep_nv_tensorrt_rtx",
    systems=("linux", "win32"),
    callers=Callers.ONE_A_DEVICE,
    keeps=Keeps.ENGINE,
    hardware=("gpu:nvidia",),
    builds=(Build("tensorrt-rtx", since="0", least_driver="580"),),
    least_share=0.9,
    notes=(
        "It brings TensorRT for RTX itself and runs on Ampere (RTX 30) and newer; the driver must be there.",
        "It is a plug-in: it stands beside onnxruntime or onnxruntime-gpu and excludes neither.",
        "It takes no narrower precision by an option: a float16 or quantised file does.",
        "It accepts options that it does not know without a word, so lineside checks them.",
    ),
    with_folder={"nv_runtime_cache_path": "{folder}"},
)
