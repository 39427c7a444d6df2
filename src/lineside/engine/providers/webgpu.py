"""WebGPU: any graphics card with a Vulkan, Direct3D 12 or Metal driver, through a plug-in library."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineside.engine import plugged
from lineside.engine.options import Kind, Option, Scope
from lineside.engine.provider import Callers, Device, Fault, Keeps, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "ep.webgpuexecutionprovider."
_SOFTWARE = "software adapter on the CPU"


def _option(name: str, kind: Kind, meaning: str, **more: object) -> Option:
    """An option under its short name; the library reads it by the long one."""
    return Option(name, kind, meaning, key=_PREFIX + name, **more)  # type: ignore[arg-type] # checked by the dataclass


def _cache_mode(name: str, of: str, default: str) -> Option:
    return _option(
        name,
        Kind.CHOICE,
        f"How freed {of} are kept for the next run: not at all, until the run ends, one list, or lists by size.",
        default=default,
        choices=("disabled", "lazyRelease", "simple", "bucket"),
    )


_OPTIONS = (
    Option(
        "deviceId",
        Kind.INTEGER,
        "Which of the library's devices, in its order. It has one as yet, and chooses the card itself.",
        default="0",
        least=0,
        most=63,
        scope=Scope.LINESIDE,
    ),
    Option(
        "library",
        Kind.PATH,
        "Another image of the plug-in library. A copy of the package's is a second device with a context of its own.",
        scope=Scope.LINESIDE,
    ),
    _option(
        "preferredLayout",
        Kind.CHOICE,
        "The layout that convolutions work in; the graph is transposed where its own is another.",
        default="NHWC",
        choices=("NHWC", "NCHW"),
    ),
    _option(
        "enableGraphCapture",
        Kind.SWITCH,
        "Record the commands of a run and replay them: fixed shapes, all nodes on the device, buffers on the device.",
        default="0",
    ),
    _option("enableInt64", Kind.SWITCH, "Run operators on 64-bit whole numbers on the device.", default="0"),
    _option(
        "forceCpuNodeNames",
        Kind.TEXT,
        "Names of nodes that stay on the CPU, one a line.",
    ),
    _option(
        "validationMode",
        Kind.CHOICE,
        "How much of each command is checked. More finds a driver's fault, and is slower.",
        default="basic",
        choices=("disabled", "wgpuOnly", "basic", "full"),
    ),
    _option(
        "enableRobustness",
        Kind.SWITCH,
        "Let shaders check each index, so that none reads outside its buffer.",
    ),
    _option(
        "powerPreference",
        Kind.CHOICE,
        "Which card is taken where there are several; the first session of a library image decides.",
        default="high-performance",
        choices=("high-performance", "low-power"),
    ),
    _option(
        "dawnBackendType",
        Kind.CHOICE,
        "The driver interface; the system's own unless set.",
        choices=("Vulkan", "D3D12"),
    ),
    _cache_mode("storageBufferCacheMode", "buffers of tensors", "bucket"),
    _cache_mode("uniformBufferCacheMode", "buffers of shaders' arguments", "simple"),
    _cache_mode("queryResolveBufferCacheMode", "buffers of time measurements", "disabled"),
    _cache_mode("defaultBufferCacheMode", "buffers of other kinds", "disabled"),
    _option(
        "sessionBufferPoolGenerations",
        Kind.INTEGER,
        "How many captured graphs' worth of buffers a session keeps.",
        default="1",
        least=0,
        most=1024,
    ),
    _option(
        "maxStorageBufferBindingSize",
        Kind.BYTES,
        "The largest tensor that a shader may see in one piece; the driver's limit unless set.",
        unit="bytes",
        least=1,
        most=2**63 - 1,
    ),
    _option(
        "maxNumPendingDispatches",
        Kind.INTEGER,
        "How many commands are collected before they are handed to the driver.",
        default="16",
        least=1,
        most=4096,
    ),
    _option(
        "preserveDevice",
        Kind.SWITCH,
        "Keep the device when the last session on it is gone, so that the next one starts sooner.",
        default="0",
    ),
    _option(
        "enablePIXCapture",
        Kind.SWITCH,
        "Let Microsoft's PIX record the runs; only in builds made for it.",
        default="0",
    ),
)

_FAULTS = (
    (
        r"device error\(\d+\): out of memory|VK_ERROR_OUT_OF_(?:DEVICE|HOST)_MEMORY|E_OUTOFMEMORY",
        Fault.OUT_OF_MEMORY,
    ),
    (r"maxstoragebufferbindingsize|exceeds the max(?:imum)? (?:storage )?buffer", Fault.OUT_OF_MEMORY),
    (
        r"webgpu device lost|device lost|VK_ERROR_DEVICE_LOST|DXGI_ERROR_DEVICE_(?:REMOVED|HUNG|RESET)",
        Fault.LOST,
    ),
    (r"failed to get a webgpu (?:adapter|device)|no supported adapters", Fault.DRIVER),
    (r"libvulkan|below the minimum required version", Fault.DRIVER),
    (r"selected on a virtual gpu device", Fault.UNAVAILABLE),
    (
        r"invalid (?:preferred layout|enable graph capture|validation mode|buffer cache mode|power preference)",
        Fault.SETTINGS,
    ),
    (
        r"invalid (?:preserve device|dawn backend type|enable pix capture|enable\w+ value|max\w+ value)",
        Fault.SETTINGS,
    ),
    (
        r"invalid sessionbufferpoolgenerations value|maxnumpendingdispatches must be",
        Fault.SETTINGS,
    ),
    (r"custom context \(contextid>0\)|graph capture feature", Fault.SETTINGS),
    (r"already finished|device error\(", Fault.DEVICE),
)


def find_devices() -> tuple[Device, ...]:
    """What the package's library finds. A driver made of software is offered as the CPU, and is called what it is."""
    found = plugged.find_devices(PROVIDER)
    return tuple(replace(device, name=_SOFTWARE) if device.physical == "cpu" else device for device in found)


def _precision_of(_: Mapping[str, str]) -> str:
    return "float32"


PROVIDER = Provider(
    name="webgpu",
    title="WebGPU",
    runtime_name="WebGpuExecutionProvider",
    extra="webgpu",
    packages=("onnxruntime-ep-webgpu",),
    options=_OPTIONS,
    faults=_FAULTS,
    find_devices=find_devices,
    precision_of=_precision_of,
    device_option="deviceId",
    plugin="onnxruntime_ep_webgpu",
    callers=Callers.ONE_A_LIBRARY,
    keeps=Keeps.NOTHING,
    hardware=("gpu",),
    notes=(
        "On Linux it needs the system's Vulkan loader, libvulkan.so.1, and a driver; Mesa 22's software driver is refused.",
        "The library chooses the card itself, and one image of it has one card: a copy of the file is a second context.",
        "Two runs at a time on one image fail (CommandEncoder is already finished), so runs on one image take turns.",
        "The first run compiles all shaders: seconds on a card, a quarter of a minute on a software driver. Warm up.",
        "A software driver is offered only with ORT_WEBGPU_EP_ALLOW_SOFTWARE_ADAPTER=1 in the environment, for tests.",
    ),
)
