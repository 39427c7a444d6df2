"""What a library for machine-vision cameras must be able to do: a device with named features that hands out buffers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.geometry import Size

Value: TypeAlias = bool | int | float | str
"""What a feature can be set to."""


class NodeKind(StrEnum):
    """What a feature takes."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    ENUMERATION = "enumeration"
    STRING = "string"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Node:
    """A feature as the camera describes it now.

    Attributes:
        kind: What it takes.
        writable: False where it is read-only, or locked as long as pictures flow.
        low: Its least value, of numbers.
        high: Its greatest.
        step: What a whole number must be a multiple of, counted from `low`.
        entries: The names that it takes, of an enumeration.
    """

    kind: NodeKind
    writable: bool = True
    low: float | None = None
    high: float | None = None
    step: int = 1
    entries: tuple[str, ...] = ()


class Nodes(Protocol):
    """A camera's features by their names in the Standard Features Naming Convention."""

    def names(self) -> Sequence[str]:
        """Every name, for the hint at a misspelt one."""

    def describe(self, name: str) -> Node | None:
        """The feature as it is now, or `None` where the camera has none of that name, or not now.

        Raises:
            SourceError: The camera does not answer.
        """

    def get(self, name: str) -> Value:
        """Its value. A command has none.

        Raises:
            SettingsError: It cannot be read.
            SourceError: The camera does not answer.
        """

    def set(self, name: str, value: Value) -> None:
        """The camera was told the value, which fits the feature's kind. A command is executed.

        Raises:
            SettingsError: The camera refuses it.
            SourceError: The camera does not answer.
        """


@dataclass(frozen=True, slots=True)
class Grabbed:
    """A buffer as it came.

    Attributes:
        release: Gives it back to the library. Called once, after which `raw` must not be looked at.
        raw: uint8, one dimension, in the library's memory; empty where there is a `fault`.
        form: The pixel format, its name or its number.
        size: The picture's size; `None` where there is a `fault`.
        row_bytes: Bytes from one row's beginning to the next, `None` where rows are not padded.
        has_more: Whether bytes stand behind the picture that are none of it, as chunk data.
        number: The camera's own number of the picture; `None` where it has none.
        frame_id: Its number by the picture's chunk data; `None` where that is not read.
        device_s: The camera's own time in seconds; `None` where it has none.
        age_s: Seconds since it began to arrive, at `at_s`.
        at_s: When that was, in monotonic seconds: now.
        fault: Why it cannot be used, as a part of a sentence; empty where it is whole.
    """

    release: Callable[[], None]
    raw: NDArray[np.uint8] = field(repr=False)
    form: str | int = ""
    size: Size | None = None
    row_bytes: int | None = None
    has_more: bool = False
    number: int | None = None
    frame_id: int | None = None
    device_s: float | None = None
    age_s: float = 0.0
    at_s: float = field(default_factory=time.monotonic)
    fault: str = ""


class Device(Protocol):
    """A camera under our control.

    Attributes:
        nodes: Its features.
        number_bits: After so many bits its numbers of pictures begin again at 1; 0 where they never do.
    """

    @property
    def nodes(self) -> Nodes:
        """Its features."""

    @property
    def number_bits(self) -> int:
        """Bits of its numbers of pictures."""

    def start(self) -> None:
        """Pictures flow into buffers.

        Raises:
            SourceError: It cannot.
        """

    def stop(self) -> None:
        """No picture flows, and those that nobody grabbed are gone; `start` lets them flow again. No buffer is outstanding.

        Raises:
            SourceError: The camera does not answer.
        """

    def grab(self, timeout_s: float) -> Grabbed | None:
        """The oldest buffer that has come and was not handed out, or `None` in time.

        Raises:
            SourceError: The camera is lost.
        """

    def no_room(self) -> int:
        """A count since the start that grows whenever a picture, or a part of one, found no free buffer."""

    def close(self) -> None:
        """The device is free for others. Called once, with no buffer outstanding."""
