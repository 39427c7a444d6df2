"""From an .onnx file to its card: the order in which things are found out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineside.core.errors import (
    ConventionError,
    DeviceError,
    DeviceMemoryError,
    ModelFileError,
    UnsupportedModelError,
)
from lineside.core.geometry import Size
from lineside.models import cost
from lineside.models.card import ModelCard
from lineside.models.checks import refuse_dead_answer, refuse_not_finite, refuse_quantised_answer
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile
from lineside.models.graph import Graph
from lineside.models.head import Head
from lineside.models.intake import with_intake
from lineside.models.metadata import Metadata
from lineside.models.picture_input import picture_input
from lineside.models.probe import as_exported, planar, probe_picture
from lineside.models.recognise import family, recognise
from lineside.models.spec import Conventions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import ModelProto

    from lineside.models.head import Match
    from lineside.models.spec import InputSpec, Runner


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


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is known of a model before its head is."""

    file: ModelFile
    model: ModelProto
    graph: Graph
    picture: InputSpec
    facts: ModelFacts
    hints: Metadata
    run: Runner | None

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.file.path.name


def read_model(path: str | Path, *, facts: ModelFacts | None = None, run: Runner | None = None) -> Reading:
    """The model at `path`, read, recognised and probed; see `ModelCard.read`."""
    subject = _open(path, facts, run)
    refuse_quantised_answer(subject.graph, subject.name)
    fed, _ = with_intake(Conventions(), subject.graph, subject.picture)
    answer = _answer(subject, fed)
    name, match = recognise(
        _head(subject, answer), subject.name, by_hand=subject.facts.family, task_hint=subject.hints.task
    )
    conventions, found = _conventions(subject, family(name).CONVENTIONS)
    if answer is not None and (conventions.scale, conventions.colour) != (fed.scale, fed.colour):
        answer = _answer(subject, conventions)
    names, names_from = _names(subject, match)
    match = replace(match, reasons=(*match.reasons, *found), spec=replace(match.spec, classes=len(names)))
    if answer is not None:
        refuse_dead_answer(family(name), answer, match.spec, nms_inside=match.nms_inside, file=subject.name)
    card = _card(subject, name, match, conventions, (names, names_from))
    return Reading(card, subject.model, planar(probe_picture(subject.picture.size), conventions), answer)


def _open(path: str | Path, facts: ModelFacts | None, run: Runner | None) -> _Subject:
    file = ModelFile.read(path)
    facts = (facts or ModelFacts()).over(ModelFacts.beside(file.path))
    model = file.parse()
    hints = Metadata.of(model)
    picture = picture_input(Graph(model), file.path.name, facts, hints)
    graph = Graph(model, (picture.size.height, picture.size.width))
    return _Subject(file, model, graph, picture, facts, hints, run)


def _answer(subject: _Subject, conventions: Conventions) -> tuple[NDArray[Any], ...] | None:
    """The graph's outputs for the test picture.

    Raises:
        UnsupportedModelError: The graph cannot be run, or not with a picture of this size.
        ModelFileError: The runtime cannot read the model.
        DeviceMemoryError: Not enough memory.
        DeadModelError: The answer is not finite.
    """
    if subject.run is None:
        return None
    picture = subject.picture
    planes = planar(probe_picture(picture.size), conventions)
    feeds = {picture.name: as_exported(planes, picture, conventions)}
    try:
        outputs = subject.run(subject.model.SerializeToString(), feeds)
    except UnsupportedModelError as fault:
        raise UnsupportedModelError(f"{subject.name}: {fault}") from fault
    except ModelFileError as fault:
        raise ModelFileError(f"{subject.file.path}: {fault}") from fault
    except DeviceMemoryError:
        raise
    except DeviceError as fault:
        open_size = (
            " The file leaves its input size open: set it with --size." if picture.dynamic_size else ""
        )
        raise UnsupportedModelError(
            f"{subject.name}: a test run with a picture of {picture.size} failed: {fault}.{open_size}"
        ) from fault
    refuse_not_finite(outputs, subject.name)
    return tuple(outputs)


def _head(subject: _Subject, answer: tuple[NDArray[Any], ...] | None) -> Head:
    names = subject.facts.names or subject.hints.names
    shapes = _shapes(subject.graph, answer)
    return Head(subject.graph, subject.picture.size, shapes, answer, len(names) if names else None)


def _conventions(subject: _Subject, habit: Conventions) -> tuple[Conventions, tuple[str, ...]]:
    """How the model is fed: the family's habit, less what the graph does itself, under what is set by hand.

    Raises:
        ConventionError: A scale is set by hand for an input of bytes.
    """
    habit, found = with_intake(habit, subject.graph, subject.picture)
    scale = subject.facts.scale
    if subject.picture.dtype == "uint8" and scale not in {None, 1}:
        raise ConventionError(
            f"{subject.name}: scale {scale:g} set by hand, but the input takes bytes, which are never scaled; "
            "leave the scale out"
        )
    return subject.facts.conventions(habit), found


def _shapes(graph: Graph, answer: Sequence[NDArray[Any]] | None) -> tuple[tuple[int | None, ...], ...]:
    if answer is not None:
        return tuple(tuple(a.shape) for a in answer)
    return tuple(graph.shapes.get(t.name, t.shape) for t in graph.outputs)


def _names(subject: _Subject, match: Match) -> tuple[tuple[str, ...], str]:
    """The class names and where they come from.

    Raises:
        ConventionError: Their number is not the head's, or cannot be known.
    """
    classes = match.spec.classes
    for names, source in ((subject.facts.names, "by hand"), (subject.hints.names, "metadata")):
        if names is None:
            continue
        if classes and len(names) != classes:
            raise ConventionError(
                f"{subject.name}: {len(names)} class names ({source}), but the head has {classes} classes. "
                f"Give all {classes} with --names, or names = in the .toml beside the model"
            )
        return names, source
    if not classes:
        raise ConventionError(
            f"{subject.name}: neither the graph nor the metadata tells how many classes there are. "
            "Give their names with --names, or names = in the .toml beside the model"
        )
    return tuple(f"class {i}" for i in range(classes)), "numbered"


def _card(
    subject: _Subject, name: str, match: Match, conventions: Conventions, names: tuple[tuple[str, ...], str]
) -> ModelCard:
    module, graph, facts, hints = family(name), subject.graph, subject.facts, subject.hints
    opsets = (o.version for o in subject.model.opset_import if o.domain in {"", "ai.onnx"})
    evidence = match.reasons
    if subject.run is None:
        evidence = (*evidence, "no probe run was made; judged by structure alone")
    if facts.family:
        evidence = (f"family set by hand: {facts.family}", *evidence)
    return ModelCard(
        file=subject.name,
        sha256=subject.file.sha256,
        family=name,
        family_title=module.TITLE,
        task="detect",
        sureness=1.0 if facts.family else round(match.sureness, 2),
        evidence=evidence,
        names=names[0],
        names_from=names[1],
        input=subject.picture,
        conventions=conventions,
        head=match.spec,
        nms_inside=match.nms_inside,
        nms_free=module.NMS_FREE,
        precision=_precision(graph),
        opset=max(opsets, default=0),
        producer=f"{subject.model.producer_name} {subject.model.producer_version}".strip(),
        description=hints.description,
        parameters=cost.parameters(graph),
        flops=cost.flops(graph),
        size_bytes=len(subject.file.data),
        warnings=_warnings(subject, names[1]),
    )


def _precision(graph: Graph) -> str:
    if graph.operators & {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}:
        return "int8 (dynamic)"
    if graph.operators & {"QuantizeLinear", "QLinearConv"}:
        return "int8 (static)"
    kinds = {t.data_type for t in graph.model.graph.initializer if len(t.dims) == 4}
    return "fp16" if 10 in kinds or (not kinds and graph.inputs[0].dtype == "float16") else "fp32"


def _warnings(subject: _Subject, names_from: str) -> tuple[str, ...]:
    hints, picture = subject.hints, subject.picture
    found = list(hints.warnings)
    if names_from == "numbered":
        found.append("the file names no classes; they are numbered. Set them with --names")
    if hints.size and not picture.dynamic_size and Size(*hints.size) != picture.size:
        found.append(
            f"the metadata says {Size(*hints.size)}, the graph takes {picture.size}; the graph rules"
        )
    if hints.task not in {None, "detect"}:
        found.append(f'the metadata says task "{hints.task}", the head detects boxes; the head rules')
    return tuple(found)
