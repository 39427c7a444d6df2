"""The model card: all that is known of an .onnx file, where it was learnt, and how sure it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.core.geometry import Fit, Size
from lineside.models.spec import Conventions, HeadSpec, InputSpec, Runner

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.models.facts import ModelFacts


@dataclass(frozen=True, slots=True)
class ModelCard:
    """An .onnx file understood.

    Attributes:
        file: The file's name.
        sha256: Hex digest of the file.
        family: Name of the family that decodes it; a file of `models/families/`.
        family_title: The family for people, with the versions that share it.
        task: What it answers; `detect`.
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

    @classmethod
    def read(
        cls, path: str | Path, *, facts: ModelFacts | None = None, run: Runner | None = None
    ) -> ModelCard:
        """The card of the model at `path`.

        Args:
            path: An .onnx file. A `.toml` of the same name beside it is read for facts set by hand.
            facts: Facts set by hand; they go before those of the file beside the model.
            run: How to run a graph for the probe: `lineside.engine.run_once`. Without it the head is judged by
                the graph's structure alone, and `evidence` says so.

        Raises:
            ModelError: The file is bad, its head unknown, ambiguous or of a task that is not built, or the
                export is dead; the subclass and the message say which.
            SettingsError: The facts set by hand are malformed.
        """
        from lineside.models.reading import read_model

        return read_model(path, facts=facts, run=run).card

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
        head = dict(fields["head"])
        head["strides"] = tuple(head["strides"])
        fields["conventions"] = Conventions(**conventions)
        fields["head"] = HeadSpec(**(head | {"size": Size(**head["size"])}))
        fields["input"] = InputSpec(**(fields["input"] | {"size": Size(**fields["input"]["size"])}))
        for name in ("evidence", "names", "warnings"):
            fields[name] = tuple(fields[name])
        return cls(**fields)
