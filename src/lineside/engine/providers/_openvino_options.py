"""The options of `openvino`, under the names of its plug-in where that has one, and OpenVINO's property for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.engine.options import Kind, Option, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping


def _property(name: str, kind: Kind, meaning: str, **more: object) -> Option:
    """An option that lineside makes a property of; a plug-in gets it inside `load_config`."""
    return Option(name, kind, meaning, scope=Scope.LINESIDE, on="YES", off="NO", **more)  # type: ignore[arg-type] # checked by the dataclass


_PLACE = (
    Option(
        "device_type",
        Kind.TEXT,
        "The device, as OpenVINO names it: CPU, GPU, GPU.1, NPU. What stands behind the colon of a placement is the same.",
    ),
    Option(
        "runtime",
        Kind.CHOICE,
        "What runs the model: ONNX Runtime's plug-in, Intel's onnxruntime wheel, or OpenVINO's own runtime. "
        "auto takes the first that has the device.",
        default="auto",
        ours="auto",
        choices=("auto", "plugin", "wheel", "own"),
        scope=Scope.LINESIDE,
    ),
)

_NUMBERS = (
    _property(
        "precision",
        Kind.CHOICE,
        "What a float32 model is computed in. OpenVINO itself takes bf16 wherever the CPU has it, without a word; here "
        "float32 means float32 unless bf16 (half the time on such a CPU) or f16 (GPU, NPU) is asked for.",
        ours="f32",
        choices=("f32", "bf16", "f16"),
    ),
    _property(
        "execution_mode_hint",
        Kind.CHOICE,
        "Whether the device may trade exactness for speed within its precision.",
        default="PERFORMANCE",
        choices=("PERFORMANCE", "ACCURACY"),
    ),
    _property(
        "cpu_denormals_optimization",
        Kind.SWITCH,
        "Take numbers too small for a normal float as zero; they make some CPUs very slow.",
        default="NO",
    ),
    _property(
        "cpu_sparse_weights_decompression_rate",
        Kind.NUMBER,
        "The share of zeros from which int8 weights of matrix products are kept packed.",
        default="1.0",
        least=0,
        most=1,
    ),
)

_THREADS = (
    _property(
        "num_of_threads",
        Kind.INTEGER,
        "Threads of all runs together on the CPU; OpenVINO takes its physical cores unless set.",
        unit="threads",
        least=1,
        most=1024,
    ),
    _property(
        "num_streams",
        Kind.INTEGER,
        "Runs that are under way at a time; the threads are divided between them. 1 gives one caller the lowest latency.",
        default="1",
        least=1,
        most=1024,
    ),
    _property(
        "performance_hint",
        Kind.CHOICE,
        "What the device arranges itself for: one run as soon as possible, or many in a second.",
        default="LATENCY",
        ours="LATENCY",
        choices=("LATENCY", "THROUGHPUT"),
    ),
    _property(
        "enable_cpu_pinning",
        Kind.SWITCH,
        "Bind each thread to a processor. Two sessions that do may be bound to the same one.",
        default="YES",
        ours="NO",
    ),
    _property(
        "enable_hyper_threading",
        Kind.SWITCH,
        "Use both halves of a core that has two.",
    ),
    _property(
        "scheduling_core_type",
        Kind.CHOICE,
        "Which cores of a CPU with fast and economical ones.",
        default="ANY_CORE",
        choices=("ANY_CORE", "PCORE_ONLY", "ECORE_ONLY"),
    ),
    _property(
        "enable_cpu_reservation",
        Kind.SWITCH,
        "Keep the processors of this model from other models of OpenVINO in this process.",
        default="NO",
    ),
    _property(
        "model_priority",
        Kind.CHOICE,
        "Which model a GPU serves first.",
        default="MEDIUM",
        choices=("LOW", "MEDIUM", "HIGH"),
    ),
)

_FILES = (
    _property(
        "cache_dir",
        Kind.PATH,
        "Where compiled models are kept. lineside gives a folder of its own cache unless set.",
    ),
    Option(
        "load_config",
        Kind.TEXT,
        "More properties, as JSON by device or the path of such a file: "
        '{"CPU": {"ENABLE_TENSOR_PARALLEL": "YES"}}. The precision is set by precision alone.',
    ),
)

_PLUGIN_ONLY = (
    Option(
        "reshape_input",
        Kind.TEXT,
        "Fixed shapes for inputs, with bounds for a moving side: images[1,3,60..80,60..80]. Plug-in and wheel only.",
    ),
    Option("layout", Kind.TEXT, "Layouts of inputs and outputs: images[NCHW]. Wheel only."),
    Option(
        "disable_dynamic_shapes",
        Kind.SWITCH,
        "Compile anew for each shape in place of one model for all. Wheel only.",
        default="false",
        on="true",
        off="false",
    ),
    Option(
        "enable_qdq_optimizer",
        Kind.SWITCH,
        "Rewrite a quantised graph for an NPU. Wheel only.",
        default="false",
        on="true",
        off="false",
    ),
    Option(
        "enable_opencl_throttling",
        Kind.SWITCH,
        "Let a waiting host thread of a GPU sleep: less load, more latency. Wheel only.",
        default="false",
        on="true",
        off="false",
    ),
)

OPTIONS = (*_PLACE, *_NUMBERS, *_THREADS, *_FILES, *_PLUGIN_ONLY)
"""All of them."""

PLUGIN_ONLY = frozenset(option.name for option in _PLUGIN_ONLY)
"""Options that OpenVINO's own runtime does not have."""

PROPERTIES: Mapping[str, str] = {
    option.name: {
        "precision": "INFERENCE_PRECISION_HINT",
        "num_of_threads": "INFERENCE_NUM_THREADS",
    }.get(option.name, option.name.upper())
    for option in OPTIONS
    if option.scope is Scope.LINESIDE and option.name != "runtime"
}
"""OpenVINO's property for an option, by the option's name."""

CPU_ONLY = frozenset(
    {"num_of_threads", "enable_hyper_threading", "enable_cpu_pinning", "scheduling_core_type"}
) | frozenset(
    {"enable_cpu_reservation", "cpu_denormals_optimization", "cpu_sparse_weights_decompression_rate"}
)
"""Options that only the CPU has."""
