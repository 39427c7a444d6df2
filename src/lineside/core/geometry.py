"""Sizes and the letterbox: how a frame is fitted into a model's input, and the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Anchor = Literal["centre", "corner", "stretch", "crop"]
Rounding = Literal["round", "floor"]
Gain = Literal["per_axis", "single"]


class Size(NamedTuple):
    """A size in pixels, rows first like an array's shape."""

    height: int
    width: int

    def __str__(self) -> str:
        """Width x height, the way people write it."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Fit:
    """A family's letterbox convention.

    Attributes:
        anchor: `centre` pads on both sides, `corner` on the right and at the bottom, `stretch` not at all. `crop`
            fills the input with the middle of the frame, and what reaches beyond it is cut off.
        rounding: How the scaled size becomes whole pixels: `round` half to even, or `floor`.
        gain: `per_axis` maps boxes back with scaled/frame of each axis, `single` with one factor.
        pad_value: Grey level of the padding, 0 to 255.
    """

    anchor: Anchor = "centre"
    rounding: Rounding = "round"
    gain: Gain = "per_axis"
    pad_value: int = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """One frame size fitted into one model size.

    Attributes:
        frame: Size of the frame.
        model: Size of the model's input.
        scaled: Size of the scaled frame: inside the input, or with a `crop` around it.
        left_px: Padding left of it; negative where so many columns are cut off.
        top_px: Padding above it; negative where so many rows are cut off.
        gain_x: Model pixels per frame pixel, horizontally.
        gain_y: Model pixels per frame pixel, vertically.
    """

    frame: Size
    model: Size
    scaled: Size
    left_px: int
    top_px: int
    gain_x: float
    gain_y: float

    @classmethod
    def fit(cls, frame: Size, model: Size, how: Fit) -> Letterbox:
        """The letterbox of `frame` in `model` by the convention `how`.

        The arithmetic of `centre` and `round` is that of the Ultralytics `LetterBox` transform, that of
        `corner` and `floor` that of the YOLOX `preproc`; both resize with bilinear interpolation. That of `crop`
        and `floor` is torchvision's: `Resize` of the shorter side and `CenterCrop`.
        """
        if how.anchor == "crop":
            return cls._cropped(frame, model, how)
        if how.anchor == "stretch":
            return cls(frame, model, model, 0, 0, model.width / frame.width, model.height / frame.height)
        ratio = min(model.height / frame.height, model.width / frame.width)
        whole = round if how.rounding == "round" else math.floor
        scaled = Size(
            height=min(max(whole(frame.height * ratio), 1), model.height),
            width=min(max(whole(frame.width * ratio), 1), model.width),
        )
        left_px = top_px = 0
        if how.anchor == "centre":
            # Half a pixel goes to the right and to the bottom.
            left_px = max(round((model.width - scaled.width) / 2 - 0.1), 0)
            top_px = max(round((model.height - scaled.height) / 2 - 0.1), 0)
        if how.gain == "single":
            return cls(frame, model, scaled, left_px, top_px, ratio, ratio)
        gain_x, gain_y = scaled.width / frame.width, scaled.height / frame.height
        return cls(frame, model, scaled, left_px, top_px, gain_x, gain_y)

    @classmethod
    def _cropped(cls, frame: Size, model: Size, how: Fit) -> Letterbox:
        """The frame scaled until it covers the input, and cut off evenly on both sides."""
        tall, wide = model.height * frame.width, model.width * frame.height
        divide = _whole_quotient if how.rounding == "round" else int.__floordiv__
        if tall >= wide:  # the height fits, the width reaches beyond
            scaled = Size(model.height, max(divide(tall, frame.height), model.width))
        else:
            scaled = Size(max(divide(wide, frame.width), model.height), model.width)
        left_px = -round((scaled.width - model.width) / 2)
        top_px = -round((scaled.height - model.height) / 2)
        gain_x, gain_y = scaled.width / frame.width, scaled.height / frame.height
        if how.gain == "single":
            gain_x = gain_y = max(model.height / frame.height, model.width / frame.width)
        return cls(frame, model, scaled, left_px, top_px, gain_x, gain_y)

    def to_frame(self, xyxy: NDArray[np.float32]) -> None:
        """Map boxes from model pixels to frame pixels and clip them to the frame, in place.

        Args:
            xyxy: Boxes, float32 (N, 4) in model pixels; overwritten.
        """
        shift, gain, corner = _way_back(self)
        np.subtract(xyxy, shift, out=xyxy)
        np.divide(xyxy, gain, out=xyxy)
        np.maximum(xyxy, 0, out=xyxy)
        np.minimum(xyxy, corner, out=xyxy)

    def to_frame_oriented(self, xywhr: NDArray[np.float32]) -> None:
        """Map oriented boxes from model pixels to frame pixels, in place; they are not clipped.

        Where the two axes have different gains a turned rectangle becomes a parallelogram; its centre and the
        lengths and direction of its sides are kept, as the reference implementations do.

        Args:
            xywhr: float32 (N, 5): centre x and y, width, height, rotation in radians; overwritten.
        """
        xywhr[:, 0] = (xywhr[:, 0] - self.left_px) / self.gain_x
        xywhr[:, 1] = (xywhr[:, 1] - self.top_px) / self.gain_y
        if self.gain_x == self.gain_y:
            xywhr[:, 2:4] /= self.gain_x
            return
        cos, sin = np.cos(xywhr[:, 4]), np.sin(xywhr[:, 4])
        xywhr[:, 2] *= np.hypot(cos / self.gain_x, sin / self.gain_y)
        xywhr[:, 3] *= np.hypot(sin / self.gain_x, cos / self.gain_y)
        xywhr[:, 4] = np.arctan2(sin / self.gain_y, cos / self.gain_x)

    def to_model(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes in frame pixels as new float32 (N, 4) boxes in model pixels."""
        boxes = xyxy.copy()
        boxes[:, 0::2] *= self.gain_x
        boxes[:, 1::2] *= self.gain_y
        boxes[:, 0::2] += self.left_px
        boxes[:, 1::2] += self.top_px
        return boxes


def _whole_quotient(dividend: int, divisor: int) -> int:
    """The quotient, rounded half to even."""
    return round(dividend / divisor)


@lru_cache(maxsize=256)
def _way_back(box: Letterbox) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What boxes are shifted by, divided by and clipped to on their way to the frame, float32 (4,) each."""
    shift = np.array((box.left_px, box.top_px) * 2, np.float32)
    gain = np.array((box.gain_x, box.gain_y) * 2, np.float32)
    return shift, gain, np.array((box.frame.width, box.frame.height) * 2, np.float32)
