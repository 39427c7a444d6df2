"""From an .onnx file to its card: the order in which things are found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineside.core.errors import ConventionError, ModelFileError, SettingsError, UnsupportedModelError
from lineside.core.geometry import Size
from lineside.models.card import ModelCard
from lineside.models.checks import refuse_dead_answer, refuse_quantised_answer
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile
from lineside.models.graph import Graph, Tensor, dims_text
from lineside.models.head import Head
from lineside.models.metadata import Metadata
from lineside.models.probe import as_exported, planar, probe_picture
from lineside.models.recognise import family, recognise
from lineside.models.spec import Conventions, InputSpec, Runner

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

    from lineside.models.head import Match

_DEFAULT_SIZE = 640
_LARGEST_SIDE = 16_384
_INPUT_TYPES = ("float32", "float16", "uint8")


@dataclass(frozen=True, slots=True)
class Reading:
    """A model that was read.

    Attributes:
        card: What is known of it.
        model: The graph, external data included.
        planes: The test picture, uint8 (1, 3, H, W) in the model's channel order.
        answer: The graph's outputs for it, or `None` where nothing was run.
    """

    card: ModelCard
    model: ModelProto
    planes: NDArray[Any]
    answer: tuple[NDArray[Any], ...] | None


def read_model(path: str | Path, *, facts: ModelFacts | None = None, run: Runner | None = None) -> Reading:
    """The model at `path`, read, recognised and probed; see `ModelCard.read`."""
    file = ModelFile.read(path)
    facts = (facts or ModelFacts()).over(ModelFacts.beside(file.path))
    model = file.parse()
    hints = Metadata.of(model)
    bare = Graph(model)
    picture = _picture_input(bare, file.path.name, facts, hints)
    graph = Graph(model, (picture.size.height, picture.size.width))
    refuse_quantised_answer(graph, file.path.name)
    answer = _answer(file, model, picture, Conventions(scale=_scale_inside(graph, picture, 255.0)), run)
    names_given = facts.names or hints.names
    head = Head(
        graph, picture.size, _shapes(graph, answer), answer, len(names_given) if names_given else None
    )
    name, match = recognise(head, file.path.name, by_hand=facts.family, task_hint=hints.task)
    habit = family(name).CONVENTIONS
    habit = replace(habit, scale=_scale_inside(graph, picture, habit.scale))
    conventions = facts.conventions(habit)
    if conventions.scale != 255 or conventions.colour != "rgb":
        answer = _answer(file, model, picture, conventions, run)
    names, names_from = _names(facts, hints, match, file.path.name)
    match = replace(match, spec=replace(match.spec, classes=len(names)))
    if answer is not None:
        refuse_dead_answer(
            family(name), answer, match.spec, nms_inside=match.nms_inside, file=file.path.name
        )
    card = _card(file, graph, picture, conventions, (name, match), facts, hints, (names, names_from), run)
    return Reading(card, model, planar(probe_picture(picture.size), conventions), answer)


def _picture_input(graph: Graph, file: str, facts: ModelFacts, hints: Metadata) -> InputSpec:
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


def _size(
    file: str, fixed: tuple[int | None, int | None], facts: ModelFacts, hints: Metadata
) -> Size:
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


def _scale_inside(graph: Graph, picture: InputSpec, habit: float) -> float:
    """1 where the graph itself scales the pixel values down, or takes bytes; else the family's habit."""
    if picture.dtype == "uint8":
        return 1.0
    for node in graph.consumers.get(picture.name, []):
        factor = graph.constants.get(node.input[1]) if node.op_type in {"Div", "Mul"} else None
        if factor is not None and factor.size == 1:
            value = float(factor.reshape(-1)[0])
            if (node.op_type == "Div" and value > 200) or (node.op_type == "Mul" and 0 < value < 1 / 200):
                return 1.0
    return habit


def _answer(
    file: ModelFile, model: ModelProto, picture: InputSpec, conventions: Conventions, run: Runner | None
) -> tuple[NDArray[Any], ...] | None:
    """The graph's outputs for the test picture."""
    if run is None:
        return None
    planes = planar(probe_picture(picture.size), conventions)
    try:
        outputs = run(model.SerializeToString(), {picture.name: as_exported(planes, picture, conventions)})
    except UnsupportedModelError as fault:
        raise UnsupportedModelError(f"{file.path.name}: {fault}") from fault
    except ModelFileError as fault:
        raise ModelFileError(f"{file.path}: {fault}") from fault
    return tuple(outputs)


def _shapes(graph: Graph, answer: Sequence[NDArray[Any]] | None) -> tuple[tuple[int | None, ...], ...]:
    if answer is not None:
        return tuple(tuple(a.shape) for a in answer)
    return tuple(graph.shapes.get(t.name, t.shape) for t in graph.outputs)


def _names(facts: ModelFacts, hints: Metadata, match: Match, file: str) -> tuple[tuple[str, ...], str]:
    """The class names and where they come from.

    Raises:
        ConventionError: Their number is not the head's, or cannot be known.
    """
    classes = match.spec.classes
    for names, source in ((facts.names, "by hand"), (hints.names, "metadata")):
        if names is None:
            continue
        if classes and len(names) != classes:
            raise ConventionError(
                f"{file}: {len(names)} class names ({source}), but the head has {classes} classes. "
                f"Give all {classes} with --names, or names = in the .toml beside the model"
            )
        return names, source
    if not classes:
        raise ConventionError(
            f"{file}: neither the graph nor the metadata tells how many classes there are. "
            "Give their names with --names, or names = in the .toml beside the model"
        )
    return tuple(f"class {i}" for i in range(classes)), "numbered"


def _card(  # noqa: PLR0913 # one caller; the card is what all of them add up to
    file: ModelFile,
    graph: Graph,
    picture: InputSpec,
    conventions: Conventions,
    claim: tuple[str, Match],
    facts: ModelFacts,
    hints: Metadata,
    names: tuple[tuple[str, ...], str],
    run: Runner | None,
) -> ModelCard:
    name, match = claim
    module = family(name)
    evidence = match.reasons if run else (*match.reasons, "no probe run was made; judged by structure alone")
    if facts.family:
        evidence = (f"family set by hand: {facts.family}", *evidence)
    return ModelCard(
        file=file.path.name,
        sha256=file.sha256,
        family=name,
        family_title=module.TITLE,
        task="detect",
        sureness=1.0 if facts.family else round(match.sureness, 2),
        evidence=evidence,
        names=names[0],
        names_from=names[1],
        input=picture,
        conventions=conventions,
        head=match.spec,
        nms_inside=match.nms_inside,
        nms_free=module.NMS_FREE,
        precision=_precision(graph, graph.inputs[0]),
        opset=max((o.version for o in graph.model.opset_import if o.domain in {"", "ai.onnx"}), default=0),
        producer=f"{graph.model.producer_name} {graph.model.producer_version}".strip(),
        description=hints.description,
        parameters=graph.parameters(),
        flops=graph.flops(),
        size_bytes=len(file.data),
        warnings=_warnings(picture, hints, names[1]),
    )


def _precision(graph: Graph, picture: Tensor) -> str:
    if graph.operators & {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}:
        return "int8 (dynamic)"
    if graph.operators & {"QuantizeLinear", "QLinearConv"}:
        return "int8 (static)"
    kinds = {t.data_type for t in graph.model.graph.initializer if len(t.dims) == 4}
    return "fp16" if 10 in kinds or (not kinds and picture.dtype == "float16") else "fp32"


def _warnings(picture: InputSpec, hints: Metadata, names_from: str) -> tuple[str, ...]:
    found = list(hints.warnings)
    if names_from == "numbered":
        found.append("the file names no classes; they are numbered. Set them with --names")
    if hints.size and not picture.dynamic_size and Size(*hints.size) != picture.size:
        found.append(f"the metadata says {Size(*hints.size)}, the graph takes {picture.size}; the graph rules")
    if hints.task not in {None, "detect"}:
        found.append(f'the metadata says task "{hints.task}", the head detects boxes; the head rules')
    return tuple(found)
