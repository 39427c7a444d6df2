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
            stride=int(stride) if stride.isdecimal() and len(stride) < 6 else None,
            description=entries.get("description", "")[:200] or model.doc_string[:200],
            warnings=tuple(warnings),
        )


def _names(text: str | None, warnings: list[str]) -> tuple[str, ...] | None:
    """Names from a dict or list, written as Python or JSON; unordered dicts are put in order."""
    if text is None:
        return None
    value = _literal(text)
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    by_id = _by_id(value) if isinstance(value, dict) else {}
    if not by_id:
        warnings.append("the metadata's class names cannot be read; the classes are numbered")
        return None
    names = tuple(by_id.get(i, f"class {i}") for i in range(max(by_id) + 1))
    if len(by_id) < len(names):
        missing = next(i for i in range(len(names)) if i not in by_id)
        warnings.append(f"the metadata names no class {missing}; it is called by its number")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        warnings.append(f'the metadata calls more than one class "{twice}"; tell them apart by their ids')
    return names


def _by_id(value: dict[Any, Any]) -> dict[int, str]:
    """The entries of a dict of names, or an empty one where a key is no class id or a value no name."""
    found = {}
    for key, name in value.items():
        if isinstance(key, bool) or not str(key).isdecimal() or len(str(key)) > 5:
            return {}
        if not isinstance(name, str | int | float):
            return {}
        found[int(key)] = str(name)
    return found


def _literal(text: str | None) -> Any:
    """A Python or JSON literal, or `None`. Nothing in it is executed."""
    if text is None or len(text) > _LONGEST:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _pair(value: Any) -> tuple[int, int] | None:
    pair = list(value) if isinstance(value, list | tuple) else [value, value]
    if len(pair) == 2 and all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in pair):
        return pair[0], pair[1]
    return None
