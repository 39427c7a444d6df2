"""What became of one part: exactly one inspection, whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.core.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.detections import Detections
    from lineside.core.frame import Frame
    from lineside.core.truth import FrameTruth
    from lineside.core.verdict import Reason


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One camera's share in a part: what was detected in its picture, or the reason why that is not known.

    Attributes:
        camera: The camera's name.
        frame: Its picture, where one came.
        detections: What the model saw in it, which may be nothing; `None` where that is not known.
        reason: Why there are no detections; `None` where there are some to be had.
        detail: The reason as a sentence.
        seconds: Seconds spent in each stage that was gone through, by its name: `capture` (from the trigger to
            the picture), `preprocess`, `run`, `postprocess`.
        device: The device that answered; an empty string where none did, or there is only one.

    Raises:
        SettingsError: There are both detections and a reason, or neither, or detections without their picture.
    """

    camera: str
    frame: Frame | None = None
    detections: Detections | None = None
    reason: Reason | None = None
    detail: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    device: str = ""

    def __post_init__(self) -> None:
        if (self.detections is None) == (self.reason is None):
            raise SettingsError(
                f"View of {self.camera}: expected detections or a reason; got {'neither' if self.reason is None else 'both'}"
            )
        if self.detections is None:
            return
        size = None if self.frame is None else Size(*self.frame.image.shape[:2])
        if size != self.detections.size:
            raise SettingsError(
                f"View of {self.camera}: expected the picture of {self.detections.size} that the detections are "
                f"for; got {'none' if size is None else size}"
            )

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes: with `detections`, or with `reason` and `detail`."""
        about: dict[str, Any] = {
            "camera": self.camera,
            "stream": None if self.frame is None else self.frame.stream,
            "sequence": None if self.frame is None else self.frame.sequence,
            "device": self.device,
            "seconds": {stage: round(seconds, 6) for stage, seconds in self.seconds.items()},
        }
        if self.detections is None:
            return {**about, "reason": str(self.reason), "detail": self.detail}
        return {**about, **self.detections.to_dict()}


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of a part before anybody has looked at it.

    Attributes:
        trigger: The plant's number of the trigger; `None` where no plant gave one.
        product: The product code that holds for the part, or an empty string.
        serial: The part's serial number, or an empty string.
    """

    trigger: int | None = None
    product: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """The one answer that was given for a part.

    PASS needs its proof: an inspection without it cannot be made.

    Attributes:
        part: Number of the part.
        verdict: The answer.
        reason: Why the answer is UNKNOWN; `None` for the other two.
        detail: The answer's grounds as a sentence.
        views: One for each camera.
        triggered_s: When the part was in place, in monotonic seconds of the line's clock.
        answered_s: When the answer was given.
        deadline_s: When it was due.
        judge_s: How long the rules took, in seconds.
        origin: The plant's number, the product and the serial number.

    Raises:
        SettingsError: PASS without detections from every view, with a reason or after the deadline; FAIL
            without any detections or with a reason; UNKNOWN without a reason.
    """

    part: int
    verdict: Verdict
    reason: Reason | None
    detail: str
    views: tuple[View, ...]
    triggered_s: float
    answered_s: float
    deadline_s: float
    judge_s: float = 0.0
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        who = f"Inspection of part {self.part}: {self.verdict}"
        if (self.verdict is Verdict.UNKNOWN) == (self.reason is None):
            raise SettingsError(f"{who}: expected a reason for UNKNOWN and none else; got {self.reason}")
        proven = [view for view in self.views if view.detections is not None]
        if self.verdict is Verdict.FAIL and not proven:
            raise SettingsError(f"{who}: expected a view with detections; got none")
        if self.verdict is not Verdict.PASS:
            return
        if not self.views or len(proven) < len(self.views):
            raise SettingsError(
                f"{who}: expected detections from every camera; got {len(proven)} of {len(self.views)}"
            )
        if not self.answered_s <= self.deadline_s:
            raise SettingsError(
                f"{who}: expected an answer by {self.deadline_s} s; it was given at {self.answered_s} s"
            )

    @property
    def total_s(self) -> float:
        """Seconds from the trigger to the answer."""
        return self.answered_s - self.triggered_s

    @property
    def truth(self) -> FrameTruth | None:
        """What is truly in the first picture whose source knows it. Its verdict is that of the whole part."""
        frames = [view.frame for view in self.views if view.frame is not None]
        return next((frame.truth for frame in frames if frame.truth is not None), None)

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/line.md`. It holds no picture."""
        return {
            "part": self.part,
            "trigger": self.origin.trigger,
            "product": self.origin.product,
            "serial": self.origin.serial,
            "verdict": str(self.verdict),
            "reason": None if self.reason is None else str(self.reason),
            "detail": self.detail,
            "triggered_s": round(self.triggered_s, 6),
            "answered_s": round(self.answered_s, 6),
            "deadline_s": round(self.deadline_s, 6),
            "judge_s": round(self.judge_s, 6),
            "truth": None if self.truth is None else str(self.truth.verdict),
            "views": [view.to_dict() for view in self.views],
        }
