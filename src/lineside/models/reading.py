"""From an .onnx file to its card: the order in which things are found out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineside.core.errors import (
    ConventionError,
    DeviceError,
    DeviceMemoryError,
    ModelError,
    ModelFileError,
    SettingsError,
    UnsupportedModelError,
)
from lineside.models.batch import fixed_batch, for_one_picture, refusal, refuse_other_answer
from lineside.models.checks import refuse_dead_answer, refuse_not_finite, refuse_quantised_answer
from lineside.models.facts import ModelFacts
from lineside.models.families._final_boxes import PLUG_INS
from lineside.models.file import external_digest
from lineside.models.graph import Graph
from lineside.models.head import Head
from lineside.models.intake import with_intake
from lineside.models.metadata import Metadata
from lineside.models.picture_input import picture_input
from lineside.models.probe import as_exported, planar, probe_picture
from lineside.models.recognise import family, recognise
from lineside.models.spec import Conventions
from lineside.models.stride import SAFE_SIDE, graph_stride, refuse_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto

    from lineside.models.file import ModelFile
    from lineside.models.head import Match
    from lineside.models.spec import InputSpec, Runner


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of a model before its head is.

    Attributes:
        file: The file.
        model: The model, external data included.
        graph: Its graph, for the size that it is fed with.
        picture: Its picture input.
        facts: What the user set by hand.
        hints: What the exporter wrote into it.
        run: How a graph is run once, or `None`.
        batch: The number of pictures that the file fixes for a run; `model` is rewritten for one then.
    """

    file: ModelFile
    model: ModelProto
    graph: Graph
    picture: InputSpec
    facts: ModelFacts
    hints: Metadata
    run: Runner | None
    batch: int = 1

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.file.path.name


@dataclass(frozen=True, slots=True)
class Reading:
    """A model that was read.

    Attributes:
        subject: The file and its graph.
        family: Name of the family that decodes it.
        match: The family's claim.
        conventions: How it is fed.
        names: Class names, indexed by class id.
        names_from: `metadata`, `by hand` or `numbered`.
        planes: The test picture, uint8 (1, 3, H, W) in the model's channel order.
        answer: The graph's outputs for it, or `None` where nothing was run.
    """

    subject: Subject
    family: str
    match: Match
    conventions: Conventions
    names: tuple[str, ...]
    names_from: str
    planes: NDArray[Any]
    answer: tuple[NDArray[Any], ...] | None


def read_model(file: ModelFile, *, facts: ModelFacts | None = None, run: Runner | None = None) -> Reading:
    """A model file recognised and probed; `ModelCard.read` says how, and what is raised."""
    subject = _open(file, facts, run)
    refuse_quantised_answer(subject.graph, subject.name)
    fed, _ = with_intake(Conventions(), subject.graph, subject.picture)
    answer, name, match = _recognised(subject, fed)
    conventions, found = _conventions(subject, family(name).CONVENTIONS)
    if answer is not None and _values(conventions) != _values(fed):
        answer = _answer(subject, conventions)
    names, names_from = _names(subject, match)
    match = replace(match, reasons=(*match.reasons, *found), spec=replace(match.spec, classes=len(names)))
    if answer is not None:
        refuse_dead_answer(family(name), answer, match.spec, nms_inside=match.nms_inside, file=subject.name)
    planes = _planes(subject, conventions)
    return Reading(subject, name, match, conventions, names, names_from, planes, answer)


def _open(file: ModelFile, facts: ModelFacts | None, run: Runner | None) -> Subject:
    facts = (facts or ModelFacts()).over(ModelFacts.beside(file.path))
    model = file.parse()
    batch = fixed_batch(model) if run is not None else 1  # what is rewritten must be proven
    if batch > 1:
        model = for_one_picture(model, batch)
    hints = Metadata.of(model)
    picture = picture_input(Graph(model), file.path.name, facts, hints)
    graph = Graph(model, (picture.size.height, picture.size.width))
    return Subject(file, model, graph, picture, facts, hints, run, batch)


def _recognised(subject: Subject, fed: Conventions) -> tuple[tuple[NDArray[Any], ...] | None, str, Match]:
    """The graph's answer to the test picture, and the family and claim on its head.

    Raises:
        SettingsError: The file leaves its size open, and that asked for is no multiple of its stride.
        ModelError: As `_answer` and `recognise` say.
    """
    try:
        answer = _answer(subject, fed)
        if answer is not None and subject.batch > 1:
            refuse_other_answer(subject, _planes(subject, fed), fed, answer)
        name, match = recognise(
            head_of(subject, answer), subject.name, by_hand=subject.facts.family, task_hint=subject.hints.task
        )
    except ModelError as fault:
        # Maps whose sides do not fit each other look like many other faults.
        _refuse_uneven_size(subject, fault)
        raise
    if match.spec.task != "classify":
        _refuse_uneven_size(subject)
    _refuse_idle_anchors(subject, match)
    return answer, name, match


def _refuse_idle_anchors(subject: Subject, match: Match) -> None:
    """Refuse anchors set by hand that decode nothing.

    Raises:
        ConventionError: The head has none, or another number of them.
    """
    given, used = subject.facts.anchors, match.spec.anchor_px
    if given is not None and sorted(used) != sorted(given):
        wanted = (
            f"the head takes {len(used)}" if used else "the graph decodes its boxes itself; leave them out"
        )
        raise ConventionError(f"{subject.name}: {len(given)} anchors set by hand, but {wanted}")


def _refuse_uneven_size(subject: Subject, fault: ModelError | None = None) -> None:
    """Refuse a size of the user's or the metadata's that the graph's coarsest map does not divide.

    Raises:
        SettingsError: It does not; from the fault that showed it.
    """
    picture = subject.picture
    if not picture.dynamic_size or not any(side % SAFE_SIDE for side in picture.size):
        return
    stride = graph_stride(subject.graph, picture)
    if stride is None:
        return
    try:
        refuse_between(subject.name, picture.size, stride)
    except SettingsError as refusal:
        raise refusal from fault


def _answer(subject: Subject, conventions: Conventions) -> tuple[NDArray[Any], ...] | None:
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
    feeds = picture.feeds(as_exported(_planes(subject, conventions), picture, conventions))
    try:
        outputs = subject.run(_serialised(subject), feeds)
    except UnsupportedModelError as fault:
        raise _unsupported(subject, str(fault)) from fault
    except ModelFileError as fault:
        raise ModelFileError(f"{subject.file.path}: {fault}") from fault
    except DeviceMemoryError:
        raise
    except DeviceError as fault:
        open_size = (
            " The file leaves its input size open: set it with --size." if picture.dynamic_size else ""
        )
        failed = f"a test run with a picture of {picture.size} failed: {fault}.{open_size}"
        raise _unsupported(subject, failed) from fault
    refuse_not_finite(outputs, subject.name)
    return tuple(outputs)


def _serialised(subject: Subject) -> bytes:
    """The bytes of the subject's model: the file's own, where it was neither rewritten nor put together."""
    if subject.batch > 1 or external_digest(subject.file):
        data: bytes = subject.model.SerializeToString()
        return data
    return subject.file.data


def _unsupported(subject: Subject, why: str) -> UnsupportedModelError:
    """The error of a test run that failed, which the rewriting for one picture may be to blame for."""
    if subject.batch > 1:
        return refusal(subject.name, subject.file.parse(), subject.batch, f"rewritten for one picture: {why}")
    layers = sorted(subject.graph.operators & PLUG_INS)
    cure = (
        f" {layers[0]} runs in TensorRT alone: lineside convert MODEL OUT.onnx --remove-nms" if layers else ""
    )
    return UnsupportedModelError(f"{subject.name}: {why}{cure}")


def _planes(subject: Subject, conventions: Conventions) -> NDArray[Any]:
    """The test picture as planes in the model's channel order."""
    return planar(probe_picture(subject.picture.size), conventions)


def head_of(subject: Subject, answer: tuple[NDArray[Any], ...] | None) -> Head:
    """The evidence of a model's head: its outputs, and what a test run answered, if there was one."""
    names = subject.facts.names or subject.hints.names
    shapes = _shapes(subject.graph, answer)
    return Head(
        subject.graph,
        subject.picture.size,
        shapes,
        answer,
        len(names) if names else None,
        subject.hints.keypoints,
        subject.facts.anchors,
    )


def _conventions(subject: Subject, habit: Conventions) -> tuple[Conventions, tuple[str, ...]]:
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


def _values(conventions: Conventions) -> tuple[object, ...]:
    """What of the conventions changes the values that the graph is given."""
    return conventions.colour, conventions.scale, conventions.mean, conventions.deviation


def _names(subject: Subject, match: Match) -> tuple[tuple[str, ...], str]:
    """The class names and where they come from.

    Raises:
        ConventionError: Their number is not the head's, or cannot be known.
    """
    classes = match.spec.classes
    for names, source in ((subject.facts.names, "by hand"), (subject.hints.names, "metadata")):
        if names is None:
            continue
        if classes and len(names) != classes:
            odd = "".join(f"; {warning}" for warning in subject.hints.warnings if source == "metadata")
            raise ConventionError(
                f"{subject.name}: {len(names)} class names ({source}), but the head has {classes} classes{odd}. "
                f"Give all {classes} with --names, or names = in the .toml beside the model"
            )
        return names, source
    if not classes:
        raise ConventionError(
            f"{subject.name}: neither the graph nor the metadata tells how many classes there are. "
            "Give their names with --names, or names = in the .toml beside the model"
        )
    return tuple(f"class {i}" for i in range(classes)), "numbered"
