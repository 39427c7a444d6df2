"""The picture input of a graph: its axes, its element type, and the size it is fed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import ConventionError, UnsupportedModelError
from lineside.core.geometry import Size
from lineside.models.graph import dims_text
from lineside.models.side_inputs import side_inputs
from lineside.models.spec import InputSpec
from lineside.models.stride import refuse_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.models.facts import ModelFacts
    from lineside.models.graph import Graph, Tensor
    from lineside.models.metadata import Metadata

_DEFAULT_SIZE = 640
_LARGEST_SIDE = 16_384
_INPUT_TYPES = ("float32", "float16", "uint8")


def picture_input(graph: Graph, file: str, facts: ModelFacts, hints: Metadata) -> InputSpec:
    """The one picture input of a graph, with what the inputs beside it are fed with.

    Raises:
        UnsupportedModelError: There is none, or more than one, or its form is none of a picture's; or an input
            beside it cannot be understood.
        ConventionError: The size or an input set by hand contradicts the file.
    """
    tensor = _picture(graph, file, facts.side_inputs)
    seen = f'input "{tensor.name}" is {tensor.dtype} {dims_text(tensor.shape)}'
    if len(tensor.shape) != 4:
        raise UnsupportedModelError(
            f"{file}: {seen}; expected four axes: (batch, 3, height, width), or channels last"
        )
    if tensor.dtype not in _INPUT_TYPES:
        raise UnsupportedModelError(f"{file}: {seen}; expected one of {', '.join(_INPUT_TYPES)}")
    channels_last = tensor.shape[3] == 3 and tensor.shape[1] != 3
    if not channels_last and tensor.shape[1] not in {3, None}:
        raise UnsupportedModelError(f"{file}: {seen}; expected 3 colour channels, not {tensor.shape[1]}")
    if tensor.shape[0] not in {1, None}:
        raise UnsupportedModelError(
            f"{file}: {seen}: a fixed batch of {tensor.shape[0]}; export it with batch 1 or a dynamic batch"
        )
    height, width = tensor.shape[1:3] if channels_last else tensor.shape[2:4]
    size = _size(file, (height, width), facts, hints)
    return InputSpec(
        name=tensor.name,
        size=size,
        dynamic_size=height is None or width is None,
        dynamic_batch=tensor.shape[0] is None,
        layout="nhwc" if channels_last else "nchw",
        dtype=tensor.dtype,  # type: ignore[arg-type] # one of _INPUT_TYPES
        constants=side_inputs(graph, tensor.name, size, file, facts.side_inputs),
    )


def _picture(graph: Graph, file: str, by_hand: Mapping[str, object]) -> Tensor:
    """The input that the picture goes into: the only one, or the only one of four axes that is not set by hand.

    Raises:
        UnsupportedModelError: There is none, or more than one.
    """
    alone = len(graph.inputs) == 1
    pictures = [tensor for tensor in graph.inputs if alone or len(tensor.shape) == 4]
    if len(pictures) > 1:
        pictures = [tensor for tensor in pictures if tensor.name not in by_hand]
    if len(pictures) != 1:
        seen = ", ".join(f'"{t.name}" {t.dtype} {dims_text(t.shape)}' for t in graph.inputs) or "none"
        raise UnsupportedModelError(f"{file}: expected one picture input, got {len(pictures)}: {seen}")
    return pictures[0]


def _size(file: str, fixed: tuple[int | None, int | None], facts: ModelFacts, hints: Metadata) -> Size:
    """The input size: the file's where it is fixed, else by hand, by metadata, or 640."""
    wanted = facts.size or (Size(*hints.size) if hints.size else Size(_DEFAULT_SIZE, _DEFAULT_SIZE))
    size = Size(fixed[0] or wanted.height, fixed[1] or wanted.width)
    if facts.size is not None and size != facts.size:
        raise ConventionError(
            f"{file}: size {facts.size} set by hand, but the file fixes its input at {size}; "
            "leave the size out, or export with dynamic axes"
        )
    if max(size) > _LARGEST_SIDE:
        raise UnsupportedModelError(f"{file}: an input of {size}; at most {_LARGEST_SIDE} px a side are fed")
    if facts.size is not None and hints.stride:
        refuse_between(file, size, hints.stride)
    return size
