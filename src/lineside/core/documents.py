"""What is wrong with a document, in one sentence: the path of the key, what was expected, what came, what is near."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from lineside.core.errors import SettingsError, near

if TYPE_CHECKING:
    from collections.abc import Mapping


class Table(BaseModel):
    """A table of a settings file: frozen, and no key is accepted that is not a field."""

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=BaseModel)


def parsed(schema: type[T], table: Mapping[str, Any], where: str) -> T:
    """A table of settings as a value that cannot be wrong.

    Args:
        schema: What is accepted.
        table: What the user wrote.
        where: The file's name, or the kind of plug-in whose table it is.

    Raises:
        SettingsError: A key is unknown, missing or not accepted; the message has its path, what was expected and what came.
    """
    try:
        return schema.model_validate(dict(table))
    except ValidationError as fault:
        raise fault_of(fault, schema, where) from fault


def fault_of(fault: ValidationError, document: type[BaseModel], where: str) -> SettingsError:
    """The first fault of a document as a refusal.

    Args:
        fault: What pydantic found.
        document: The document's model.
        where: The file's name.
    """
    # A key that is misspelt is missing, too; the misspelling is the better news.
    first = min(fault.errors(), key=lambda each: each["type"] != "extra_forbidden")
    path = _path(first["loc"])
    if first["type"] == "extra_forbidden":
        fields = _fields(document, first["loc"][:-1])
        return SettingsError(f"{where}: {path}: no such key{near(str(first['loc'][-1]), fields)}")
    if first["type"] == "missing":
        return SettingsError(f"{where}: {path}: this key is missing")
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    got = first["input"]
    shown = f'"{got}"' if isinstance(got, str) else got
    close = near(got, re.findall("'([^']+)'", message)) if isinstance(got, str) else ""
    hint = close if "?" in close else ""
    at = f"{where}: {path}" if path else where  # a check of the whole table has no path
    return SettingsError(f"{at}: expected {message}; got {shown}{hint}")


def _path(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _fields(document: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that stand at a place of the document."""
    model: Any = document
    for part in loc:
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        if part in fields:  # else the key of a table of tables, or a number in a list
            model = _model_in(fields[str(part)].annotation)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return []


def _model_in(annotation: Any) -> Any:
    """The model among a type and what it is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
