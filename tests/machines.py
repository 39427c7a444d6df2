"""Machines as their /proc and /sys show them, laid out in a folder: what hardware discovery is tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.engine.hardware import Places

if TYPE_CHECKING:
    from pathlib import Path

BUS = "sys/bus/pci/devices"


def places(root: Path, *, allowed: int = 8, closed: dict[str, str] | None = None, **more) -> Places:
    """A machine whose files are below `root`; `closed` names files that the user may not use, with their groups."""
    shut = {root / file: group for file, group in (closed or {}).items()}
    return Places(
        root=root,
        system=more.pop("system", "linux"),
        machine=more.pop("machine", "x86_64"),
        allowed=allowed,
        may_use=lambda path: path not in shut,
        group=lambda path: shut.get(path, "root"),
        **more,
    )


def write(root: Path, files: dict[str, str]) -> None:
    """Files with their contents; a name that ends in `/` is a folder."""
    for name, text in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def card(root: Path, address: str, *, group: str, vendor: str, device: str, driver: str = "") -> Path:
    """A function on the PCI bus, with the driver that holds it."""
    folder = root / BUS / address
    write(folder, {"class": f"{group}\n", "vendor": f"{vendor}\n", "device": f"{device}\n"})
    if driver:
        (folder / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
    return folder


def processor(
    root: Path, *, threads: int = 8, flags: str = "fpu avx avx2", model: str = "Xeon Gold 6430"
) -> None:
    """An Intel CPU with two threads a core, and 64 GiB of memory of which half is in use."""
    blocks = [
        f"processor\t: {n}\nvendor_id\t: GenuineIntel\nmodel name\t: {model}\nphysical id\t: 0\n"
        f"core id\t\t: {n // 2}\nflags\t\t: {flags}\n"
        for n in range(threads)
    ]
    write(root, {"proc/cpuinfo": "\n".join(blocks)})
    write(root, {"proc/meminfo": "MemTotal:       67108864 kB\nMemFree: 1 kB\nMemAvailable:   33554432 kB\n"})


def two_nvidia_cards(root: Path) -> Places:
    """A workstation with two cards of NVIDIA, one of another kind than the other, and its driver."""
    processor(root, flags="avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_int8")
    version = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n"
    write(root, {"proc/driver/nvidia/version": version, "dev/nvidiactl": "", "dev/nvidia-uvm": ""})
    for address, device, model in (
        ("0000:01:00.0", "0x2684", "NVIDIA GeForce RTX 4090"),
        ("0000:41:00.0", "0x2230", "NVIDIA RTX A6000"),
    ):
        card(root, address, group="0x030000", vendor="0x10de", device=device, driver="nvidia")
        information = f"Model: \t\t {model}\nIRQ:   \t\t 132\nBus Location: \t {address}\n"
        write(root, {f"proc/driver/nvidia/gpus/{address}/information": information})
        sound = address.replace(".0", ".1")
        card(root, sound, group="0x040300", vendor="0x10de", device="0x22ba", driver="snd_hda_intel")
    card(root, "0000:05:00.0", group="0x030000", vendor="0x1a03", device="0x2000", driver="ast")
    return places(root)


def jetson(root: Path) -> Places:
    """A Jetson Orin Nano: its GPU is on no bus, its CPU has no model name."""
    block = (
        "processor\t: {n}\nFeatures\t: fp asimd asimdhp asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd42\n"
    )
    write(root, {"proc/cpuinfo": "\n".join(block.format(n=n) for n in range(6))})
    write(root, {"proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0"})
    write(
        root,
        {
            "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic\n",
            "dev/nvmap": "",
        },
    )
    for n in range(6):
        write(root, {f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": f"{n}\n"})
    return places(root, allowed=6, machine="aarch64")


def amd_without_rights(root: Path) -> Places:
    """A Radeon whose driver is there, and a user who is in neither of its groups."""
    processor(root)
    folder = card(root, "0000:03:00.0", group="0x030000", vendor="0x1002", device="0x744c", driver="amdgpu")
    write(folder, {"mem_info_vram_total": f"{24 << 30}\n", "drm/renderD128/": "", "drm/card1/": ""})
    properties = "cpu_cores_count 0\nsimd_count 192\ngfx_target_version 110000\nlocation_id 768\n"
    write(root, {"sys/class/kfd/kfd/topology/nodes/1/properties": properties})
    write(root, {"dev/kfd": "", "dev/dri/renderD128": "", "opt/rocm/.info/version": "7.2.1-43\n"})
    names = "1002  Advanced Micro Devices, Inc. [AMD/ATI]\n\t744b  Other\n\t744c  Navi 31 [Radeon RX 7900 XTX]\n\t\t1002 0e3b  Board\n10de  NVIDIA\n"
    write(root, {"usr/share/misc/pci.ids": names})
    return places(root, closed={"dev/kfd": "render", "dev/dri/renderD128": "render"})


def intel_with_npu(root: Path) -> Places:
    """A laptop of Intel's with a GPU in the chip and an NPU."""
    processor(root, flags="avx2 avx_vnni", model="Core Ultra 7 155H")
    gpu = card(root, "0000:00:02.0", group="0x030000", vendor="0x8086", device="0x7d55", driver="i915")
    npu = card(root, "0000:00:0b.0", group="0x120000", vendor="0x8086", device="0x7d1d", driver="intel_vpu")
    write(gpu, {"drm/renderD128/": ""})
    write(npu, {"accel/accel0/": ""})
    write(root, {"dev/dri/renderD128": "", "dev/accel/accel0": ""})
    return places(root)


def unbound_card(root: Path, *, driver: str = "") -> Places:
    """A card of NVIDIA on Ubuntu that no driver, or another's, holds."""
    processor(root)
    card(root, "0000:01:00.0", group="0x030200", vendor="0x10de", device="0x20b5", driver=driver)
    write(root, {"etc/os-release": 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n'})
    return places(root)


def limited_container(root: Path) -> Places:
    """A container with the time of 2 of 64 processors and 4 GiB of memory, in version 2 of control groups."""
    processor(root, threads=64)
    write(root, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n", ".dockerenv": ""})
    write(root, {"sys/fs/cgroup/memory.max": f"{4 << 30}\n", "sys/fs/cgroup/memory.current": f"{2 << 30}\n"})
    write(root, {"sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {1 << 30}\n"})
    return places(root, allowed=64)
