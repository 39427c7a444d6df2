"""What stands between a card and its use: no driver, another's driver, no device file, no rights to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.engine.hardware.cards import BUS
from lineside.engine.hardware.machine import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineside.engine.hardware.machine import Card, Processor
    from lineside.engine.hardware.places import Places

_MODULES = {"gpu:amd": "amdgpu", "gpu:intel": "i915", "npu:intel": "intel_vpu", "npu:amd": "amdxdna"}
_SCALING = "sys/devices/system/cpu/cpu0/cpufreq"


def find_obstacles(places: Places, cards: Sequence[Card], *, is_container: bool) -> Iterator[Finding]:
    """One finding an obstacle, in the order of the cards."""
    able = [card for card in cards if card.kind != "display"]
    for card in able:
        if card.address and (finding := _driver(places, card)):
            yield finding
    bound = [card for card in able if card.driver not in {"", "nouveau", "vfio-pci"}]
    yield from _device_files(places, bound, is_container=is_container)


def find_hindrances(places: Places, processor: Processor) -> Iterator[Finding]:
    """What keeps the CPU from its full speed."""
    if processor.quota is not None and processor.quota < processor.allowed:
        yield Finding(
            f"a control group grants the time of {processor.quota:g} of {processor.allowed} processors: sessions take "
            f"{processor.usable} {'thread' if processor.usable == 1 else 'threads'}, as more would be stopped in each period"
        )
    governor = places.text(f"{_SCALING}/scaling_governor")
    # The drivers of newer Intel and AMD CPUs call their usual, quick mode "powersave", too.
    is_quick = places.text(f"{_SCALING}/scaling_driver") in {"intel_pstate", "amd-pstate-epp"}
    if governor == "powersave" and not is_quick:
        yield Finding(
            "the CPU's governor is powersave: it stays at its lowest clock",
            "sudo cpupower frequency-set -g performance",
        )


def _driver(places: Places, card: Card) -> Finding | None:
    """The finding of a card that its own driver does not hold."""
    what = f"{card.maker} {card.name} ({card.address.removeprefix('pci:')})"
    if card.driver == "vfio-pci":
        return Finding(f"{what} is set aside for virtual machines (vfio-pci), so nothing here can use it")
    if card.word == "gpu:nvidia" and card.driver != "nvidia":
        holds = f"is held by {card.driver}" if card.driver else "has no driver bound"
        return Finding(f"{what} {holds}; it needs NVIDIA's own", _nvidia_line(places))
    if card.driver:
        return None
    module = _MODULES.get(card.word)
    return Finding(f"{what} has no driver bound", f"sudo modprobe {module}" if module else "")


def _nvidia_line(places: Places) -> str:
    """The line that installs NVIDIA's driver on this distribution."""
    told = dict(line.partition("=")[::2] for line in (places.text("etc/os-release") or "").splitlines())
    kin = {told.get("ID", "").strip('"'), *told.get("ID_LIKE", "").strip('"').split()}
    if "ubuntu" in kin:
        return "sudo ubuntu-drivers install"
    if "debian" in kin:
        return "sudo apt install nvidia-driver"
    return "install the driver from https://www.nvidia.com/drivers"


def _device_files(places: Places, cards: Sequence[Card], *, is_container: bool) -> Iterator[Finding]:
    """Findings of device files that are not there, and of those that this user may not use."""
    closed: dict[str, str] = {}
    for card in cards:
        files = tuple(_files_of(places, card))
        if missing := [file for file in files if not places.has(file)]:
            yield _missing(card, missing, is_container=is_container)
        for file in files:
            if places.has(file) and not places.may_use(places.at(file)):
                closed[f"/{file}"] = _group(places, file)
    if closed:
        yield _no_rights(closed, is_container=is_container)


def _files_of(places: Places, card: Card) -> Iterator[str]:
    """The device files through which a card is used."""
    if card.driver == "nvidia":
        yield from ("dev/nvidiactl", "dev/nvidia-uvm")
    if card.driver == "nvgpu":
        yield "dev/nvmap"
    if card.driver == "amdgpu" and card.kind == "gpu":
        yield "dev/kfd"
    address = card.address.removeprefix("pci:")
    if not address or card.driver == "nvidia":  # CUDA takes files of its own
        return
    for name in places.names(f"{BUS}/{address}/drm"):
        if name.startswith("renderD"):
            yield f"dev/dri/{name}"
    for name in places.names(f"{BUS}/{address}/accel"):
        yield f"dev/accel/{name}"


def _missing(card: Card, files: Sequence[str], *, is_container: bool) -> Finding:
    listed = ", ".join(f"/{file}" for file in files)
    text = f"{card.maker} {card.name}: there is no {listed}, so it cannot be used"
    if is_container:
        flags = (
            "--gpus all" if card.maker == "NVIDIA" else " ".join(f"--device {one}" for one in _roots(files))
        )
        return Finding(f"{text}: the container was started without it", f"docker run {flags} …")
    return Finding(text, "sudo nvidia-modprobe -u -c=0" if card.driver == "nvidia" else "")


def _roots(files: Sequence[str]) -> list[str]:
    """What a container is given: a folder such as /dev/dri rather than each file in it."""
    return list(dict.fromkeys("/" + "/".join(file.split("/")[:2]) for file in files))


def _group(places: Places, file: str) -> str:
    try:
        return places.group(places.at(file))
    except OSError as fault:
        places.note(file, str(fault))
        return ""


def _no_rights(closed: dict[str, str], *, is_container: bool) -> Finding:
    groups = sorted({group for group in closed.values() if group and group != "root"})
    text = f"this user may not use {', '.join(closed)}"
    if not groups:
        return Finding(f"{text}; root alone may")
    belongs = f"{text}: the {'group' if len(groups) == 1 else 'groups'} {', '.join(groups)} may"
    if is_container or any(group.isdecimal() for group in groups):
        return Finding(belongs, f"docker run {' '.join(f'--group-add {group}' for group in groups)} …")
    # Distributions differ in which of the two holds which file, and a user of one needs the other sooner or later.
    joined = ",".join(
        dict.fromkeys([*groups, *({"render", "video"} if {"render", "video"} & set(groups) else ())])
    )
    return Finding(f"{belongs}; log in anew after the line", f'sudo usermod -aG {joined} "$USER"')
