"""What the anchor-free families share: rows of a box, a sigmoid score a class, and what a task adds behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.models.evidence import (
    are_corners,
    between_0_and_1,
    box_form,
    follow_grid,
    grid_agreement,
    in_pixels,
)
from lineside.models.spec import as_float32
from lineside.postprocess.candidates import Candidates, Selection, check_boxes, from_centres, pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.head import GridLayout, Head
    from lineside.models.spec import HeadSpec
    from lineside.models.tracing import Segment

TRACED = 0.6
"""How sure the structure alone makes."""

NAMED = 0.4
"""What it is worth that the number of names fits a head that cannot be followed."""

_REACH_CELLS = 17  # a distribution of 16 bins reaches 15 cells from its anchor point, a longer one is rare
_RAW = {"Sigmoid", "Conv", "ConvInteger", "QLinearConv", "Add"}  # no decoded box ends in one of these


@dataclass(frozen=True, slots=True)
class Channels:
    """What the channels of a row were made of.

    Attributes:
        boxes: The pieces of the four box values.
        scores: The class scores.
        rest: What follows them.
    """

    boxes: tuple[Segment, ...]
    scores: Segment
    rest: tuple[Segment, ...]

    @property
    def behind(self) -> int:
        """Number of values behind the scores."""
        return sum(part.channels or 0 for part in self.rest)


def channels_of(parts: Sequence[Segment]) -> Channels | None:
    """The parts of a row: four decoded box values, one sigmoid's scores, and the rest; `None` for anything else."""
    count, boxes = 0, 0
    while boxes < len(parts) and count < 4:
        count += parts[boxes].channels or 0
        boxes += 1
    if count != 4 or boxes == len(parts) or any(part.origin in _RAW for part in parts[:boxes]):
        return None
    return Channels(tuple(parts[:boxes]), parts[boxes], tuple(parts[boxes + 1 :]))


def box_structure(head: Head, channels: Channels) -> tuple[float, str] | None:
    """What the graph says of boxes and scores: points and a reason, or `None` where it is another head's."""
    form = box_form(head.graph, channels.boxes)
    if form == "corners" or channels.scores.origin != "Sigmoid":
        return None
    if len(head.behind(channels.scores)) > 1:
        return None  # one of the channels is no class: objectness, joined before the sigmoid
    if form is None and head.probe is None:
        return (
            0.2,
            "its channels are 4 box values and one sigmoid's; the boxes' form cannot be told without a run",
        )
    classes = channels.scores.channels
    return TRACED, f"its channels are 4 box values from arithmetic and {classes} from one sigmoid"


def box_values(
    head: Head, output: int, layout: GridLayout, *, scores: slice | None
) -> tuple[float, str] | None:
    """What the probe run says: points and a reason, or `None` where it contradicts.

    Args:
        head: The evidence.
        output: The output that holds the rows.
        layout: Its reading.
        scores: The channels that must be probabilities; `None` where the structure says which they are, as scores
            out of range are then the business of the dead-export check.
    """
    rows = head.rows(output, layout)
    if rows is None:
        return 0.0, ""
    agreement = grid_agreement(rows, layout, head.size, _REACH_CELLS)
    if (
        agreement < 0.6
        or not in_pixels(rows)
        or are_corners(rows)
        or not follow_grid(rows, layout, head.size)
    ):
        return None
    if scores is not None and not between_0_and_1(rows[:, scores]):
        return None
    return 0.3, f"in a probe run {agreement:.0%} of the boxes are centred near their cell"


def grid_reason(layout: GridLayout) -> str:
    """The reason that the shape gives."""
    return f"{layout.rows} rows are one box a cell at strides {', '.join(map(str, layout.strides))}"


def table(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """The rows' output as (channels, rows)."""
    value: NDArray[Any] = outputs[spec.output][0]
    return value if spec.channels_first else value.T


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Class scores, (classes, rows)."""
    return table(outputs, spec)[4 : 4 + spec.classes]


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels, with their rows.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    channels = table(outputs, spec)
    check_boxes(channels[:4])
    rows, classes, confidence = pick(channels[4 : 4 + spec.classes], want)
    boxes = as_float32(channels[:4].take(rows, axis=1))
    return from_centres(boxes, classes, confidence, want, rows=rows)
