"""Chunk data: the number and the time that a camera writes behind each picture itself, in place of those of its packets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from lineside.capture.genicam.features import set_feature
from lineside.core.errors import ImageError, LinesideError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.capture.genicam.device import Grabbed, Nodes
    from lineside.core.geometry import Size

ChunkWish: TypeAlias = bool | Literal["required"]
"""Whether chunk data is read: not, where the camera has it, or else it is not opened."""

TIME, NUMBER = "ChunkTimestamp", "ChunkFrameID"
_BY_SELECTOR = {"Timestamp": TIME, "FrameID": NUMBER}


@runtime_checkable
class ChunkReading(Protocol):
    """A device that can read chunk data."""

    def read_chunks(self, names: Sequence[str]) -> None:
        """Each whole buffer has these features of its chunk data from the next start on; one that lacks them has a `fault`."""


def ask_for_chunks(device: object, nodes: Nodes, wish: ChunkWish, who: str) -> str:
    """What of the chunk data cannot be had, for people; empty where all of it is read, or none was asked for.

    Args:
        device: The camera, whose pictures do not flow.
        nodes: Its features.
        wish: What is asked for.
        who: The camera, for messages.

    Raises:
        SettingsError: It is required, and the camera does not write all of it.
        SourceError: The camera does not answer.
    """
    if not wish:
        return ""
    names = _switched_on(nodes, who) if isinstance(device, ChunkReading) else ()
    if isinstance(device, ChunkReading):
        device.read_chunks(names)
    lacking = [name for name in _BY_SELECTOR.values() if name not in names]
    if not lacking:
        return ""
    without = f"chunks: this camera writes no {' and no '.join(lacking)}"
    if wish == "required":
        raise SettingsError(f'{who}: {without}; expected both, as chunks = "required"')
    return f"{without}; what its packets say counts in its place"


def _switched_on(nodes: Nodes, who: str) -> tuple[str, ...]:
    """The features that each picture brings from now on. Where it brings none, chunk mode is off."""
    mode = nodes.describe("ChunkModeActive")
    if mode is None or not mode.writable:
        return ()
    set_feature(nodes, "ChunkModeActive", value=True, who=who)  # before it, some cameras have no selector
    known = set(nodes.names())
    names = tuple(
        name for entry, name in _BY_SELECTOR.items() if name in known and _is_enabled(nodes, entry, who)
    )
    if not names:
        set_feature(nodes, "ChunkModeActive", value=False, who=who)
    return names


def _is_enabled(nodes: Nodes, entry: str, who: str) -> bool:
    selector = nodes.describe("ChunkSelector")
    if selector is None or entry not in selector.entries:
        return False
    set_feature(nodes, "ChunkSelector", entry, who)
    switch = nodes.describe("ChunkEnable")
    if switch is not None and switch.writable:
        set_feature(nodes, "ChunkEnable", value=True, who=who)
    return switch is not None and nodes.get("ChunkEnable") is True


def check_rows(grabbed: Grabbed, size: Size) -> None:
    """It is certain where each row of a picture begins.

    Where rows do not fill whole bytes, the number of bytes tells how they are packed; with others behind them it proves nothing.

    Args:
        grabbed: The buffer.
        size: The picture's.

    Raises:
        ImageError: It is not.
    """
    from lineside.capture.pixels.formats import pixel_format

    if not grabbed.has_more or grabbed.row_bytes is not None:
        return
    form = pixel_format(grabbed.form)
    if form.size_bytes(size) != form.row_bytes(size.width) * size.height:
        raise ImageError(
            f"{form.name} of {size}: a row does not fill whole bytes, and chunk data stands behind the picture, so that where "
            "rows begin is unclear. Choose a width that does, or switch ChunkModeActive off"
        )


def stamped(grabbed: Grabbed, names: Sequence[str], tick_s: float, read: Callable[[str], int]) -> Grabbed:
    """The buffer with its number and time by its chunk data; with a `fault` where that cannot be read.

    Two counts and two clocks in one stream of pictures would look like lost ones, so a buffer without its chunk data is none.

    Args:
        grabbed: As it came.
        names: What its chunk data tells.
        tick_s: Seconds of a tick of the camera's clock.
        read: The value of a feature in this buffer. Raises a `LinesideError` where there is none.
    """
    if grabbed.fault:
        return grabbed
    try:
        told = {name: read(name) for name in names}
    except LinesideError as fault:
        return replace(
            grabbed, raw=np.empty(0, np.uint8), size=None, fault=f"its chunk data is not whole ({fault})"
        )
    device_s = told[TIME] * tick_s if TIME in told else grabbed.device_s
    return replace(grabbed, device_s=device_s, frame_id=told.get(NUMBER))
