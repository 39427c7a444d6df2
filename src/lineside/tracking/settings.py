"""How objects are followed: the settings of a tracker, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lineside.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How objects are followed. Times are counted in frames of the stream.

    Attributes:
        confidence: Only an object surer than this begins a track, 0 to 1.
        low_confidence: A known object goes on with a detection that is only surer than this, where nothing
            surer fits: what is half hidden often scores low. At most `confidence`; run the detector with this one.
        min_iou: A detection belongs to a known object when their boxes overlap at least so much, where the object
            was expected. Above 0, at most 1.
        confirm_frames: In how many frames, one after the other, an object must be seen before it gets an id.
        keep_frames: For how many frames an object that is not seen keeps its id.
        motion_px: By how much objects move from one frame to the next, x and y in pixels, where the belt's speed is
            known; `None`: unknown, each object shows it. Without it an object must overlap itself from its first
            frame to its second.
        class_aware: Only detections of one class are one object. Without it an object's class is that of most
            confidence over all its frames.
        fps: Frames per second, which turn the seconds of `Tracker.update(time_s=...)` into frames.

    Raises:
        SettingsError: A value is out of its range.
    """

    confidence: float = 0.25
    low_confidence: float = 0.1
    min_iou: float = 0.1
    confirm_frames: int = 3
    keep_frames: int = 30
    motion_px: tuple[float, float] | None = None
    class_aware: bool = False
    fps: float | None = None

    def __post_init__(self) -> None:
        for name in ("confidence", "low_confidence", "min_iou"):
            if not (is_number(value := getattr(self, name)) and 0 <= value <= 1):
                raise SettingsError(f"{name}: expected a number from 0 to 1; got {value!r}")
        if self.min_iou == 0:
            raise SettingsError("min_iou: expected more than 0: at 0 a box anywhere would fit; got 0")
        if self.low_confidence > self.confidence:
            raise SettingsError(
                f"low_confidence: expected at most confidence, {self.confidence}; got {self.low_confidence}"
            )
        for name, least in (("confirm_frames", 1), ("keep_frames", 0)):
            value = getattr(self, name)
            if not is_count(value, least=least):
                raise SettingsError(f"{name}: expected a whole number of at least {least}; got {value!r}")
        if not isinstance(self.class_aware, bool):
            raise SettingsError(f"class_aware: expected True or False; got {self.class_aware!r}")
        if self.motion_px is not None and not _is_pair(self.motion_px):
            raise SettingsError(f"motion_px: expected x and y in pixels, or None; got {self.motion_px!r}")
        if self.fps is not None and not (is_number(self.fps) and self.fps > 0):
            raise SettingsError(f"fps: expected a rate above 0, or None; got {self.fps!r}")


def is_number(value: object) -> bool:
    """Whether a value is a finite number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_count(value: object, *, least: int) -> bool:
    """Whether a value is a whole number of at least so many."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(is_number(v) for v in value)
