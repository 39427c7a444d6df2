"""The model card: all that is known of an .onnx file, where it was learnt, and how sure it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.geometry import Fit, Size
from lineside.models.lint import Hint, lint
from lineside.models.spec import ConstantInput, Conventions, HeadSpec, InputSpec, Runner

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.models.facts import ModelFacts
    from lineside.models.graph import Graph
    from lineside.models.reading import Reading


@dataclass(frozen=True, slots=True)
class ModelCard:
    """An .onnx file understood.

    Attributes:
        file: The file's name.
        sha256: Hex digest of the file.
        family: Name of the family that decodes it; a file of `models/families/`.
        family_title: The family for people, with the versions that share it.
        task: What it answers: `detect`, `segment`, `pose`, `obb` or `classify`.
        sureness: 0 to 1: how sure the recognition is of the family.
        evidence: Why, one sentence an entry.
        names: Class names, indexed by class id.
        names_from: `metadata`, `by hand` or `numbered`.
        input: The picture input.
        conventions: Colour, scale, letterbox and NMS habit.
        head: The layout of the detections.
        nms_inside: Whether the file carries its own NMS.
        nms_free: Whether the head needs none.
        precision: `fp32`, `fp16`, `int8 (static)` or `int8 (dynamic)`.
        opset: Version of the default operator set.
        producer: The exporter and its version, as the file says.
        description: The file's own description, or an empty string.
        parameters: Number of weights and biases.
        flops: Floating point operations of one picture, two a multiply-add; `None` where not known.
        size_bytes: Size of the file.
        warnings: What a careful user should know.
        hints: What is known against the file's form, the worst first; `lineside convert` cures some of it.
    """

    file: str
    sha256: str
    family: str
    family_title: str
    task: str
    sureness: float
    evidence: tuple[str, ...]
    names: tuple[str, ...]
    names_from: str
    input: InputSpec
    conventions: Conventions
    head: HeadSpec
    nms_inside: bool
    nms_free: bool
    precision: str
    opset: int
    producer: str
    description: str
    parameters: int
    flops: int | None
    size_bytes: int
    warnings: tuple[str, ...]
    hints: tuple[Hint, ...] = ()

    @classmethod
    def read(
        cls, path: str | Path, *, facts: ModelFacts | None = None, run: Runner | None = None
    ) -> ModelCard:
        """The card of the model at `path`.

        Args:
            path: An .onnx file, or `shipped:NAME` for one that comes with lineside. A `.toml` of the same
                name beside the file is read for facts set by hand.
            facts: Facts set by hand; they go before those of the file beside the model.
            run: How to run a graph for the probe: `lineside.engine.run_once`. Without it the head is judged by
                the graph's structure alone, and `evidence` says so.

        Raises:
            ModelError: The file is bad, its head unknown, ambiguous or of a task that is not built, or the
                export is dead; the subclass and the message say which.
            SettingsError: The facts set by hand are malformed.
        """
        from lineside.models.file import ModelFile
        from lineside.models.reading import read_model

        return cls.of(read_model(ModelFile.read(path), facts=facts, run=run))

    @classmethod
    def of(cls, reading: Reading) -> ModelCard:
        """The card of a model that was read."""
        from lineside.models import cost
        from lineside.models.recognise import family

        subject, match, module = reading.subject, reading.match, family(reading.family)
        opsets = (o.version for o in subject.model.opset_import if o.domain in {"", "ai.onnx"})
        by_hand = subject.facts.family is not None
        card = cls(
            file=subject.name,
            sha256=subject.file.sha256,
            family=reading.family,
            family_title=module.TITLE,
            task=match.spec.task,
            sureness=1.0 if by_hand else round(match.sureness, 2),
            evidence=_evidence(reading),
            names=reading.names,
            names_from=reading.names_from,
            input=subject.picture,
            conventions=reading.conventions,
            head=match.spec,
            nms_inside=match.nms_inside,
            nms_free=module.NMS_FREE,
            precision=_precision(subject.graph),
            opset=max(opsets, default=0),
            producer=f"{subject.model.producer_name} {subject.model.producer_version}".strip(),
            description=subject.hints.description,
            parameters=cost.parameters(subject.graph),
            flops=cost.flops(subject.graph),
            size_bytes=len(subject.file.data),
            warnings=_warnings(reading),
        )
        return dataclasses.replace(card, hints=lint(subject.graph, card))

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes; `from_dict` reads it back."""
        value = dataclasses.asdict(self)
        value["input"]["size"] = self.input.size._asdict()
        value["head"]["size"] = self.head.size._asdict()
        return value

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> ModelCard:
        """The card that `to_dict` wrote.

        Raises:
            KeyError, TypeError: The value is not one of this version's cards.
        """
        fields = dict(value)
        conventions = dict(fields["conventions"])
        conventions["fit"] = Fit(**conventions["fit"])
        head = _frozen(fields["head"]) | {"size": Size(**fields["head"]["size"])}
        given = fields["input"] | {"size": Size(**fields["input"]["size"])}
        given["constants"] = tuple(ConstantInput(**_frozen(constant)) for constant in given["constants"])
        fields["conventions"] = Conventions(**_frozen(conventions))
        fields["head"] = HeadSpec(**head)
        fields["input"] = InputSpec(**given)
        for name in ("evidence", "names", "warnings"):
            fields[name] = tuple(fields[name])
        fields["hints"] = tuple(Hint.from_dict(each) for each in fields["hints"])
        return cls(**fields)


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with tuples for JSON's lists, in lists of lists too."""

    def tuples(value: Any) -> Any:
        return tuple(map(tuples, value)) if isinstance(value, list | tuple) else value

    return {name: tuples(value) for name, value in fields.items()}


def _feeding_is_a_guess(reading: Reading) -> bool:
    """Whether neither the exporter, the user nor the graph says what the picture's values should be."""
    from lineside.models.intake import Intake

    subject = reading.subject
    entries = {entry.key: entry.value for entry in subject.model.metadata_props}
    by_hand = (subject.facts.mean, subject.facts.deviation, subject.facts.scale)
    known = "ultralytics" in entries.get("author", "").lower() or any(v is not None for v in by_hand)
    return not known and not Intake.of(subject.graph, subject.picture.name).centres


def _evidence(reading: Reading) -> tuple[str, ...]:
    family, run = reading.subject.facts.family, reading.subject.run
    by_hand = () if family is None else (f"family set by hand: {family}",)
    unprobed = () if run is not None else ("no probe run was made; judged by structure alone",)
    return (*by_hand, *reading.match.reasons, *unprobed)


def _precision(graph: Graph) -> str:
    if graph.operators & {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}:
        return "int8 (dynamic)"
    if graph.operators & {"QuantizeLinear", "QLinearConv"}:
        return "int8 (static)"
    kinds = {t.data_type for t in graph.model.graph.initializer if len(t.dims) == 4}
    return "fp16" if 10 in kinds or (not kinds and graph.inputs[0].dtype == "float16") else "fp32"


def _warnings(reading: Reading) -> tuple[str, ...]:
    hints, picture = reading.subject.hints, reading.subject.picture
    found = list(hints.warnings)
    if reading.names_from == "numbered":
        found.append("the file names no classes; they are numbered. Set them with --names")
    if hints.size and not picture.dynamic_size and Size(*hints.size) != picture.size:
        found.append(
            f"the metadata says {Size(*hints.size)}, the graph takes {picture.size}; the graph rules"
        )
    if reading.subject.batch > 1:
        found.append(
            f"the file fixes a batch of {reading.subject.batch}; it is rewritten for one picture, which answers as "
            "the file does. Export it with batch 1 or a dynamic batch"
        )
    task = reading.match.spec.task
    if hints.task not in {None, task}:
        found.append(f'the metadata says task "{hints.task}", the head answers "{task}"; the head rules')
    found += reading.match.warnings
    if task == "classify" and _feeding_is_a_guess(reading):
        found.append(
            "nothing in the file says how a picture is fed to this classifier; it is taken for one of Ultralytics: RGB, "
            "divided by 255. Others want ImageNet's mean and deviation: try it on pictures that you know"
        )
    return tuple(found)
