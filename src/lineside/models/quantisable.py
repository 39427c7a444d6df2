"""A graph made ready for a quantiser, and the file that comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import QuantisationError
from lineside.models.graph import Graph, read_inside
from lineside.models.surgery import take_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from onnx import ModelProto, NodeProto

    from lineside.models.decode_tail import DecodeTail
    from lineside.models.spec import Conventions, InputSpec

_OPSET = 13  # the first whose DequantizeLinear has a scale by channel


def raised(model: ModelProto, file: str) -> bytes:
    """A model's bytes in an operator set that knows a scale by channel; constants are no inputs of it.

    Args:
        model: The model; not changed.
        file: Its name, for the message.

    Raises:
        QuantisationError: It cannot be brought to that operator set.
    """
    import onnx

    constants = {tensor.name for tensor in model.graph.initializer}
    new = onnx.ModelProto()
    new.CopyFrom(model)
    for value in [v for v in new.graph.input if v.name in constants]:
        new.graph.input.remove(value)  # before IR 4 every constant is declared, and no optimiser may fold it
    new.ir_version = max(new.ir_version, 8)
    opset = next((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), 0)
    if opset < _OPSET:
        try:
            new = onnx.version_converter.convert_version(new, _OPSET)
        except (RuntimeError, ValueError, TypeError, onnx.checker.ValidationError) as fault:
            text = (str(fault).strip().splitlines() or [""])[0][:200]
            raise QuantisationError(
                f"{file}: operator set {opset}, and int8 by channel needs {_OPSET}; it cannot be converted: {text}. "
                f"Export it with operator set {_OPSET} or newer"
            ) from fault
    data: bytes = new.SerializeToString()
    return data


def named(data: bytes) -> tuple[bytes, Graph]:
    """A serialised model whose nodes have names of their own, and its graph."""
    import onnx

    model = onnx.load_model_from_string(data)
    taken: set[str] = set()
    for number, node in enumerate(model.graph.node):
        name = node.name or f"{node.op_type}_{number}"
        while name in taken:
            name += f"_{number}"
        node.name = name
        taken.add(name)
    return model.SerializeToString(), Graph(model)


def fed_with_bytes(data: bytes, spec: InputSpec, conventions: Conventions) -> bytes:
    """A serialised model that takes the bytes of the picture, as `surgery.take_bytes` makes it; not proven."""
    import onnx

    fed, _ = take_bytes(onnx.load_model_from_string(data), spec, conventions, fold=True)
    changed: bytes = fed.SerializeToString()
    return changed


def observed(data: bytes, names: Iterable[str]) -> bytes:
    """A serialised model that answers some of its inner tensors as well."""
    import onnx

    model = onnx.load_model_from_string(data)
    given = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in given)
    more: bytes = model.SerializeToString()
    return more


def float_tensors(graph: Graph, nodes: Collection[str], operators: Collection[str]) -> tuple[str, ...]:
    """Computed float tensors that nodes of some operators read or write.

    Args:
        graph: The graph; its nodes have names.
        nodes: Names of nodes.
        operators: Kinds of operators among them.
    """
    chosen = set(nodes)
    found: dict[str, None] = {}
    computed = set(graph.producers) | {tensor.name for tensor in graph.inputs}
    for node in graph.model.graph.node:
        if node.name in chosen and node.op_type in operators:
            names = [n for n in (*node.input, *node.output) if n in computed and n not in graph.constants]
            found.update(dict.fromkeys(n for n in names if graph.dtypes.get(n) == "float32"))
    return tuple(found)


def units(graph: Graph, tail: DecodeTail) -> tuple[tuple[str, ...], ...]:
    """The nodes before the decode tail, layer by layer: each first, then what follows it up to the next one.

    The last layers of the head are left out: nothing follows them but the tail.

    Args:
        graph: The graph; its nodes have names.
        tail: Its decode tail.
    """
    body = [name for name in tail.layers if name not in set(tail.last)]
    number = {name: place for place, name in enumerate(body)}
    before = set(tail.before)
    members = [[name] for name in body]
    current = 0
    for node in graph.model.graph.node:
        current = number.get(node.name, current)
        if body and node.name in before:
            members[current].append(node.name)
    return tuple(tuple(each) for each in members)


def described(data: bytes, original: ModelProto, facts: Mapping[str, str]) -> bytes:
    """A quantised model with the description of the file that it was made of, and what was done to it.

    Args:
        data: The quantised model.
        original: The model that it was made of.
        facts: Further entries for its metadata; they replace those of the same name.

    Raises:
        QuantisationError: The quantiser wrote a graph that is not valid.
    """
    import onnx

    model = onnx.load_model_from_string(data)
    model.producer_name, model.producer_version = original.producer_name, original.producer_version
    model.doc_string, model.graph.name = original.doc_string, original.graph.name
    entries = {entry.key: entry.value for entry in original.metadata_props} | dict(facts)
    del model.metadata_props[:]
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=value)
    _sort(model)
    used = {node.domain for node in model.graph.node} | {""}
    kept = [entry for entry in model.opset_import if entry.domain in used or entry.domain == "ai.onnx"]
    imports = [onnx.helper.make_opsetid(entry.domain, entry.version) for entry in kept]
    del model.opset_import[:], model.graph.value_info[:]
    model.opset_import.extend(imports)
    _declare_as(model, original)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as fault:
        raise QuantisationError(f"the quantised graph is not valid: {fault}") from fault
    written: bytes = model.SerializeToString()
    return written


def _sort(model: ModelProto) -> None:
    """Put every node behind those that make what it reads; converters append theirs at the end."""
    import onnx

    graph = model.graph
    made = {o for node in graph.node for o in node.output if o}
    waiting = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    have: set[str] = set()
    ordered: list[NodeProto] = []
    while waiting:
        later = []
        for node in waiting:
            names = {*node.input, *read_inside(node)} & made
            if names <= have:
                ordered.append(node)
                have.update(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise QuantisationError("the quantised graph is not valid: its nodes feed each other in a circle")
        waiting = later
    del graph.node[:]
    graph.node.extend(ordered)


def _declare_as(model: ModelProto, original: ModelProto) -> None:
    """Declare inputs and outputs as the original does: an optimiser may have put numbers to its open axes."""
    constants = {tensor.name for tensor in original.graph.initializer}
    for mine, theirs in (
        (model.graph.input, original.graph.input),
        (model.graph.output, original.graph.output),
    ):
        declared = {value.name: value for value in theirs if value.name not in constants}
        for value in mine:
            if value.name in declared:
                value.CopyFrom(declared[value.name])
