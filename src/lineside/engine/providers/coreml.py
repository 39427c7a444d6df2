"""Apple Core ML: GPU and Neural Engine of a Mac, in the plain wheel `onnxruntime` for macOS."""

from __future__ import annotations

import platform
import sys
from functools import partial
from typing import TYPE_CHECKING

from lineside.engine.options import Kind, Option
from lineside.engine.provider import Callers, Device, Fault, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_FROM = "onnxruntime 1.32.0 for macOS"
"""The version whose library these keys were read from."""

_switch = partial(Option, kind=Kind.SWITCH, default="0")

_OPTIONS = (
    Option(
        "MLComputeUnits",
        Kind.CHOICE,
        "What may compute: everything, all but the Neural Engine, all but the GPU, or the CPU alone.",
        default="ALL",
        ours="CPUAndGPU",
        choices=("ALL", "CPUAndGPU", "CPUAndNeuralEngine", "CPUOnly"),
    ),
    Option(
        "ModelFormat",
        Kind.CHOICE,
        "Form of the translated model: MLProgram keeps the precision of each operator and knows more of them, "
        "NeuralNetwork runs on older systems and may compute in float16 anywhere but on the CPU.",
        default="NeuralNetwork",
        ours="MLProgram",
        choices=("NeuralNetwork", "MLProgram"),
    ),
    _switch(
        "RequireStaticInputShapes",
        meaning="Take only nodes whose shapes are fixed; nodes with variable shapes are slow in Core ML.",
        ours="1",
    ),
    _switch("EnableOnSubgraphs", meaning="Take nodes inside of loops and branches, too."),
    Option(
        "SpecializationStrategy",
        Kind.CHOICE,
        "Whether Core ML compiles for the fastest runs at the cost of a slower start; macOS 15 and newer.",
        default="Default",
        ours="FastPrediction",
        choices=("Default", "FastPrediction"),
    ),
    Option(
        "ModelCacheDirectory",
        Kind.PATH,
        "Folder of the compiled models; without, each start compiles. Lineside takes one in its cache.",
    ),
    _switch(
        "AllowLowPrecisionAccumulationOnGPU",
        meaning="Let the GPU sum up in float16: faster, and other scores.",
    ),
    _switch(
        "ProfileComputePlan",
        meaning="Write into the log which unit runs each operator, and its share of the time.",
    ),
)

_FAULTS: tuple[tuple[str, Fault], ...] = (
    (r"does not have Apple Neural Engine|CoreML EP is not supported on this platform", Fault.UNAVAILABLE),
    (r"Unknown option: |Invalid value for option", Fault.SETTINGS),
    (r"MLMultiArray.*(?:alloc|memory)|MPSNDArray.*(?:alloc|memory)|IOSurface", Fault.OUT_OF_MEMORY),
    (r"GPU Timeout|IOGPUCommandQueueErrorDomain|command buffer .*(?:abort|ignored)", Fault.LOST),
    (
        r"Error compiling model|compiler error|Failed to (?:create|load) MLModel|Unable to compute the",
        Fault.OPERATOR,
    ),
)


def _find_devices(system: str = sys.platform) -> tuple[Device, ...]:
    """The Mac itself: Core ML chooses among its units, and none of them has a number or memory of its own."""
    if system != "darwin":
        return ()
    return (Device("coreml", "0", f"Apple {platform.machine()}", None, "apple", platform.mac_ver()[0]),)


def _precision_of(options: Mapping[str, str]) -> str:
    """The Neural Engine computes in float16 whatever the file says; what Core ML gives it is not known before."""
    units = options.get("MLComputeUnits", "ALL")
    if units == "CPUOnly":
        return "float32"
    is_whole = options.get("ModelFormat") == "MLProgram" and units == "CPUAndGPU"
    return "float32" if is_whole and options.get("AllowLowPrecisionAccumulationOnGPU") != "1" else "float16"


PROVIDER = Provider(
    name="coreml",
    title="Apple Core ML",
    runtime_name="CoreMLExecutionProvider",
    extra="coreml",
    packages=("onnxruntime",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=_find_devices,
    precision_of=_precision_of,
    systems=("darwin",),
    callers=Callers.ONE_A_SESSION,
    keeps=Keeps.ENGINE,
    hardware=("gpu:apple", "npu:apple", "cpu"),
    least_share=0.8,
    variants=("", "MLComputeUnits=CPUAndGPU&ModelFormat=MLProgram"),
    notes=(
        "The wheel for macOS holds it; the extra coreml installs the same package as cpu.",
        "The Neural Engine computes in float16; MLComputeUnits=CPUAndGPU keeps a float32 model in float32.",
        "Give the model fixed shapes: with variable ones Core ML takes little of the graph.",
    ),
    with_folder={"ModelCacheDirectory": "{folder}"},
)
