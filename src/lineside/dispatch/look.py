"""What a model saw in a picture, and what it took; and the future in which an engine hands that out."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.detections import Detections


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A worker's answer to one picture.

    Attributes:
        detections: What was seen.
        preprocess_s: Seconds from the picture to the model's input; in a batch of the whole batch, as the other two.
        run_s: Of the model's run.
        postprocess_s: From its outputs to detections.
    """

    detections: Detections
    preprocess_s: float
    run_s: float
    postprocess_s: float

    @property
    def seconds(self) -> Mapping[str, float]:
        """The stages by name."""
        return {
            "preprocess": self.preprocess_s,
            "run": self.run_s,
            "postprocess": self.postprocess_s,
        }


class LookFuture(Future[Any]):
    """The future of a picture's detections. Once it holds them it also says who saw them and in what time.

    Attributes:
        device: The device that answered; empty where none did.
        seconds: Seconds of each stage by name, where the worker told them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.device = ""
        self.seconds: Mapping[str, float] = {}
