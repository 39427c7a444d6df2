"""What an exporter wrote into a file about its model: hints, to be checked against the graph."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import ModelProto

_LONGEST = 1_000_000  # characters of a names entry; ten thousand classes take a third of it


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
    """

    names: tuple[str, ...] | None
    task: str | None
    size: tuple[int, int] | None
    stride: int | None
    description: str
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, model: ModelProto) -> Metadata:
        """The hints in a model's metadata, in the form that Ultralytics' exporter writes."""
        entries = {p.key: p.value for p in model.metadata_props}
        warnings: list[str] = []
        names = _names(entries.get("names"), warnings)
        size = _literal(entries.get("imgsz"))
        stride = entries.get("stride", "")
        return cls(
            names=names,
            task=entries.get("task"),
            size=_pair(size),
            stride=int(stride) if stride.isdigit() else None,
            description=entries.get("description", "")[:200] or model.doc_string[:200],
            warnings=tuple(warnings),
        )


def _names(text: str | None, warnings: list[str]) -> tuple[str, ...] | None:
    """Names from a dict or list, written as Python or JSON; unordered dicts are put in order."""
    if text is None:
        return None
    value = _literal(text)
    if isinstance(value, dict):
        try:
            by_id = {int(k): str(v) for k, v in value.items()}
        except (TypeError, ValueError):
            by_id = {}
        if by_id and min(by_id) >= 0 and max(by_id) < 100_000:
            missing = [i for i in range(max(by_id) + 1) if i not in by_id]
            if missing:
                warnings.append(f"the metadata names no class {missing[0]}; it is called by its number")
            return tuple(by_id.get(i, f"class {i}") for i in range(max(by_id) + 1))
    if isinstance(value, list | tuple) and value:
        return tuple(str(v) for v in value)
    warnings.append("the metadata's class names cannot be read; the classes are numbered")
    return None


def _literal(text: str | None) -> Any:
    """A Python or JSON literal, or `None`. Nothing in it is executed."""
    if text is None or len(text) > _LONGEST:
        return None
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _pair(value: Any) -> tuple[int, int] | None:
    if isinstance(value, int) and value > 0:
        return value, value
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(v, int) and v > 0 for v in value):
        return value[0], value[1]
    return None
