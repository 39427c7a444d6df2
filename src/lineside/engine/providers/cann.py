"""Huawei CANN: Ascend NPUs, in the wheel `onnxruntime-cann` beside Huawei's own toolkit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lineside.engine.options import Kind, Option
from lineside.engine.provider import Callers, Device, Fault, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_FROM = "onnxruntime-cann 1.24.4"
"""The version whose own parser named these options and told their defaults, over a stand-in for Huawei's libraries."""

_OPTIONS = (
    Option(
        "device_id",
        Kind.INTEGER,
        "Number of the NPU as npu-smi counts; the colon of cann:1 sets it.",
        default="0",
        least=0,
        most=127,
    ),
    Option(
        "npu_mem_limit",
        Kind.BYTES,
        "Most memory that the session's arena may take; CANN's own memory comes on top.",
        default=str(2**64 - 1),
        unit="bytes",
        least=1,
        most=2**64 - 1,
    ),
    Option(
        "arena_extend_strategy",
        Kind.CHOICE,
        "How the arena grows: by what is asked for, or by twice as much each time.",
        default="kNextPowerOfTwo",
        ours="kSameAsRequested",
        choices=("kNextPowerOfTwo", "kSameAsRequested"),
    ),
    Option(
        "enable_cann_graph",
        Kind.SWITCH,
        "Compile the graph as a whole; off runs node by node, much slower.",
        default="1",
        ours="1",
    ),
    Option(
        "enable_cann_subgraph",
        Kind.SWITCH,
        "Compile pieces where the whole cannot be compiled.",
        default="0",
    ),
    Option(
        "precision_mode",
        Kind.CHOICE,
        "What a float32 graph is computed in; CANN takes float16 unless told otherwise.",
        default="force_fp16",
        ours="must_keep_origin_dtype",
        choices=(
            "force_fp16",
            "must_keep_origin_dtype",
            "allow_fp32_to_fp16",
            "allow_mix_precision",
            "allow_mix_precision_fp16",
            "force_fp32",
            "cube_fp16in_fp32out",
        ),
    ),
    Option(
        "op_select_impl_mode",
        Kind.CHOICE,
        "Whether an operator with two kernels takes the exact or the quick one.",
        default="high_performance",
        ours="high_precision",
        choices=("high_performance", "high_precision"),
    ),
    Option(
        "optypelist_for_implmode",
        Kind.TEXT,
        "Operators that op_select_impl_mode is for, comma separated: Pooling,SoftmaxV2; all unless given.",
    ),
    Option(
        "dump_om_model",
        Kind.SWITCH,
        "Write the compiled model into the working folder, and take one of that name from there at the next start.",
        default="1",
        ours="0",
    ),
    Option(
        "dump_graphs",
        Kind.SWITCH,
        "Write each piece that is compiled as a model into the working folder.",
        default="0",
    ),
)

_FAULTS: tuple[tuple[str, Fault], ...] = (
    (
        r"\b(?:207001|207018|500003)\b|EL0004|memory allocation|smaller than requested bytes",
        Fault.OUT_OF_MEMORY,
    ),
    (r"\b507(?:01[0-9]|03[0-9]|046|05[0-9]|899)\b|aicore (?:exception|timeout)|aicpu exception", Fault.LOST),
    (r"device .*heartbeat|link is down", Fault.LOST),
    (r"\b(?:107001|507033)\b|invalid device id|EE1001.*device", Fault.UNAVAILABLE),
    (r"libascendcl|libacl_op_compiler|libfmk_onnx_parser|set_env\.sh|\b100039\b", Fault.DRIVER),
    (r"create CANN ExecutionProvider fail|ASCEND_OPP_PATH|driver version", Fault.DRIVER),
    (
        r"ACL_ERROR_(?:OP|KERNEL)_NOT_FOUND|aclopCompile|aclgrphBuildModel|No parser is registered|E[ZN]\d{4}|op type .* unsupported",
        Fault.OPERATOR,
    ),
)

_NARROW = {"must_keep_origin_dtype", "force_fp32"}


def _find_devices(
    *, dev: Path = Path("/dev"), bus: Path = Path("/sys/bus/pci/devices")
) -> tuple[Device, ...]:
    """The NPUs that Huawei's driver shows as /dev/davinci0, /dev/davinci1 and so on.

    Args:
        dev: Where the system keeps device files.
        bus: Where the kernel lists the PCI bus; it tells the places of the chips where there are as many as device files.
    """
    numbers = sorted(
        int(path.name.removeprefix("davinci"))
        for path in (dev.glob("davinci[0-9]*") if dev.is_dir() else ())
        if path.name.removeprefix("davinci").isdigit()
    )
    places = sorted(folder.name for folder in bus.iterdir() if _is_npu(folder)) if bus.is_dir() else []
    known = places if len(places) == len(numbers) else [""] * len(numbers)
    return tuple(
        Device(
            "cann",
            str(number),
            f"Huawei Ascend NPU {number}",
            None,
            f"pci:{place}" if place else f"davinci:{number}",
        )
        for number, place in zip(numbers, known, strict=True)
    )


def _is_npu(folder: Path) -> bool:
    try:
        vendor, kind = (folder / "vendor").read_text().strip(), (folder / "class").read_text().strip()
    except OSError:
        return False
    return vendor == "0x19e5" and kind.startswith("0x1200")


def _precision_of(options: Mapping[str, str]) -> str:
    return "float32" if options.get("precision_mode", "force_fp16") in _NARROW else "float16"


PROVIDER = Provider(
    name="cann",
    title="Huawei CANN",
    runtime_name="CANNExecutionProvider",
    extra="cann",
    packages=("onnxruntime-cann",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=_find_devices,
    precision_of=_precision_of,
    device_option="device_id",
    systems=("linux",),
    callers=Callers.ONE_A_DEVICE,
    keeps=Keeps.NOTHING,
    hardware=("npu:huawei",),
    least_share=0.9,
    needs_process=True,
    variants=("", "precision_mode=force_fp16"),
    notes=(
        "The wheel needs Huawei's driver and toolkit on the machine, with its set_env.sh run: libascendcl.so.",
        "Version 1.24.4 was built for NumPy 1 and cannot be imported beside NumPy 2.",
        "It holds Python still while it compiles, so only a worker process opens a session.",
        "Its own cache is a file of a fixed name in the working folder, which may be stale: it is off.",
    ),
)
