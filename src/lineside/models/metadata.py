"""What an exporter wrote into a file about its model: hints, to be checked against the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineside.models.class_names import literal, read_names

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True, slots=True)
class Metadata:
    """The hints of a file.

    Attributes:
        names: Class names by id, or `None`.
        task: For instance `detect` or `pose`, or `None`.
        size: (height, width), or `None`.
        stride: Largest stride, or `None`.
        description: The file's description, or an empty string.
        warnings: What could not be read.
        keypoints: Keypoints of an object and values of each, or `None`.
    """

    names: tuple[str, ...] | None
    task: str | None
    size: tuple[int, int] | None
    stride: int | None
    description: str
    warnings: tuple[str, ...]
    keypoints: tuple[int, int] | None = None

    @classmethod
    def of(cls, model: ModelProto) -> Metadata:
        """The hints in a model's metadata, in the form that Ultralytics' exporter writes."""
        entries = {p.key: p.value for p in model.metadata_props}
        warnings: list[str] = []
        names = read_names(entries, warnings)
        size = literal(entries.get("imgsz"))
        stride = entries.get("stride", "")
        return cls(
            names=names,
            task=entries.get("task"),
            size=_pair(size),
            stride=int(stride) if stride.isdecimal() and len(stride) < 6 else None,
            description=entries.get("description", "")[:200] or model.doc_string[:200],
            warnings=tuple(warnings),
            keypoints=_pair(literal(entries.get("kpt_shape"))),
        )


def _pair(value: Any) -> tuple[int, int] | None:
    pair = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(pair) == 2 and all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in pair):
        return pair[0], pair[1]
    return None
