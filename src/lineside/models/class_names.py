"""Class names out of a file's metadata, in whichever form an exporter wrote them. Nothing of it is executed."""

from __future__ import annotations

import ast
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = ("names", "class_names", "classes", "labels", "model.names", "id2label", "categories", "character")
_LONGEST = 1_000_000  # characters of an entry; ten thousand classes take a third of it
_LAST_ID = 99_999
_JOINERS = "\u200c\u200d"  # invisible, and part of the spelling of Persian, Hindi and others


def read_names(entries: Mapping[str, str], warnings: list[str]) -> tuple[str, ...] | None:
    """The class names by id, or `None` where none of the keys in use holds any.

    Read are a dict of ids, in any order, a list, a list of `{"id": …, "name": …}`, a dict of names with their ids,
    as Python or JSON, and plain text with one name a line or with commas.

    Args:
        entries: The metadata.
        warnings: Takes what a careful user should know of them: gaps, repetitions, names that were mended.
    """
    for key in _KEYS:
        by_id = _by_id(_value(entries[key])) if key in entries else {}
        if by_id:
            return _in_order(by_id, warnings)
    if "names" in entries:
        warnings.append("the metadata's class names cannot be read; the classes are numbered")
    return None


def literal(text: str | None) -> Any:
    """A Python or JSON literal, or `None`."""
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


def _value(text: str) -> Any:
    """A literal, else the lines or the comma list that the text is."""
    value = literal(text)
    if value is not None or len(text) > _LONGEST or text.lstrip()[:1] in set("[{(\"'"):
        return value  # a literal that is cut short is no list of its pieces
    parts = [part.strip() for part in text.strip().split("\n" if "\n" in text.strip() else ",")]
    return parts if len(parts) > 1 and all(parts) else None


def _by_id(value: Any) -> dict[int, str]:
    """The names by id, or an empty dict where the value has none of the forms."""
    if isinstance(value, list | tuple):
        if value and all(isinstance(entry, dict) and {"id", "name"} <= entry.keys() for entry in value):
            return _pairs([(entry["id"], entry["name"]) for entry in value])
        return _pairs(list(enumerate(value)))
    if not isinstance(value, dict):
        return {}
    if value and all(isinstance(key, str) and not key.isdecimal() for key in value):
        turned = [(number, name) for name, number in value.items()]
        return _pairs(turned) if all(type(number) is int for number, _ in turned) else {}
    return _pairs(list(value.items()))


def _pairs(pairs: list[tuple[Any, Any]]) -> dict[int, str]:
    """Ids and names, or an empty dict where an id is none or comes twice, or a name is none."""
    found: dict[int, str] = {}
    for key, name in pairs:
        if isinstance(key, bool) or not str(key).isdecimal() or len(str(key)) > len(str(_LAST_ID)):
            return {}
        if not isinstance(name, str | int | float) or int(key) in found:
            return {}
        found[int(key)] = str(name)
    return found


def _in_order(by_id: dict[int, str], warnings: list[str]) -> tuple[str, ...]:
    """The names from id 0 to the last; those that are missing or empty are called by their number."""
    mended = {number: _shown(name) for number, name in by_id.items()}
    names = tuple(mended.get(i) or f"class {i}" for i in range(max(by_id) + 1))
    missing = [i for i in range(len(names)) if not mended.get(i)]
    if missing:
        several = len(missing) > 1
        listed = ", ".join(map(str, missing[:5])) + (
            f", … ({len(missing)} in all)" if len(missing) > 5 else ""
        )
        warnings.append(
            f"the metadata names no class {listed}; {'they are' if several else 'it is'} called by "
            f"{'their numbers' if several else 'its number'}"
        )
    if any(mended[number] != name.strip() for number, name in by_id.items()):
        warnings.append("the metadata's class names hold characters that cannot be shown; they are left out")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        warnings.append(f'the metadata calls more than one class "{twice[0]}"; tell them apart by their ids')
    return names


def _shown(name: str) -> str:
    """A name without what breaks lines, moves a cursor or turns the direction of writing."""
    kept = "".join(c if c.isprintable() or c in _JOINERS else " " for c in name)
    return kept.strip() if kept == name else " ".join(kept.split())
