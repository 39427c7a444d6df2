"""What a graph holds and nobody reads: found, and taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.graph import inner_graphs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from onnx import GraphProto, ModelProto, NodeProto

FIXED_CONSTANTS_SINCE = 4
"""The version of the format since which a constant need not be an input, and is a default where it is one."""


def dead_nodes(model: ModelProto) -> list[NodeProto]:
    """The nodes that no output depends on, in the graph's order."""
    alive = {value.name for value in model.graph.output}
    dead: list[NodeProto] = []
    for node in reversed(model.graph.node):
        if alive.intersection(node.output):
            alive.update(_read(node))
        else:
            dead.append(node)
    return dead[::-1]


def dead_constants(model: ModelProto) -> list[str]:
    """The constants that no node and no output reads."""
    alive = {value.name for value in model.graph.output}
    for node in model.graph.node:
        alive.update(_read(node))
    return [tensor.name for tensor in model.graph.initializer if tensor.name not in alive]


def replaceable_constants(model: ModelProto) -> list[str]:
    """The constants that are inputs as well, so that a caller may replace them."""
    if model.ir_version < FIXED_CONSTANTS_SINCE:
        return []  # there every constant must be one, and stays fixed
    inputs = {value.name for value in model.graph.input}
    return [tensor.name for tensor in model.graph.initializer if tensor.name in inputs]


def keep_outputs(model: ModelProto, wanted: Collection[str]) -> list[str]:
    """Take every other output away, in place.

    Returns:
        The names of those that went.
    """
    gone = [value for value in model.graph.output if value.name not in wanted]
    for value in gone:
        model.graph.output.remove(value)
    return [value.name for value in gone]


def drop_dead(model: ModelProto) -> tuple[int, int]:
    """Take out nodes that no output depends on, and the constants that then nobody reads, in place.

    Returns:
        How many nodes and constants went.
    """
    nodes = dead_nodes(model)
    gone = {id(node) for node in nodes}
    replace_nodes(model.graph, [node for node in model.graph.node if id(node) not in gone])
    constants = set(dead_constants(model))
    drop_constants(model, constants)
    return len(nodes), len(constants)


def drop_constants(model: ModelProto, names: Collection[str]) -> None:
    """Take constants out, and their declarations as inputs, in place."""
    graph = model.graph
    for tensor in [t for t in graph.initializer if t.name in names]:
        graph.initializer.remove(tensor)
    for value in [v for v in graph.input if v.name in names]:
        graph.input.remove(value)


def fix_constants(model: ModelProto) -> int:
    """Let no caller replace a constant, in place.

    Returns:
        How many could have been replaced.
    """
    names = set(replaceable_constants(model))
    for value in [v for v in model.graph.input if v.name in names]:
        model.graph.input.remove(value)
    return len(names)


def raise_format(model: ModelProto, version: int) -> None:
    """Let the file's format be of this version at least, in place; its constants stay fixed."""
    if model.ir_version >= version:
        return
    was_fixed = model.ir_version < FIXED_CONSTANTS_SINCE
    model.ir_version = version
    if was_fixed:
        fix_constants(model)


def replace_nodes(graph: GraphProto, nodes: Iterable[NodeProto]) -> None:
    """Let a graph have these nodes; they may be its own."""
    import onnx

    kept = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        kept.append(copy)
    del graph.node[:]
    graph.node.extend(kept)


def _read(node: NodeProto) -> set[str]:
    """What a node and the graphs inside it read."""
    read = set(node.input)
    for graph in inner_graphs(node):
        read.update(value.name for value in graph.output)
        for inner in graph.node:
            read |= _read(inner)
    return read
