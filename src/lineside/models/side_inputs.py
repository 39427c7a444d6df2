"""The inputs beside the picture: what each of them means, and what it is fed with.

Detectors that answer in pixels of the photograph are told its size: RT-DETR, D-FINE and DEIM as width and height,
PaddleDetection and keras-yolo3 as height and width; PaddleDetection is told besides by what it was resized. Here
every picture has the model's own size, so all of these are the same for every picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lineside.core.errors import ConventionError, SettingsError, UnknownNameError, UnsupportedModelError, near
from lineside.models.graph import dims_text
from lineside.models.multipliers import multipliers
from lineside.models.spec import ConstantInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineside.core.geometry import Size
    from lineside.models.graph import Graph, Tensor

Meaning = Literal["width height", "height width", "ones"]
Held = str | tuple[float, ...]
MEANINGS: tuple[Meaning, ...] = ("width height", "height width", "ones")
"""What an input may be said to hold by hand."""

_USUAL: Mapping[str, Meaning] = {
    "orig_target_sizes": "width height",
    "im_shape": "height width",
    "image_shape": "height width",
    "scale_factor": "ones",
}
_NUMBERS = {"bool", "float16", "float32", "float64", "int32", "int64", "uint8"}
# Operators that hand a size on, element by element.
_MOVES = {
    "Cast",
    "Ceil",
    "Concat",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "Identity",
    "Reshape",
    "Round",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
}
_SIZED = {"Add", "Max", "Min", "Mul", "ReduceMax", "ReduceMin", "Sub"}


def checked(value: Any) -> tuple[tuple[str, Held], ...]:
    """What is set by hand of inputs, a mapping or its pairs, as pairs of name and meaning or numbers.

    Raises:
        SettingsError: It is neither; the message names the input.
    """
    pairs = list(value.items()) if hasattr(value, "items") else value
    if not isinstance(pairs, list | tuple) or not all(isinstance(pair, tuple) for pair in pairs):
        raise SettingsError(
            f'inputs: expected a table, for instance orig_target_sizes = "width height"; got {value!r}'
        )
    return tuple((str(name), _held(str(name), held)) for name, held in pairs)


def _held(name: str, value: Any) -> Held:
    if isinstance(value, str):
        if value not in MEANINGS:
            raise UnknownNameError(f'inputs."{name}": unknown "{value}"{near(value, MEANINGS)}')
        return value
    numbers = value if isinstance(value, list | tuple) else ()
    if not numbers or not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        known = ", ".join(f'"{meaning}"' for meaning in MEANINGS)
        raise SettingsError(f'inputs."{name}": expected {known}, or a list of numbers; got {value!r}')
    return tuple(float(n) for n in numbers)


@dataclass(frozen=True, slots=True)
class _Side:
    """One input beside the picture, and what the messages about it begin with."""

    graph: Graph
    tensor: Tensor
    file: str

    @property
    def seen(self) -> str:
        tensor = self.tensor
        return f'{self.file}: input "{tensor.name}" is {tensor.dtype} {dims_text(tensor.shape)}, beside the picture'

    @property
    def cure(self) -> str:
        return (
            f'If you know it, say so in the .toml beside the model: [inputs] "{self.tensor.name}" = '
            '"width height", "height width", "ones", or a list of its numbers'
        )


def side_inputs(
    graph: Graph,
    picture: str,
    size: Size,
    file: str,
    by_hand: Mapping[str, Held],
) -> tuple[ConstantInput, ...]:
    """What every input beside the picture is fed with, for pictures of one size.

    Args:
        graph: The graph.
        picture: Name of its picture input.
        size: The size that pictures are fed with.
        file: The model's name, for messages.
        by_hand: What the user says of inputs: one of `MEANINGS`, or their numbers in order.

    Raises:
        UnsupportedModelError: The meaning of an input cannot be told.
        ConventionError: What is set by hand fits no input.
    """
    sides = [_Side(graph, tensor, file) for tensor in graph.inputs if tensor.name != picture]
    names = [side.tensor.name for side in sides]
    for name in by_hand:
        if name not in names:
            raise ConventionError(
                f'{file}: inputs: no input "{name}" beside the picture "{picture}"{near(name, names)}'
            )
    return tuple(_filled(side, _meaning(side, picture, size, by_hand), size) for side in sides)


def _meaning(side: _Side, picture: str, size: Size, by_hand: Mapping[str, Held]) -> Held:
    """What an input holds: by hand, by the graph, or by its name.

    Raises:
        UnsupportedModelError: None of them tells.
    """
    tensor = side.tensor
    if tensor.dtype not in _NUMBERS:
        raise UnsupportedModelError(f"{side.seen}; an input beside the picture can only be one of numbers")
    if tensor.name in by_hand:
        return by_hand[tensor.name]
    if len(tensor.shape) != 2 or tensor.shape[0] not in {1, None} or tensor.shape[1] != 2:
        raise UnsupportedModelError(
            f"{side.seen}; expected the picture's size or a factor of it, two numbers of shape (1, 2). {side.cure}"
        )
    usual = _USUAL.get(tensor.name.partition(":")[0].lower())
    use = _use(side.graph, tensor.name)
    if use == "factor" or (use is None and usual == "ones"):
        return "ones"
    if use is None and usual is None:
        raise UnsupportedModelError(
            f"{side.seen}; neither the graph nor its name tells whether it is a size or a factor. {side.cure}"
        )
    if size.height == size.width:
        return "width height"
    order = _order(side, picture) or (usual if usual != "ones" else None)
    if order is None:
        raise UnsupportedModelError(
            f"{side.seen}; it holds the picture's size, but neither the graph nor its name tells whether the width or "
            f"the height comes first, and {size} is not square. {side.cure}"
        )
    return order


def _use(graph: Graph, name: str) -> Literal["size", "factor"] | None:
    """What the first arithmetic behind an input makes of it: what is only divided by is a factor."""
    stack, seen, uses = [name], set[int](), set[str]()
    while stack:
        tensor = stack.pop()
        for node in graph.consumers.get(tensor, []):
            if node.op_type == "Reciprocal" or (node.op_type == "Div" and node.input[0] != tensor):
                uses.add("factor")
            elif node.op_type == "Div" or node.op_type in _SIZED:
                uses.add("size")
            elif node.op_type in _MOVES and id(node) not in seen:
                seen.add(id(node))
                stack.extend(node.output)
    return "size" if "size" in uses else "factor" if uses else None


def _order(side: _Side, picture: str) -> Meaning | None:
    """Which of width and height comes first, by what the boxes are multiplied with.

    Boxes are x before y. An input that is turned round before they are multiplied with it has the height first. One
    that is used as it comes has the width first, unless the boxes are y before x, as keras-yolo3's: those inputs
    hold floats, or undo a letterbox too, and are left to their names.
    """
    others = {t.name: (1.0, 1.0) for t in side.graph.inputs if t.name != picture and t.shape[1:] == (2,)}
    first, second = 96.0, 224.0
    used = multipliers(side.graph, others | {side.tensor.name: (first, second)})
    if used is None:
        return None
    if used and all(values in ((second, first), (second, first) * 2) for values in used):
        return "height width"
    as_it_comes = used and all(values in ((first, second), (first, second) * 2) for values in used)
    return "width height" if as_it_comes and side.tensor.dtype.startswith("int") else None


def _filled(side: _Side, meaning: Held, size: Size) -> ConstantInput:
    """The input with its numbers.

    Raises:
        UnsupportedModelError: It wants several pictures, or leaves open how many numbers it holds.
        ConventionError: It holds another number of them than is set by hand.
    """
    dims = tuple(1 if place == 0 and dim is None else dim for place, dim in enumerate(side.tensor.shape))
    shape = tuple(dim for dim in dims if dim is not None)
    if shape != dims:
        raise UnsupportedModelError(
            f"{side.seen}; an open axis beside the batch cannot be fed. Export it with a fixed shape"
        )
    count = math.prod(shape)
    if meaning == "ones":
        values: tuple[float, ...] = (1.0,) * count
    elif isinstance(meaning, str):
        values = tuple(map(float, size if meaning == "height width" else reversed(size)))
    else:
        values = meaning
    whole = all(value.is_integer() for value in values)
    if len(values) != count or not (whole or side.tensor.dtype.startswith("float")):
        raise ConventionError(
            f"{side.seen}; set by hand: {meaning}, but it holds {count} {'' if whole else 'whole '}numbers. {side.cure}"
        )
    return ConstantInput(side.tensor.name, side.tensor.dtype, shape, values)
