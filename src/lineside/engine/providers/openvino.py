"""OpenVINO: its plug-in for ONNX Runtime or Intel's wheel where they have the device, else its own runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.engine import openvino_routes
from lineside.engine.provider import Callers, Device, Fault, Keeps, Provider
from lineside.engine.providers._openvino_options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.engine.session import Session, SessionRequest

_PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}

# Texts of OpenVINO 2024 to 2026; those of the CPU were provoked, those of GPU and NPU are from its issues.
_FAULTS = (
    (r"infer request was cancell?ed", Fault.CANCELLED),
    (r"ZE_RESULT_ERROR_DEVICE_LOST|device hung, reset, was removed|CL_DEVICE_NOT_AVAILABLE", Fault.LOST),
    (r"any subsequent OpenCL API call will cause application hang", Fault.LOST),
    (
        r"CL_OUT_OF_RESOURCES|CL_MEM_OBJECT_ALLOCATION_FAILURE|CL_OUT_OF_HOST_MEMORY|error code: -[456]\b",
        Fault.OUT_OF_MEMORY,
    ),
    (
        r"exceed(?:s|ed) (?:the )?max(?:imum)? (?:size of )?memory (?:object )?alloc|ZE_RESULT_ERROR_OUT_OF_(?:DEVICE|HOST)",
        Fault.OUT_OF_MEMORY,
    ),
    (r"is not registered in the openvino runtime|supports only '' as device id", Fault.UNAVAILABLE),
    (
        r"\[openvino\] device \S+ is not available|no (?:supported |available )?devices (?:were )?found",
        Fault.UNAVAILABLE,
    ),
    (r"cannot load library|cannot open shared object|compiler loading failed", Fault.DRIVER),
    (
        r"unsupported property|wrong value|for property key|invalid openvino ep option|json parsing error",
        Fault.SETTINGS,
    ),
    (r"unsupported inference precision|number of threads should be", Fault.SETTINGS),
    (
        r"no conversion rule found|opconversionfailure|unsupported operation|not supported by plugin",
        Fault.OPERATOR,
    ),
    (r"unable to read the model|could not open the file|error during import of onnx model", Fault.MODEL),
)


def find_devices() -> tuple[Device, ...]:
    """What any of the three ways to OpenVINO finds on this machine, each device once."""
    return openvino_routes.find_devices(PROVIDER)


def _precision_of(options: Mapping[str, str]) -> str:
    return _PRECISIONS[options.get("precision", "f32")]


def _open(request: SessionRequest) -> Session:
    return openvino_routes.open_session(PROVIDER, request)


def _why_missing(device: str) -> str:
    return openvino_routes.why_missing(PROVIDER, device)


PROVIDER = Provider(
    name="openvino",
    title="Intel OpenVINO",
    runtime_name="OpenVINOExecutionProvider",
    extra="openvino",
    packages=("openvino", "onnxruntime-ep-openvino", "onnxruntime-openvino"),
    options=OPTIONS,
    faults=_FAULTS,
    find_devices=find_devices,
    precision_of=_precision_of,
    device_option="device_type",
    plugin="onnxruntime_ep_openvino",
    systems=("linux", "win32", "darwin"),
    callers=Callers.FREE,
    keeps=Keeps.ENGINE,
    open=_open,
    why_missing=_why_missing,
    hardware=("cpu", "gpu:intel", "npu:intel"),
    variants=("precision=f32", "precision=bf16", "precision=f16"),
    thread_option="num_of_threads",
    notes=(
        "OpenVINO's package reports each import over the network unless told otherwise; lineside imports it without that.",
        (
            "float32 means float32: OpenVINO computes in bf16 wherever the CPU can unless told otherwise, so the precision is "
            "always set, read back from the compiled model, and refused where it is coarser than asked."
        ),
        "precision=bf16 halves the time on a CPU with avx512_bf16 or amx_bf16; the answers move a little.",
        "The plug-in (onnxruntime-ep-openvino) takes Intel's devices alone; on CPUs of AMD and ARM OpenVINO's own runtime runs.",
        (
            "openvino alone takes a graphics card with memory of its own, else the CPU. An integrated GPU shares the CPU's memory "
            "and an NPU has no float32, so those are taken by name: openvino:GPU, openvino:NPU?precision=f16."
        ),
        "AUTO, HETERO, MULTI and BATCH are refused: they choose device and precision by themselves.",
        "Whole numbers of 64 bits are computed in 32 on the CPU.",
        "Signed int8 on both sides (S8S8) gives wrong scores; quantise activations unsigned (U8S8).",
        (
            "Intel's wheel (onnxruntime-openvino) takes a misspelt device without a word and runs on the CPU, and holds the "
            "GIL while a session is made."
        ),
    ),
)
