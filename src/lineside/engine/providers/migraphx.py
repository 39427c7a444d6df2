"""AMD MIGraphX: AMD's cards under ROCm, in the wheel `onnxruntime-migraphx`; the successor of the ROCm provider."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lineside.engine import amd
from lineside.engine.options import Kind, Option
from lineside.engine.provider import Callers, Fault, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_FROM = "onnxruntime-migraphx 1.27.1"
"""The version whose own parser named these options and told their defaults, over a stand-in for AMD's libraries."""

LEFT_OUT = {
    "migraphx_external_alloc": "an address in this process, which no text can hold",
    "migraphx_external_free": "an address in this process, which no text can hold",
    "migraphx_external_empty_cache": "an address in this process, which no text can hold",
}
"""What the runtime knows beside these options, and why a placement cannot set it."""

_switch = partial(Option, kind=Kind.SWITCH, default="0")

_OPTIONS = (
    Option(
        "device_id",
        Kind.INTEGER,
        "Number of the card as HIP counts; the colon of migraphx:1 sets it.",
        default="0",
        least=0,
        most=127,
    ),
    _switch("migraphx_fp16_enable", meaning="Compute in float16: faster, and other scores than on the CPU."),
    _switch("migraphx_bf16_enable", meaning="Compute in bfloat16, on cards that have it."),
    _switch(
        "migraphx_fp8_enable",
        meaning="Compute products in 8-bit floats, on cards that have them; needs a calibration table.",
    ),
    _switch(
        "migraphx_int8_enable",
        meaning="Compute products in int8; needs a calibration table unless the model is quantised.",
    ),
    Option(
        "migraphx_int8_calibration_table_name",
        Kind.TEXT,
        "File name of the calibration table for int8 and fp8, in the folder of ORT_MIGRAPHX_CACHE_PATH.",
    ),
    _switch(
        "migraphx_int8_use_native_calibration_table",
        meaning="The table was written by MIGraphX itself and not by ONNX Runtime's calibration.",
    ),
    Option(
        "migraphx_model_cache_dir",
        Kind.PATH,
        "Folder of the compiled programs; without, each start compiles for minutes. Lineside takes one in its cache.",
    ),
    _switch(
        "migraphx_exhaustive_tune",
        meaning="Measure every variant of each kernel: a start of many minutes, the fastest runs.",
    ),
    Option(
        "migraphx_mem_limit",
        Kind.BYTES,
        "Most memory that the session's arena may take; MIGraphX's own scratch memory comes on top.",
        default=str(2**64 - 1),
        unit="bytes",
        least=1,
        most=2**64 - 1,
    ),
    Option(
        "migraphx_arena_extend_strategy",
        Kind.CHOICE,
        "How the arena grows: by what is asked for, or by twice as much each time.",
        default="kNextPowerOfTwo",
        ours="kSameAsRequested",
        choices=("kNextPowerOfTwo", "kSameAsRequested"),
    ),
)

_FAULTS: tuple[tuple[str, Fault], ...] = (
    (
        r"HIP (?:failure|error) 10[01]\b|no (?:ROCm|HIP)-capable device|invalid device (?:id|ordinal)",
        Fault.UNAVAILABLE,
    ),
    (r"no kernel image is available|HIP (?:failure|error) (?:98|209)\b|unsupported gfx", Fault.UNAVAILABLE),
    (r"HIP (?:failure|error) 2\b|hipErrorOutOfMemory|smaller than requested bytes", Fault.OUT_OF_MEMORY),
    (r"HIP (?:failure|error) (?:214|700|702|709|71[0-9])\b|hipErrorIllegalAddress", Fault.LOST),
    (r"illegal memory access|unspecified launch failure|memory access fault by GPU|GPU hang", Fault.LOST),
    (r"HSA_STATUS_ERROR_(?:EXCEPTION|MEMORY_APERTURE_VIOLATION|ILLEGAL_INSTRUCTION)", Fault.LOST),
    (
        r"HIP (?:failure|error) (?:3|35|36|999)\b|libmigraphx|libamdhip64|HSA_STATUS_ERROR_OUT_OF_RES",
        Fault.DRIVER,
    ),
    (r"MIGraphX.*(?:not supported|unsupported)|failed to call function", Fault.OPERATOR),
)

_NARROW = {
    "migraphx_int8_enable": "int8",
    "migraphx_fp8_enable": "float8",
    "migraphx_fp16_enable": "float16",
    "migraphx_bf16_enable": "bfloat16",
}


def _precision_of(options: Mapping[str, str]) -> str:
    return next((word for name, word in _NARROW.items() if options.get(name) == "1"), "float32")


PROVIDER = Provider(
    name="migraphx",
    title="AMD MIGraphX",
    runtime_name="MIGraphXExecutionProvider",
    extra="migraphx",
    packages=("onnxruntime-migraphx",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=partial(amd.find_devices, "migraphx"),
    precision_of=_precision_of,
    device_option="device_id",
    systems=("linux",),
    old_names=("rocm",),
    callers=Callers.ONE_A_DEVICE,
    keeps=Keeps.ENGINE,
    hardware=("gpu:amd",),
    least_share=0.9,
    needs_process=True,
    variants=("", "migraphx_fp16_enable=on", "migraphx_bf16_enable=on"),
    notes=(
        "The ROCm provider was removed in ONNX Runtime 1.23; rocm:0 is taken for migraphx:0, with a notice.",
        "The wheel needs ROCm 7 on the machine: libmigraphx_c.so.3 and libamdhip64.so.7.",
        "Version 1.27.1 holds Python still while it compiles, for minutes, so only a worker process opens a session.",
    ),
    with_folder={"migraphx_model_cache_dir": "{folder}"},
)
