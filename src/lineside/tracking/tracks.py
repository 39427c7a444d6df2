"""The objects of one frame with their ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections

UNCONFIRMED = -1
"""The id of a detection that is no confirmed object: too new, or too unsure to begin a track."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The detections of one frame, and which object each of them is.

    Attributes:
        detections: What the detector found, in its order. The class of a confirmed object is the one that its
            detections so far speak for; it may differ from that of this frame.
        track_id: int64 (N,), from 1 upwards and never given twice; `UNCONFIRMED` where there is none.
        at: The frame's number in the stream, in frames; a fraction where times were given.
        first_xyxy: float32 (N, 4): the box in which each object was seen first; of an unconfirmed one its own box.
        first_at: float64 (N,): the frame of that.
        ended: Ids that were given up since the last update: not seen for too long, or moved out of the picture.
    """

    detections: Detections
    track_id: NDArray[np.int64]
    at: float
    first_xyxy: NDArray[np.float32]
    first_at: NDArray[np.float64]
    ended: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.track_id)

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes: that of the detections, each with its `track_id` or `null`."""
        value = self.detections.to_dict()
        for row, track_id in zip(value["detections"], self.track_id.tolist(), strict=True):
            row["track_id"] = None if track_id == UNCONFIRMED else track_id
        return value
