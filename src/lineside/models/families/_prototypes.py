"""What the families with masks share: the prototypes' output, and masks from prototypes and coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lineside.models.graph import CONVOLUTIONS
from lineside.models.head import Details
from lineside.models.spec import HeadSpec, as_float32
from lineside.postprocess.finite import check_finite
from lineside.postprocess.masks import prototype_masks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox
    from lineside.models.head import GridLayout, Head, Match
    from lineside.models.tracing import Segment
    from lineside.postprocess.candidates import Candidates

_STEPS = (4, 2, 8)  # pixels of the input a cell of the prototypes


class MaskOutputs(NamedTuple):
    """Where a head with masks answers.

    Attributes:
        rows: Index of the output with the rows.
        prototypes: Index of the output with the prototypes.
        masks: Number of prototypes.
        step: Pixels of the input a cell.
    """

    rows: int
    prototypes: int
    masks: int
    step: int

    @property
    def reason(self) -> str:
        """The reason that the prototypes give."""
        return f"a second output is {self.masks} prototypes, one cell {self.step} px"


def mask_outputs(head: Head) -> MaskOutputs | None:
    """The two outputs of a head with masks, in either order, or `None`."""
    if sorted(len(shape) for shape in head.shapes) != [3, 4]:
        return None
    maps = next(i for i, shape in enumerate(head.shapes) if len(shape) == 4)
    _, masks, height, width = head.shapes[maps]
    if masks is None or masks < 2 or not head.is_float(maps):
        return None
    for step in _STEPS:
        if (height, width) == (head.size.height // step, head.size.width // step):
            return MaskOutputs(1 - maps, maps, masks, step)
    return None


def surest(
    head: Head, anchors: int, claim: Callable[[Head, MaskOutputs, GridLayout], Match | None]
) -> Match | None:
    """The surest claim on a grid of rows and prototypes, or `None`.

    Args:
        head: The evidence.
        anchors: Boxes of a cell.
        claim: A family's claim on one reading of the rows.
    """
    where = mask_outputs(head)
    if where is None:
        return None
    layouts = [layout for layout in head.layouts(where.rows) if layout.anchors == anchors]
    claims = [m for m in (claim(head, where, layout) for layout in layouts) if m]
    return max(claims, key=lambda m: m.sureness, default=None)


def grid_spec(head: Head, where: MaskOutputs, layout: GridLayout, classes: int) -> HeadSpec:
    """The head of a grid of rows with coefficients, and prototypes."""
    return HeadSpec(
        output=where.rows,
        classes=classes,
        strides=layout.strides,
        anchors=layout.anchors,
        channels_first=layout.channels_first,
        size=head.size,
        rows=layout.rows,
        task="segment",
        others=(where.prototypes,),
        coefficients=where.masks,
    )


def are_coefficients(parts: Sequence[Segment], masks: int) -> bool:
    """Whether parts of a row are as many plain answers of convolutions as there are prototypes."""
    # Quantised convolutions add their bias in a step of its own.
    plain = CONVOLUTIONS | {"Add"}
    return sum(part.channels or 0 for part in parts) == masks and all(part.origin in plain for part in parts)


def details(
    outputs: Sequence[NDArray[Any]], spec: HeadSpec, found: Candidates, letterbox: Letterbox
) -> Details:
    """The masks of the objects that NMS left.

    Raises:
        ModelOutputError: A prototype is not finite, or a value of any row.
    """
    assert found.rows is not None
    value: NDArray[Any] = outputs[spec.output][0]
    check_finite(value, "value")
    rows = value.take(found.rows, axis=1).T if spec.channels_first else value.take(found.rows, axis=0)
    coefficients = as_float32(rows[:, -spec.coefficients :])
    return Details(masks=prototype_masks(outputs[spec.others[0]][0], coefficients, found.xyxy, letterbox))
