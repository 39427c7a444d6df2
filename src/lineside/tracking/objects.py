"""The known objects as a struct of arrays: where each is expected, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lineside.tracking.tracks import UNCONFIRMED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lineside.core.detections import Detections

# Of the mean side of a box: how far a detector's box lies beside the object, how much speeds change from one frame
# to the next, and what is known of the speed at first, without and with a given motion.
_BOX_NOISE, _SPEED_NOISE = 0.05, 0.05
_UNKNOWN_SPEED, _GIVEN_SPEED = 1.0, 0.1
_LEAST_SIDE_PX = 8.0  # smaller boxes are uncertain by pixels, not by shares of themselves


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The detections of a frame in an order that only their values decide: the surest first.

    Attributes:
        xyxy: float64 (N, 4) in pixels.
        class_id: int32 (N,).
        confidence: float32 (N,).
        place: intp (N,): where each stands among the frame's detections.
    """

    xyxy: NDArray[np.float64]
    class_id: NDArray[np.int32]
    confidence: NDArray[np.float32]
    place: NDArray[np.intp]

    @classmethod
    def of(cls, detections: Detections) -> Self:
        """Those of a frame."""
        left, top, right, bottom = detections.xyxy.T
        order = np.lexsort((detections.class_id, bottom, right, top, left, -detections.confidence))
        xyxy = detections.xyxy[order].astype(np.float64)
        return cls(xyxy, detections.class_id[order], detections.confidence[order], order)

    def __len__(self) -> int:
        return len(self.class_id)

    def __getitem__(self, index: NDArray[Any] | slice) -> Self:
        return type(self)(self.xyxy[index], self.class_id[index], self.confidence[index], self.place[index])


@dataclass(slots=True, eq=False)
class Objects:
    """T objects, the oldest first. Each is a Kalman filter of constant velocity for its centre.

    The filter is that of Kalman (1960) with white noise as acceleration; both axes share one covariance, because their
    noise is the same. The box has the size in which it was seen last.

    Attributes:
        track_id: int64 (T,), `UNCONFIRMED` for objects that have none yet.
        hits: int64 (T,): in how many frames it was seen.
        misses: int64 (T,): in how many it was looked for in vain since.
        seen_at: float64 (T,): the frame in which it was seen last.
        first_at: float64 (T,): the frame in which it was seen first.
        first_xyxy: float64 (T, 4): its box there.
        votes: float64 (T, classes): the sum of its confidences for each class.
        centre: float64 (T, 2): x and y in pixels, as expected now.
        size: float64 (T, 2): width and height when it was seen last.
        velocity: float64 (T, 2): pixels a frame.
        spread: float64 (T, 3): variance of the place, covariance, variance of the velocity.
    """

    track_id: NDArray[np.int64]
    hits: NDArray[np.int64]
    misses: NDArray[np.int64]
    seen_at: NDArray[np.float64]
    first_at: NDArray[np.float64]
    first_xyxy: NDArray[np.float64]
    votes: NDArray[np.float64]
    centre: NDArray[np.float64]
    size: NDArray[np.float64]
    velocity: NDArray[np.float64]
    spread: NDArray[np.float64]

    @classmethod
    def new(cls, seen: Seen, classes: int, at: float, motion_px: tuple[float, float] | None) -> Self:
        """Objects that are seen for the first time, in frame `at`."""
        count = len(seen)
        centre, size = _parts(seen.xyxy)
        side = _side(size)
        speed = _UNKNOWN_SPEED if motion_px is None else _GIVEN_SPEED
        votes = np.zeros((count, classes))
        votes[np.arange(count), seen.class_id] = seen.confidence
        return cls(
            track_id=np.full(count, UNCONFIRMED, np.int64),
            hits=np.ones(count, np.int64),
            misses=np.zeros(count, np.int64),
            seen_at=np.full(count, at, np.float64),
            first_at=np.full(count, at, np.float64),
            first_xyxy=seen.xyxy.copy(),
            votes=votes,
            centre=centre,
            size=size,
            velocity=np.tile(np.array(motion_px or (0.0, 0.0), np.float64), (count, 1)),
            spread=np.stack([(_BOX_NOISE * side) ** 2, np.zeros(count), (speed * side) ** 2], axis=1),
        )

    def __len__(self) -> int:
        return len(self.track_id)

    @property
    def xyxy(self) -> NDArray[np.float64]:
        """Where each object is expected, float64 (T, 4)."""
        half = self.size / 2
        return np.hstack([self.centre - half, self.centre + half])

    @property
    def class_id(self) -> NDArray[np.int32]:
        """The class that each object's detections speak for, int32 (T,)."""
        winners: NDArray[np.int32] = self.votes.argmax(axis=1).astype(np.int32)
        return winners

    def predict(self, frames: float) -> None:
        """Let time pass: each object moves on, and its place becomes less sure."""
        place, both, speed = self.spread.T
        noise = (_SPEED_NOISE * _side(self.size)) ** 2 * frames
        self.centre = self.centre + self.velocity * frames
        self.spread = np.stack(
            [
                place + 2 * frames * both + frames**2 * speed + noise * frames**2 / 3,
                both + frames * speed + noise * frames / 2,
                speed + noise,
            ],
            axis=1,
        )

    def see(self, rows: NDArray[np.intp], seen: Seen, at: float) -> None:
        """The objects of `rows` were found in frame `at`, as `seen` has them in the same order."""
        centre, size = _parts(seen.xyxy)
        place, both, speed = self.spread[rows].T
        total = place + (_BOX_NOISE * _side(size)) ** 2
        gain, speed_gain = place / total, both / total
        off = centre - self.centre[rows]
        self.centre[rows] += gain[:, None] * off
        self.velocity[rows] += speed_gain[:, None] * off
        self.spread[rows] = np.stack(
            [(1 - gain) * place, (1 - gain) * both, speed - speed_gain * both], axis=1
        )
        self.size[rows] = size
        self.votes[rows, seen.class_id] += seen.confidence
        self.hits[rows] += 1
        self.misses[rows] = 0
        self.seen_at[rows] = at

    def keep(self, index: NDArray[np.bool_]) -> None:
        """Forget the objects that a mask leaves out."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[index])

    def add(self, others: Self) -> None:
        """Put other objects behind these."""
        for field in fields(self):
            both = getattr(self, field.name), getattr(others, field.name)
            setattr(self, field.name, np.concatenate(both))


def _parts(xyxy: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres and sizes of boxes, (N, 2) each."""
    return (xyxy[:, :2] + xyxy[:, 2:]) / 2, xyxy[:, 2:] - xyxy[:, :2]


def _side(size: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean side of boxes, (N,), in which noise is measured."""
    side: NDArray[np.float64] = np.maximum(np.sqrt(np.maximum(size[:, 0] * size[:, 1], 0)), _LEAST_SIDE_PX)
    return side
