"""NVIDIA CUDA: the cards of a PC or server, in the wheel `onnxruntime-gpu`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lineside.engine import nvidia
from lineside.engine.options import Kind, Option
from lineside.engine.provider import Build, Callers, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_FROM = "onnxruntime-gpu 1.31.1"
"""The version whose own parser named these options and told their defaults (`make test-gpu-wheel`)."""

LEFT_OUT = {
    "has_user_compute_stream": "belongs to user_compute_stream",
    "user_compute_stream": "an address in this process, which no text can hold",
    "gpu_external_alloc": "an address in this process, which no text can hold",
    "gpu_external_free": "an address in this process, which no text can hold",
    "gpu_external_empty_cache": "an address in this process, which no text can hold",
    "ep.cuda.*": "entries of the session for language models alone",
}
"""What the runtime knows beside these options, and why a placement cannot set it."""

_switch = partial(Option, kind=Kind.SWITCH)

_OPTIONS = (
    Option(
        "device_id",
        Kind.INTEGER,
        "Number of the card as CUDA counts, by speed unless CUDA_DEVICE_ORDER=PCI_BUS_ID; the colon of cuda:1 sets it.",
        default="0",
        least=0,
        most=127,
    ),
    Option(
        "gpu_mem_limit",
        Kind.BYTES,
        "Most memory that the session's arena may take; what cuDNN and CUDA take for themselves comes on top.",
        default=str(2**64 - 1),
        unit="bytes",
        least=1,
        most=2**64 - 1,
    ),
    Option(
        "arena_extend_strategy",
        Kind.CHOICE,
        "How the arena grows: by what is asked for, or by twice as much each time, which takes up to double the memory.",
        default="kNextPowerOfTwo",
        ours="kSameAsRequested",
        choices=("kNextPowerOfTwo", "kSameAsRequested"),
    ),
    Option(
        "cudnn_conv_algo_search",
        Kind.CHOICE,
        "How a convolution's algorithm is chosen: EXHAUSTIVE measures all at the first run of each shape (slow start, fastest "
        "runs; for fixed shapes), HEURISTIC asks cuDNN (for shapes that vary), DEFAULT takes one without asking.",
        default="EXHAUSTIVE",
        ours="EXHAUSTIVE",
        choices=("EXHAUSTIVE", "HEURISTIC", "DEFAULT"),
    ),
    _switch(
        "cudnn_conv_use_max_workspace",
        meaning="Let a convolution have all the scratch memory that its fastest algorithm asks for; off limits it to 32 MB.",
        default="1",
    ),
    _switch(
        "cudnn_conv1d_pad_to_nc1d",
        meaning="Compute convolutions along one axis as (n, c, 1, d) instead of (n, c, d, 1); no YOLO has any.",
        default="0",
    ),
    _switch(
        "enable_cudnn",
        meaning="Use cuDNN; off, a convolution has no kernel and the model is refused when it runs.",
        default="1",
    ),
    _switch(
        "use_tf32",
        meaning="Let float32 products be rounded to 10 bits on Ampere and newer: faster, and other scores than on the CPU.",
        default="1",
        ours="0",
    ),
    _switch(
        "prefer_nhwc",
        meaning="Keep pictures channel by channel last inside the graph, which suits the tensor cores in float16.",
        default="0",
    ),
    _switch(
        "fuse_conv_bias",
        meaning="Let cuDNN add the bias inside the convolution; each new shape is compiled first.",
        default="0",
    ),
    _switch(
        "enable_cuda_graph",
        meaning="Replay the recorded run as one command, which saves the launching of each kernel; needs fixed shapes, fixed "
        "buffers, every node on the card, and one caller.",
        default="0",
    ),
    _switch(
        "do_copy_in_default_stream",
        meaning="Copy in the stream that computes; off lets copies and kernels overlap, and some models read half-copied data.",
        default="1",
        ours="1",
    ),
    _switch(
        "use_ep_level_unified_stream",
        meaning="One stream for all runs of a session instead of one for each thread that runs it.",
        default="0",
    ),
    Option(
        "sdpa_kernel",
        Kind.INTEGER,
        "Bits of the attention kernels that may be taken, 0 for the runtime's choice; only models with attention care.",
        default="0",
        least=0,
        most=2**31 - 1,
    ),
    _switch(
        "enable_skip_layer_norm_strict_mode",
        meaning="Sum layer normalisations in float32 even in a float16 model; only models with attention care.",
        default="0",
    ),
    _switch(
        "tunable_op_enable",
        meaning="Take the tuned variant of operators that have several; a YOLO has none of them.",
        default="0",
    ),
    _switch(
        "tunable_op_tuning_enable",
        meaning="Measure those variants while running; needs tunable_op_enable.",
        default="0",
    ),
    Option(
        "tunable_op_max_tuning_duration_ms",
        Kind.INTEGER,
        "Longest time that measuring one operator may take, 0 for no limit.",
        default="0",
        unit="ms",
        least=0,
        most=2**31 - 1,
    ),
)


def _precision_of(options: Mapping[str, str]) -> str:
    return "float32" if options.get("use_tf32") == "0" else "tf32"


PROVIDER = Provider(
    name="cuda",
    title="NVIDIA CUDA",
    runtime_name="CUDAExecutionProvider",
    extra="cuda",
    packages=("onnxruntime-gpu",),
    options=_OPTIONS,
    faults=nvidia.FAULTS,
    find_devices=partial(nvidia.find_devices, "cuda"),
    precision_of=_precision_of,
    device_option="device_id",
    systems=("linux", "win32"),
    callers=Callers.ONE_A_DEVICE,
    keeps=Keeps.NOTHING,
    hardware=("gpu:nvidia",),
    builds=(
        Build("cuda", since="1.27.0", least_driver="580"),
        Build("cuda12", since="0", least_driver="525.60.13"),
    ),
    least_share=0.9,
    variants=("", "use_tf32=on", "prefer_nhwc=on", "use_tf32=on&prefer_nhwc=on"),
    notes=(
        "onnxruntime-gpu is built for CUDA 13 from 1.27 on; 1.26 (the extra cuda12) is the last for CUDA 12.",
        "Version 1.26 holds Python still while it makes a session; from 1.31 on others run meanwhile.",
        "A fault such as 700 or 719 is sticky: every later call of the process fails, so the worker process is replaced.",
        "use_tf32 is off, so that float32 means float32; switch it on where the verdicts stay the same.",
    ),
)
