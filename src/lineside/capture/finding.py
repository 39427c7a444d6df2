"""Which cameras are attached: every kind is asked for those that it can find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.capture.camera import KINDS
from lineside.capture.reader import guarded
from lineside.core import plugins
from lineside.core.errors import LinesideError, NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineside.capture.camera import Attached

RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
USBFS_MEMORY = Path("/sys/module/usbcore/parameters/usbfs_memory_mb")

_LEAST_RMEM_BYTES = 4 * 2**20
_LEAST_USBFS_MB = 200
_LEAST_MTU_BYTES = 8000


@dataclass(frozen=True, slots=True)
class Found:
    """What one kind of camera found.

    Attributes:
        kind: Its name.
        schemes: The words before the colon of its addresses.
        cameras: Those that are attached.
        can_look: Whether the kind can look at all; files and network streams are named, not found.
        lack: What is not installed, with the line that installs it; or an empty string.
        fault: What went wrong while looking, or an empty string.
    """

    kind: str
    schemes: tuple[str, ...] = ()
    cameras: tuple[Attached, ...] = ()
    can_look: bool = True
    lack: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class HostSetting:
    """A setting of this host that cameras feel.

    Attributes:
        name: What it is called.
        value: What it is, with its unit.
        hint: What to change and for whom; empty where it is enough.
    """

    name: str
    value: str
    hint: str = ""


def kinds() -> tuple[str, ...]:
    """Names of all kinds of camera."""
    return plugins.names(KINDS)


def find(kind: str, load: Callable[[str], Any] | None = None) -> Found:
    """What one kind finds now. No camera is opened for longer than it takes to ask its name.

    Args:
        kind: The kind's name.
        load: Gives the kind's module by its name; the plug-ins' folder unless given.
    """
    schemes: tuple[str, ...] = ()
    try:
        module = plugins.load(KINDS, kind) if load is None else load(kind)
        schemes = tuple(module.SCHEMES)
        attached: Callable[[], list[Attached]] | None = getattr(module, "attached", None)
        if attached is None:
            return Found(kind, schemes, can_look=False)
        return Found(
            kind, schemes, tuple(guarded(f"cameras of kind {kind} could not be looked for", attached))
        )
    except NotInstalledError as lack:
        return Found(kind, schemes, lack=str(lack))
    except LinesideError as fault:
        return Found(kind, schemes, fault=str(fault))


def host_settings(
    rmem_max: Path = RMEM_MAX, usbfs: Path = USBFS_MEMORY, links: Path = Path("/sys/class/net")
) -> Iterator[HostSetting]:
    """The settings of this host that cameras feel, as far as it has them.

    Args:
        rmem_max: Where the kernel says how large a socket's buffer may be.
        usbfs: Where it says how much memory USB transfers may take.
        links: Its network interfaces.
    """
    if (size_bytes := _number(rmem_max)) is not None:
        hint = (
            f"GigE Vision loses packets with so little. As root: sysctl -w net.core.rmem_max={_LEAST_RMEM_BYTES}"
            if size_bytes < _LEAST_RMEM_BYTES
            else ""
        )
        yield HostSetting("net.core.rmem_max", f"{size_bytes} bytes", hint)
    if (size_mb := _number(usbfs)) is not None:
        yield HostSetting("usbfs_memory_mb", f"{size_mb} MB", usbfs_hint(usbfs))
    for link in sorted(links.glob("*")):
        mtu_bytes = _number(link / "mtu")
        if mtu_bytes is not None and (link / "device").exists():
            hint = (
                f"Jumbo frames cost less CPU with GigE Vision, if camera and switch take them. As root: ip link set "
                f"{link.name} mtu 9000"
                if mtu_bytes < _LEAST_MTU_BYTES
                else ""
            )
            yield HostSetting(f"packet size of {link.name}", f"{mtu_bytes} bytes", hint)


def usbfs_hint(usbfs: Path = USBFS_MEMORY) -> str:
    """What to change where USB transfers may take too little memory; empty where it is enough."""
    size_mb = _number(usbfs)
    if size_mb is None or not 0 < size_mb < _LEAST_USBFS_MB:
        return ""
    return f"Several or fast USB3 cameras need more. As root: echo 1000 > {usbfs}"


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
