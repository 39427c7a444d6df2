"""What happens on a line, and what is to be done about it: the words between the ledger and the threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.detections import Detections
    from lineside.core.frame import Frame
    from lineside.core.inspection import Inspection, View
    from lineside.core.verdict import Reason
    from lineside.judge.judge import Judgement


@dataclass(frozen=True, slots=True)
class Triggered:
    """A part is in place. Parts are numbered upwards."""

    part: int
    at_s: float


@dataclass(frozen=True, slots=True)
class FrameArrived:
    """A camera answered a trigger with a picture."""

    camera: str
    part: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class FrameLost:
    """A camera answered a trigger with a reason."""

    camera: str
    part: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Detected:
    """The model answered. `seconds` are those of its stages."""

    camera: str
    part: int
    detections: Detections
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DetectFailed:
    """One picture could not be run; the device is well."""

    camera: str
    part: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class DeviceDown:
    """The device or its session failed, and with it every picture that was handed to it."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class DeviceUp:
    """The session was opened again."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The rules answered."""

    part: int
    judgement: Judgement
    judge_s: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but that time went by."""


Event: TypeAlias = (
    Triggered | FrameArrived | FrameLost | Detected | DetectFailed | DeviceDown | DeviceUp | Judged | Tick
)


@dataclass(frozen=True, slots=True)
class Capture:
    """Let a camera take a picture of a part."""

    camera: str
    part: int


@dataclass(frozen=True, slots=True)
class Detect:
    """Let the model look at a picture. After its deadline it need not."""

    camera: str
    part: int
    frame: Frame
    deadline_s: float


@dataclass(frozen=True, slots=True)
class JudgePart:
    """Let the rules look at all views of a part."""

    part: int
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Tell the verdict. Each part has exactly one."""

    inspection: Inspection


@dataclass(frozen=True, slots=True)
class LateResult:
    """Something came for a part that was answered already. It is counted and changes nothing."""

    event: FrameArrived | FrameLost | Detected | DetectFailed


Action: TypeAlias = Capture | Detect | JudgePart | Answer | LateResult
