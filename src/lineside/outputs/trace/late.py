"""What became known of a part after its answer: told in the trace, and never a second answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineside.core.detections import Detections


@dataclass(frozen=True, slots=True, eq=False)
class Late:
    """A picture, or what a model saw in one, that came after its part was answered.

    Attributes:
        part: Its number.
        camera: The view.
        stage: The later model that saw it, by its name; empty for the first.
        detections: What was seen; `None` where only the picture came.
        device: Where the model ran; empty where it did not.
        after_s: Seconds from the answer to this; `None` where the answer is too long ago to be known.
        trigger: The control's number of the part; `None` where it gave none, or is not known any more.
        serial: The part's serial number, or an empty string.
        answered: What was answered: the verdict, and the reason in brackets; empty where it is not known any more.
    """

    part: int
    camera: str
    stage: str = ""
    detections: Detections | None = None
    device: str = ""
    after_s: float | None = None
    trigger: int | None = None
    serial: str = ""
    answered: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        return {
            "part": self.part,
            "trigger": self.trigger,
            "serial": self.serial,
            "camera": self.camera,
            "stage": self.stage,
            "came": "picture" if self.detections is None else "detections",
            "device": self.device,
            "after_s": None if self.after_s is None else round(self.after_s, 6),
            "answered": self.answered,
            **({} if self.detections is None else self.detections.to_dict()),
        }
