"""The evidence that a family is matched against: a graph's outputs, their structure, and a probe run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lineside.models.graph import dims_text
from lineside.models.spec import as_float32, grid_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox, Size
    from lineside.core.masks import Masks
    from lineside.models.graph import Graph
    from lineside.models.spec import Conventions, HeadSpec
    from lineside.models.tracing import Segment
    from lineside.postprocess.candidates import Candidates, Selection

STRIDE_SETS: tuple[tuple[int, ...], ...] = (
    (8, 16, 32),
    (8, 16, 32, 64),
    (4, 8, 16, 32),
    (16, 32),
    (8, 16),
    (4, 8, 16),
    (8,),
    (16,),
    (32,),
)
"""The levels that YOLO heads come with, the usual first."""


@dataclass(frozen=True, slots=True)
class GridLayout:
    """One reading of a rank-3 output as rows of a grid.

    Attributes:
        channels_first: True for (1, channels, rows).
        channels: Values a row.
        rows: Number of rows.
        strides: Pixels per cell of each level.
        anchors: Boxes per cell.
    """

    channels_first: bool
    channels: int
    rows: int
    strides: tuple[int, ...]
    anchors: int

    @property
    def channel_axis(self) -> int:
        """The axis of the channels in the output."""
        return 1 if self.channels_first else 2


@dataclass(frozen=True, slots=True)
class Match:
    """A family's claim on a head.

    Attributes:
        sureness: 0 to 1.
        reasons: What speaks for it, one sentence each.
        spec: How it would be decoded.
        nms_inside: Whether the file carries its own NMS.
        warnings: What a careful user should know of this reading.
    """

    sureness: float
    reasons: tuple[str, ...]
    spec: HeadSpec
    nms_inside: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a model's outputs.

    Attributes:
        graph: The graph.
        size: The input size that the shapes belong to.
        shapes: Shape of each output: of the probe run where there was one, else inferred.
        probe: The outputs of a run on a test picture, or `None` where nothing could be run.
        names_count: Number of class names that metadata or the user gave, or `None`.
        keypoints_hint: Keypoints of an object and values of each, as metadata says, or `None`.
        anchors: Anchor boxes in pixels that the user gave, or `None`.
    """

    graph: Graph
    size: Size
    shapes: tuple[tuple[int | None, ...], ...]
    probe: tuple[NDArray[Any], ...] | None
    names_count: int | None
    keypoints_hint: tuple[int, int] | None = None
    anchors: tuple[tuple[float, float], ...] | None = None

    def layouts(self, output: int) -> list[GridLayout]:
        """Every reading of an output as rows of a grid for this input size."""
        shape = self.shapes[output]
        if len(shape) != 3 or not self.is_float(output):
            return []
        found = []
        for channels_first in (True, False):
            channels, rows = (shape[1], shape[2]) if channels_first else (shape[2], shape[1])
            if channels is None or rows is None or channels < 5:
                continue
            for strides in STRIDE_SETS:
                if self.size.height % strides[-1] or self.size.width % strides[-1]:
                    continue
                found += [
                    GridLayout(channels_first, channels, rows, strides, anchors)
                    for anchors in (1, 3)
                    if grid_rows(self.size, strides, anchors) == rows
                ]
        return found

    def is_float(self, output: int) -> bool:
        """Whether an output holds floating point values."""
        kind = self.graph.outputs[output].dtype if self.probe is None else self.probe[output].dtype.name
        return "float" in kind or kind == "unknown"

    def segments(self, output: int, axis: int) -> list[Segment]:
        """What an output's channels are made of, or an empty list where the sizes do not add up."""
        parts = self.graph.segments(self.graph.outputs[output].name, axis)
        total = self.shapes[output][axis]
        if any(p.channels is None for p in parts) or sum(p.channels or 0 for p in parts) != total:
            return []
        return parts

    def behind(self, segment: Segment) -> list[Segment]:
        """What a segment's operator was given, along the same axis."""
        node = self.graph.producers.get(segment.tensor)
        return self.graph.segments(node.input[0], segment.axis) if node is not None and node.input else []

    def rows(self, output: int, layout: GridLayout) -> NDArray[np.float32] | None:
        """The probe's output as float32 (rows, channels), or `None` without a probe."""
        if self.probe is None:
            return None
        values = as_float32(self.probe[output][0])
        return values.T if layout.channels_first else values

    def seen(self) -> str:
        """The outputs for a message: names, shapes, and what their channels are made of."""
        texts = []
        for i, tensor in enumerate(self.graph.outputs[:9]):
            text = f'"{tensor.name}" {dims_text(self.shapes[i])}'
            if len(self.shapes[i]) == 3:
                axes = [lay.channel_axis for lay in self.layouts(i)[:1]] or [2]
                parts = self.graph.segments(tensor.name, axes[0])[:8]
                text += " = " + " + ".join(
                    f"{'?' if p.channels is None else p.channels} {p.origin}" for p in parts
                )
            texts.append(text)
        more = f" and {len(self.shapes) - 9} more" if len(self.shapes) > 9 else ""
        return f"{len(self.shapes)} output{'s' * (len(self.shapes) > 1)}: " + ", ".join(texts) + more


class Family(Protocol):
    """A file of `models/families/`.

    A family whose head says more of an object than its box has a function `details` as well: see `Describes`.

    Attributes:
        TITLE: The family for people, with the versions that share it.
        ALIASES: Other names that `--family` accepts.
        CONVENTIONS: How it is fed.
        NMS_FREE: Whether its boxes need no NMS.
    """

    TITLE: str
    ALIASES: tuple[str, ...]
    CONVENTIONS: Conventions
    NMS_FREE: bool

    def match(self, head: Head, *, by_hand: bool) -> Match | None:
        """The family's claim on a head, or `None`. `by_hand`: the user says that it is one."""
        ...

    def scores(self, outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
        """All scores of a run, of any shape: what a dead export is judged by."""
        ...

    def decode(self, outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
        """The candidates of one picture in model pixels."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Details:
    """What a head says of its objects beyond their boxes, in pixels of the frame.

    Attributes:
        masks: One mask an object, or `None`.
        keypoints: float32 (N, K, 3): x, y and visibility, or `None`.
    """

    masks: Masks | None = None
    keypoints: NDArray[np.float32] | None = None


class Describes(Protocol):
    """The second half of a family: what is asked only of the objects that are left after NMS."""

    def details(
        self, outputs: Sequence[NDArray[Any]], spec: HeadSpec, found: Candidates, letterbox: Letterbox
    ) -> Details:
        """What the head says of the objects in `found`, whose `rows` name the head's rows.

        Args:
            outputs: The run's outputs.
            spec: The head.
            found: What NMS left, its boxes still in model pixels.
            letterbox: The way to the frame's pixels.

        Raises:
            ModelOutputError: A value is not finite.
        """
        ...
