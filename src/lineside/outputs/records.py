"""One picture's result, the row of every table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.errors import LinesideError

if TYPE_CHECKING:
    from lineside.core.detections import Detections


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one picture: its detections, or the reason why there are none to be had.

    Attributes:
        source: The picture's path, or the video's.
        sequence: Number within the source, from 0.
        result: The detections, which may be none, or the error.
        time_s: Position in a video in seconds, else `None`.
        device: The entry of the list of devices that the model runs on; `None` where that is not told.
        is_demoted: Whether a better entry was passed over.
    """

    source: str
    sequence: int
    result: Detections | LinesideError
    time_s: float | None = None
    device: str | None = None
    is_demoted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/results.md`.

        It holds either `detections` or `error`, never both and never neither.
        """
        about: dict[str, Any] = {"source": self.source, "sequence": self.sequence, "time_s": self.time_s}
        if self.device is not None:
            about |= {"device": self.device, "demoted": self.is_demoted}
        if isinstance(self.result, LinesideError):
            return {**about, "error": {"code": self.result.code, "message": str(self.result)}}
        return {**about, **self.result.to_dict()}
