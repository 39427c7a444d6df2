"""What happens on a line, and what is to be done about it: the words between the ledger and the threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from lineside.core.inspection import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.detections import Detections
    from lineside.core.frame import Frame
    from lineside.core.inspection import Inspection, View
    from lineside.core.verdict import Reason
    from lineside.judge.judge import Judgement
    from lineside.line.border import Fault
    from lineside.outputs.plant.link import LineState, PlantTrigger


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a part cannot be judged at all, whatever the cameras see."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Triggered:
    """A part is in place. Parts are numbered upwards.

    Attributes:
        part: Its number.
        at_s: When, in monotonic seconds: its deadline counts from here.
        origin: What the plant says of it.
        refusal: It is answered UNKNOWN at once, for this reason; `None` for a part that is to be judged.
        asks: Its pictures are asked for; otherwise they come by themselves.
        views: The views that it needs; empty for all of the line's.
    """

    part: int
    at_s: float
    origin: Origin = field(default_factory=Origin)
    refusal: Refusal | None = None
    asks: bool = True
    views: tuple[str, ...] = ()


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
    """The model answered. `seconds` are those of its stages, `device` is where it ran."""

    camera: str
    part: int
    detections: Detections
    seconds: Mapping[str, float] = field(default_factory=dict)
    device: str = ""


@dataclass(frozen=True, slots=True)
class DetectFailed:
    """Nothing is known of one picture."""

    camera: str
    part: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Absence:
    """No device is in service, for this reason; or one is again, where there is none."""

    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The rules answered."""

    part: int
    judgement: Judgement
    judge_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody can wait any longer: every open part goes to the judge with what there is."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but that time went by."""


@dataclass(frozen=True, slots=True)
class DevicesChanged:
    """A device came or went: it is to be seen whether one is in service."""


Event: TypeAlias = (
    Triggered | FrameArrived | FrameLost | Detected | DetectFailed | Absence | Judged | GiveUp | Tick
)


@dataclass(frozen=True, slots=True)
class FrameCame:
    """A camera took a picture by itself.

    Attributes:
        camera: The camera's name.
        frame: The picture.
        ailment: Why it cannot be judged; an empty text where it can.
    """

    camera: str
    frame: Frame
    ailment: str = ""


@dataclass(frozen=True, slots=True)
class PlantAsked:
    """The plant's control asks for a part to be judged. `link` is the number of the link that heard it."""

    link: int
    trigger: PlantTrigger


@dataclass(frozen=True, slots=True)
class Say:
    """The plant's control is to see the line's state."""

    state: LineState


@dataclass(frozen=True, slots=True)
class Shown:
    """Which picture an engine is shown; it is what the engine calls it.

    Attributes:
        camera: The view.
        part: Its number.
        stage: The later model that looks at a part of it; empty for the first.
    """

    camera: str
    part: int
    stage: str = ""

    def __str__(self) -> str:
        return f"part {self.part}, {self.camera}{self.stage and ', '}{self.stage}"


@dataclass(frozen=True, slots=True)
class LateLook:
    """The engine saw what is in a picture after it had answered that it does not know.

    Attributes:
        shown: Which picture.
        detections: What it saw.
        device: Where the model ran.
    """

    shown: Shown
    detections: Detections
    device: str = ""


@dataclass(frozen=True, slots=True)
class Stumble:
    """Somebody failed in a way that its own recovery does not mend.

    Attributes:
        who: Who, for people.
        fault: How.
        patience: So often in a row it may.
    """

    who: str
    fault: Fault
    patience: int = 1


@dataclass(frozen=True, slots=True)
class ProductsChanged:
    """The plant chose a product for the parts to come, or a recipe is another one now."""


News: TypeAlias = FrameCame | PlantAsked | Say | LateLook | DevicesChanged | ProductsChanged | Stumble
"""What the run loop hears beside the ledger's events."""


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
    """A picture or detections came for a part that was answered already. It is counted and changes nothing."""

    event: FrameArrived | Detected


Action: TypeAlias = Capture | Detect | JudgePart | Answer | LateResult
