"""Files that fix a batch of several pictures, rewritten for one and proven to answer as before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import LinesideError, UnsupportedModelError
from lineside.models.graph import Graph, dims_text
from lineside.models.probe import as_exported
from lineside.models.surgery import difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto, TensorProto

    from lineside.models.reading import Subject
    from lineside.models.spec import Conventions

_SHAPED = {"Reshape", "Expand"}


def fixed_batch(model: ModelProto) -> int:
    """The number of pictures that a file fixes for every run; 1 where it leaves it open or is fed with one."""
    shapes = [tensor.shape for tensor in Graph(model).inputs]
    return next((shape[0] or 1 for shape in shapes if len(shape) == 4), 1)


def for_one_picture(model: ModelProto, batch: int) -> ModelProto:
    """A copy of a model that is fed with one picture where it was `batch`.

    What exporters write down of the batch are the first axes of inputs and outputs, and the first entries of the
    shapes that tensors are reshaped or expanded to. Whether that was all shows in a run: see `refuse_other_answer`.
    """
    import onnx
    from onnx import numpy_helper

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    constants = {tensor.name for tensor in graph.initializer}
    for value in (*graph.input, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.name not in constants and dims and dims[0].dim_value == batch:
            dims[0].dim_value = 1
    del graph.value_info[:]
    wanted = {node.input[1] for node in graph.node if node.op_type in _SHAPED and len(node.input) > 1}
    for tensor in _named(changed, wanted):
        shape = numpy_helper.to_array(tensor).copy()
        if shape.ndim == 1 and shape.size > 1 and shape[0] == batch:
            shape[0] = 1
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
    return changed


def _named(model: ModelProto, names: set[str]) -> list[TensorProto]:
    """The constants of these names, wherever they stand."""
    found = [tensor for tensor in model.graph.initializer if tensor.name in names]
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output[0] in names:
            found += [attribute.t for attribute in node.attribute if attribute.name == "value"]
    return found


def refuse_other_answer(
    subject: Subject, planes: NDArray[Any], conventions: Conventions, answer: Sequence[NDArray[Any]]
) -> None:
    """Refuse a file whose rewritten form answers otherwise than the file does to as many copies of the picture.

    Args:
        subject: The file, rewritten.
        planes: The test picture, uint8 (1, 3, H, W).
        conventions: How it is fed.
        answer: The rewritten graph's answer to it.

    Raises:
        UnsupportedModelError: It does, or the file cannot be run.
    """
    assert subject.run is not None
    original = subject.file.parse()
    feeds = {
        name: np.repeat(array, subject.batch, axis=0) if array.shape[:1] == (1,) else array
        for name, array in subject.picture.feeds(as_exported(planes, subject.picture, conventions)).items()
    }
    try:
        expected = subject.run(original.SerializeToString(), feeds)
    except LinesideError as fault:
        raise refusal(subject.name, original, subject.batch, f"it cannot be run: {fault}") from fault
    first = [output[:1] if output.shape[:1] == (subject.batch,) else output for output in expected]
    if (other := difference(first, answer)) is not None:
        raise refusal(subject.name, original, subject.batch, f"rewritten for one picture, {other}")


def refusal(file: str, original: ModelProto, batch: int, why: str) -> UnsupportedModelError:
    """The error of a file that only takes several pictures at a time."""
    tensor = next(t for t in Graph(original).inputs if len(t.shape) == 4)
    return UnsupportedModelError(
        f'{file}: input "{tensor.name}" is {tensor.dtype} {dims_text(tensor.shape)}: a fixed batch of {batch}; '
        f"export it with batch 1 or a dynamic batch ({why})"
    )
