"""The picture input of a graph: its axes, its element type, and the size it is fed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import ConventionError, SettingsError, UnsupportedModelError
from lineside.core.geometry import Size
from lineside.models.graph import dims_text
from lineside.models.spec import InputSpec

if TYPE_CHECKING:
    from lineside.models.facts import ModelFacts
    from lineside.models.graph import Graph
    from lineside.models.metadata import Metadata

_DEFAULT_SIZE = 640
_LARGEST_SIDE = 16_384
_INPUT_TYPES = ("float32", "float16", "uint8")


def picture_input(graph: Graph, file: str, facts: ModelFacts, hints: Metadata) -> InputSpec:
    """The one picture input of a graph.

    Raises:
        UnsupportedModelError: There is none, or more than one, or its form is none of a picture's.
        ConventionError: The size set by hand contradicts the file.
    """
    if len(graph.inputs) != 1:
        seen = ", ".join(f'"{t.name}" {t.dtype} {dims_text(t.shape)}' for t in graph.inputs) or "none"
        raise UnsupportedModelError(f"{file}: expected one picture input, got {len(graph.inputs)}: {seen}")
    tensor = graph.inputs[0]
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
    return InputSpec(
        name=tensor.name,
        size=_size(file, (height, width), facts, hints),
        dynamic_size=height is None or width is None,
        dynamic_batch=tensor.shape[0] is None,
        layout="nhwc" if channels_last else "nchw",
        dtype=tensor.dtype,  # type: ignore[arg-type] # one of _INPUT_TYPES
    )


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
    stride = hints.stride if hints.stride and hints.stride > 1 else 32
    if facts.size is not None and (size.height % stride or size.width % stride):
        raise SettingsError(f"{file}: size {size}: both sides must be multiples of the stride, {stride}")
    return size
