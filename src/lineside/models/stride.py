"""Which input sizes a graph of open size takes: multiples of the pixels that its coarsest cell has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.models.graph import CONVOLUTIONS, Graph

if TYPE_CHECKING:
    from lineside.models.spec import InputSpec

SAFE_SIDE = 64
"""Every stride in use divides it."""

# Multiples of it, not square, so that a map's two sides tell it from rows and channels.
_TRIAL = Size(height=256, width=384)


def refuse_between(file: str, size: Size, stride: int) -> None:
    """Refuse an input size that is no multiple of the stride.

    Raises:
        SettingsError: It is none; the message names the nearest sizes that are.
    """
    if size.height % stride == 0 and size.width % stride == 0:
        return
    below = Size(*(side // stride * stride for side in size))
    above = Size(*(-(-side // stride) * stride for side in size))
    nearest = [str(near) for near in (below, above) if min(near) > 0]
    raise SettingsError(
        f"{file}: size {size}: both sides must be multiples of the stride, {stride}; "
        f"the nearest: {' or '.join(nearest)}"
    )


def graph_stride(graph: Graph, picture: InputSpec) -> int | None:
    """Input pixels per cell of the coarsest map that a convolution makes, each way; `None` where none can be told.

    Found by shape inference at a size that every stride divides, so that it is known of a graph too whose joins
    do not fit at the size asked for.

    Args:
        graph: The graph.
        picture: Its picture input.
    """
    size = Size(
        *(a if a is not None else b for a, b in zip(_fixed_sides(graph, picture), _TRIAL, strict=True))
    )
    shapes = Graph(graph.model, size).shapes
    strides = set()
    for node in graph.model.graph.node:
        shape = shapes.get(node.output[0], ()) if node.op_type in CONVOLUTIONS else ()
        height, width = shape[2:] if len(shape) == 4 else (None, None)
        if height is None or width is None or min(height, width) < 2:
            continue  # a map of one cell is a mean over the picture
        if size.height % height == 0 and size.height // height * width == size.width:
            strides.add(size.height // height)
    return max(strides, default=None)


def _fixed_sides(graph: Graph, picture: InputSpec) -> tuple[int | None, int | None]:
    """Height and width where the file fixes them."""
    shape = next(tensor.shape for tensor in graph.inputs if tensor.name == picture.name)
    height, width = shape[1:3] if picture.layout == "nhwc" else shape[2:4]
    return height, width
