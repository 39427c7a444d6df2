"""Open axes given numbers: one picture of one size a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.graph import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

    from lineside.models.spec import InputSpec


def fix_axes(model: ModelProto, picture: InputSpec, *, size: bool, batch: bool) -> list[str]:
    """Write numbers for the open axes of the inputs, and for what follows from them at the outputs, in place.

    Args:
        model: The model.
        picture: Its picture input, with the size to fix.
        size: Whether height and width are fixed.
        batch: Whether the batch is fixed at 1.

    Returns:
        What was fixed, in words; empty where nothing was open.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    height, width = (1, 2) if picture.layout == "nhwc" else (2, 3)
    wanted = {height: picture.size.height, width: picture.size.width} if size else {}
    fixed: set[str] = set()
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name in constants or not dims:
            continue
        if batch and dims[0].dim_value <= 0:
            dims[0].dim_value = 1
            fixed.add("one picture a run")
        for axis, number in wanted.items() if value.name == picture.name else ():
            if dims[axis].dim_value <= 0:
                dims[axis].dim_value = number
                fixed.add(f"a size of {picture.size}")
    if fixed:
        _follow(model)
    return sorted(fixed)


def _follow(model: ModelProto) -> None:
    """Forget the shapes that were written down, and write those that now follow at the outputs."""
    del model.graph.value_info[:]
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.Clear()
    shapes = Graph(model).shapes
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        known = shapes.get(value.name, ())
        for dim, number in zip(dims, known, strict=False):
            if dim.dim_value <= 0 and number is not None:
                dim.dim_value = number
