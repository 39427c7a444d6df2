"""NVIDIA TensorRT: engines compiled for one card and one model, in the wheel `onnxruntime-gpu` beside TensorRT 10."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lineside.engine import nvidia
from lineside.engine.options import Kind, Option
from lineside.engine.provider import Build, Callers, Fault, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_FROM = "onnxruntime-gpu 1.31.1"
"""The version whose own parser knows these options (`make test-gpu-wheel`)."""

LEFT_OUT = {
    "user_compute_stream": "an address in this process, which no text can hold",
}
"""What the runtime knows beside these options, and why a placement cannot set it."""

# This provider alone takes no 1 and 0 from Python.
_switch = partial(Option, kind=Kind.SWITCH, default="False", on="True", off="False")
_path = partial(Option, kind=Kind.PATH)
_text = partial(Option, kind=Kind.TEXT)

_PRECISION = (
    _switch(
        "trt_fp16_enable",
        meaning="Let TensorRT compute in float16 where that is faster; other scores than the CPU's.",
    ),
    _switch(
        "trt_bf16_enable", meaning="Let TensorRT compute in bfloat16 where that is faster; Ampere and newer."
    ),
    _switch(
        "trt_int8_enable",
        meaning="Let TensorRT compute in int8; needs a calibration table unless the model is quantised itself.",
    ),
    _text(
        "trt_int8_calibration_table_name",
        meaning="File name of the calibration table, in the folder of the engines.",
    ),
    _switch(
        "trt_int8_use_native_calibration_table",
        meaning="The table was written by TensorRT itself and not by ONNX Runtime's calibration.",
    ),
    _switch(
        "trt_layer_norm_fp32_fallback",
        meaning="Compute layer normalisations in float32 in a float16 engine; only models with attention care.",
    ),
    _switch(
        "trt_sparsity_enable",
        meaning="Use the tensor cores' form for weights that are zero two in four; few models are.",
    ),
)

_CACHE = (
    _switch(
        "trt_engine_cache_enable",
        meaning="Keep built engines on disk; without, each start builds for minutes. On where lineside has a cache folder.",
    ),
    _path(
        "trt_engine_cache_path",
        meaning="Folder of the engines; lineside takes one in its cache for this very model.",
    ),
    _text("trt_engine_cache_prefix", meaning="What the file names of the engines begin with."),
    _switch(
        "trt_timing_cache_enable",
        meaning="Keep what was measured of each kernel, so that the next engine builds faster. On where lineside has a folder.",
    ),
    _path("trt_timing_cache_path", meaning="Folder of those measurements."),
    _switch("trt_force_timing_cache", meaning="Take measurements of another card of the same kind, too."),
    _switch(
        "trt_engine_hw_compatible",
        meaning="Build an engine that runs on every card from Ampere on; slower than the card's own.",
    ),
    _switch(
        "trt_weight_stripped_engine_enable",
        meaning="Leave the weights out of the engine's file and read them from the model.",
    ),
    _path("trt_onnx_model_folder_path", meaning="Folder of the model whose weights a stripped engine needs."),
    _switch(
        "trt_dump_ep_context_model",
        meaning="Write a model that holds the engine, for machines without the original.",
    ),
    _path("trt_ep_context_file_path", meaning="Where that model is written."),
    Option(
        "trt_ep_context_embed_mode",
        Kind.INTEGER,
        "Whether that model names the engine's file (0) or contains it (1).",
        default="0",
        least=0,
        most=1,
    ),
    _switch(
        "trt_engine_decryption_enable",
        meaning="Decrypt engines with the library of trt_engine_decryption_lib_path.",
    ),
    _path("trt_engine_decryption_lib_path", meaning="The library that decrypts engines."),
)

_SHAPES = (
    _text(
        "trt_profile_min_shapes",
        meaning="Smallest shapes of inputs with variable axes, as images:1x3x320x320; set all three.",
    ),
    _text("trt_profile_opt_shapes", meaning="The shapes that the engine is made fastest for."),
    _text(
        "trt_profile_max_shapes",
        meaning="Largest shapes; outside of the profile the engine is built again while a part waits.",
    ),
)

_BUILD = (
    Option(
        "trt_max_workspace_size",
        Kind.BYTES,
        "Most scratch memory of one layer, 0 for all that the card has.",
        default="0",
        unit="bytes",
        least=0,
        most=2**63 - 1,
    ),
    Option(
        "trt_builder_optimization_level",
        Kind.INTEGER,
        "How long TensorRT searches, 0 to 5; below 2 a start is faster and each run slower.",
        default="3",
        least=0,
        most=5,
    ),
    Option(
        "trt_auxiliary_streams",
        Kind.INTEGER,
        "Streams that run branches side by side, -1 for TensorRT's choice, 0 for least memory.",
        default="-1",
        least=-1,
        most=16,
    ),
    Option(
        "trt_max_partition_iterations",
        Kind.INTEGER,
        "How often the graph is divided anew before the rest is left to other providers.",
        default="1000",
        least=1,
        most=2**31 - 1,
    ),
    Option(
        "trt_min_subgraph_size",
        Kind.INTEGER,
        "Fewest nodes that make an engine of their own; smaller pieces go to other providers.",
        default="1",
        unit="nodes",
        least=1,
        most=2**31 - 1,
    ),
    _switch(
        "trt_build_heuristics_enable",
        meaning="Guess the fastest kernels instead of measuring all: a faster build.",
    ),
    _switch(
        "trt_force_sequential_engine_build",
        meaning="Build one engine at a time where a process uses several cards.",
    ),
    _text(
        "trt_tactic_sources",
        meaning="Libraries that kernels may come from: +CUDNN,-CUBLAS; TensorRT's choice unless given.",
    ),
    _text(
        "trt_op_types_to_exclude",
        meaning="Operators that are left to other providers, comma separated.",
        default=None,
    ),
    _text("trt_preview_features", meaning="Preview features of TensorRT, comma separated."),
    _text("trt_extra_plugin_lib_paths", meaning="Libraries with operators of your own, semicolon separated."),
    _switch("trt_detailed_build_log", meaning="Tell what is built and how long it takes."),
    _switch(
        "trt_dump_subgraphs",
        meaning="Write each piece that becomes an engine as a model into the working folder.",
    ),
)

_RUN = (
    _switch(
        "trt_cuda_graph_enable",
        meaning="Replay the recorded run as one command; needs fixed shapes, fixed buffers, the whole graph in one engine.",
    ),
    _switch(
        "trt_context_memory_sharing_enable",
        meaning="Let the engines of a session share their scratch memory, as they run one after the other.",
    ),
    _switch(
        "trt_dla_enable",
        meaning="Use the deep-learning accelerator of a Jetson or DRIVE; needs float16 or int8.",
    ),
    Option("trt_dla_core", Kind.INTEGER, "Number of that accelerator.", default="0", least=0, most=7),
)

_OPTIONS = (
    Option(
        "device_id",
        Kind.INTEGER,
        "Number of the card as CUDA counts; the colon of tensorrt:1 sets it.",
        default="0",
        least=0,
        most=127,
    ),
    *_PRECISION,
    *_CACHE,
    *_SHAPES,
    *_BUILD,
    *_RUN,
)

_FAULTS: tuple[tuple[str, Fault], ...] = (
    (r"Invalid TensorRT EP option|\[TensorRT\] The value for the key|\bsto(?:i|ul|ull)\s*$", Fault.SETTINGS),
    (r"shape range in the profile|profile shapes? of .* (?:is|are) invalid", Fault.SETTINGS),
    (r"Please install TensorRT libraries|libnvinfer|nvonnxparser", Fault.DRIVER),
    (
        r"Engine deserialization failed|platform specific tag mismatch|version tag does not match",
        Fault.DRIVER,
    ),
    *nvidia.FAULTS,
    (r"OutOfMemory|insufficient memory|not enough memory", Fault.OUT_OF_MEMORY),
    (r"No importer registered for op|could not build engine|failed to build engine", Fault.OPERATOR),
    (r"could not find any implementation|has no shape specified|UNSUPPORTED_NODE", Fault.OPERATOR),
)

_NARROW = {"trt_int8_enable": "int8", "trt_fp16_enable": "float16", "trt_bf16_enable": "bfloat16"}


def _precision_of(options: Mapping[str, str]) -> str:
    """The narrowest that TensorRT may choose; without any it may still take TF32 on Ampere and newer."""
    return next((word for name, word in _NARROW.items() if options.get(name) == "True"), "tf32")


PROVIDER = Provider(
    name="tensorrt",
    title="NVIDIA TensorRT",
    runtime_name="TensorrtExecutionProvider",
    extra="tensorrt",
    packages=("onnxruntime-gpu",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=partial(nvidia.find_devices, "tensorrt"),
    precision_of=_precision_of,
    device_option="device_id",
    systems=("linux", "win32"),
    callers=Callers.ONE_A_DEVICE,
    keeps=Keeps.ENGINE,
    hardware=("gpu:nvidia",),
    builds=(Build("tensorrt", since="1.27.0", least_driver="580"),),
    least_share=0.9,
    variants=("", "trt_fp16_enable=on", "trt_bf16_enable=on"),
    notes=(
        "The wheel has the provider without TensorRT itself: libnvinfer.so.10 comes with the extra or from NVIDIA.",
        "An engine serves one card, one TensorRT and one model; building it takes from half a minute to ten.",
        "NVIDIA_TF32_OVERRIDE=0 in the environment keeps float32 products unrounded; no option does.",
    ),
    with_folder={
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "{folder}",
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": "{folder}",
    },
)
