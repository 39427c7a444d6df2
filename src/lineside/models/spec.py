"""What a model expects and answers, as frozen values: the words that the rooms above exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineside.core.geometry import Fit, Size

Colour = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
Task = Literal["detect", "segment", "pose", "obb", "classify"]
Feeds = Mapping[str, NDArray[Any]]
Runner = Callable[[bytes, Feeds], Sequence[NDArray[Any]]]
"""How a graph is run once: model bytes and inputs by name in, outputs in order out."""


@dataclass(frozen=True, slots=True)
class Conventions:
    """How a family is fed. The graph does not tell; each can be set by hand.

    Attributes:
        colour: Channel order that the model was trained on.
        scale: What pixel values are divided by before the model sees them: 255 or 1.
        fit: Its letterbox.
        class_aware: Whether its habit is NMS within each class (else over all classes).
        mean: What is subtracted from the scaled values, one a channel in the model's order.
        deviation: What they are divided by after that.
        nms: The kind of NMS that its reference implementation uses.
    """

    colour: Colour = "rgb"
    scale: float = 255.0
    fit: Fit = field(default_factory=Fit)
    class_aware: bool = True
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)
    nms: str = "iou"

    @property
    def is_plain(self) -> bool:
        """Whether the values are scaled only, not centred."""
        return not any(self.mean) and set(self.deviation) == {1.0}


@dataclass(frozen=True, slots=True)
class ConstantInput:
    """An input beside the picture that is the same for every picture: its size, for instance.

    Attributes:
        name: The graph input's name.
        dtype: numpy name of its element type.
        shape: Its shape.
        values: Its elements in order.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: tuple[float, ...]

    def array(self) -> NDArray[Any]:
        """The input as an array."""
        return np.array(self.values, self.dtype).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A model's picture input.

    Attributes:
        name: The graph input's name.
        size: The size it is fed with.
        dynamic_size: Whether the file accepts other sizes.
        dynamic_batch: Whether the file accepts more than one picture a run.
        layout: Axis order.
        dtype: The element type that the file asks for.
        constants: Inputs beside the picture.
    """

    name: str
    size: Size
    dynamic_size: bool
    dynamic_batch: bool
    layout: Layout
    dtype: Literal["float32", "float16", "uint8"]
    constants: tuple[ConstantInput, ...] = ()

    def feeds(self, planes: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """All inputs of a run, by name, for the picture in `planes`."""
        return {self.name: planes} | {constant.name: constant.array() for constant in self.constants}


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """A recognised head: all that its family needs to decode it.

    Attributes:
        output: Index of the output that holds the detections.
        classes: Number of classes.
        strides: Pixels per cell of each level, in the order of the rows; empty for a head without a grid.
        anchors: Boxes per cell.
        channels_first: True for (1, channels, rows), False for (1, rows, channels).
        size: The input size that the rows belong to.
        rows: Number of rows: cells times anchors, or the cap of an end-to-end head.
        task: What the head answers.
        others: Indices of the further outputs that the family reads, in an order of its own.
        coefficients: Mask coefficients of a row; 0 for a head without masks.
        keypoints: Keypoints of a row, and values of each: 2 for x and y, 3 with a visibility. (0, 0) without.
        anchor_px: Width and height of the anchor boxes, level by level, where the host decodes them.
        form: What a family that knows several forms calls this one.
    """

    output: int
    classes: int
    strides: tuple[int, ...]
    anchors: int
    channels_first: bool
    size: Size
    rows: int
    task: Task = "detect"
    others: tuple[int, ...] = ()
    coefficients: int = 0
    keypoints: tuple[int, int] = (0, 0)
    anchor_px: tuple[tuple[float, float], ...] = ()
    form: str = ""


def grid_rows(size: Size, strides: Sequence[int], anchors: int) -> int:
    """How many rows a grid head of these strides has for an input of `size`."""
    return anchors * sum((size.height // s) * (size.width // s) for s in strides)


def as_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """The array itself where it is float32 already, else a float32 copy."""
    return array if array.dtype == np.float32 else array.astype(np.float32)
