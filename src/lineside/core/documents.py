"""What is wrong with a document, in one sentence: the path of the key, what was expected, what came, what is near."""

from __future__ import annotations

import re
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from lineside.core.errors import LinesideError, SettingsError, near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails


class Table(BaseModel):
    """A table of a settings file: frozen, no key is accepted that is not a field, and a number is a finite number, no text and no switch."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what pydantic would take for a number, or for several, and nobody wrote as one."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        leaves = _leaves(annotation)
        is_number = leaves <= _NUMBERS and not leaves <= {type(None)}
        if is_number and not (isinstance(value, str) and _is_list(annotation)):  # which pydantic tells of
            _refuse_words(value, "a whole number" if float not in leaves else "a number")
        return value


_NUMBERS = {int, float, type(None)}


def _leaves(annotation: Any) -> set[Any]:
    """What a type is made of in the end, without lists, unions and limits."""
    if get_origin(annotation) is Literal:
        return {Literal}
    if get_origin(annotation) is Annotated:
        return _leaves(get_args(annotation)[0])
    parts = [part for part in get_args(annotation) if part is not Ellipsis]
    return set().union(*(_leaves(part) for part in parts)) if parts else {annotation}


def _is_list(annotation: Any) -> bool:
    """Whether a type is nothing but a list, or none."""
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        return all(one is type(None) or _is_list(one) for one in get_args(annotation))
    return origin in {list, tuple}


def _refuse_words(value: object, what: str) -> None:
    """Refuse a text or a switch, also within lists.

    Raises:
        ValueError: There is one.
    """
    if isinstance(value, str | bool):
        raise ValueError(what)  # noqa: TRY004 # pydantic tells of this one alone
    if isinstance(value, list | tuple):
        for one in value:
            _refuse_words(one, what)


T = TypeVar("T", bound=BaseModel)

_PLAIN = {
    "a valid boolean": "true or false",
    "a valid dictionary": "a table",
    "a valid integer": "a whole number",
    "a valid list": "a list",
    "a valid number": "a number",
    "a valid string": "a text",
    "a valid tuple": "a list",
}
"""pydantic's words, and those of a settings file."""


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
    at = f"{where}: {path}" if path else where
    if first["type"] == "extra_forbidden":
        fields = _fields(document, first["loc"][:-1])
        return SettingsError(f"{at}: no such key{near(str(first['loc'][-1]), fields)}")
    if first["type"] == "missing":
        return SettingsError(f"{at}: this key is missing")
    inner = first.get("ctx", {}).get("error")
    if isinstance(inner, LinesideError):  # a table in the table that has its own refusal, with its own path
        return SettingsError(f"{at}: {inner}")
    message = _expected(first)
    got = first["input"]
    shown = f'"{got}"' if isinstance(got, str) else got
    close = near(got, re.findall("'([^']+)'", message)) if isinstance(got, str) else ""
    hint = close if "?" in close else ""
    return SettingsError(f"{at}: expected {message}; got {shown}{hint}")


def _expected(fault: ErrorDetails) -> str:
    """What was expected, in the words of a settings file."""
    limits = fault.get("ctx", {})
    if fault["type"] == "too_short":
        least = limits["min_length"]
        return f"at least {least} {'entry' if least == 1 else 'entries'}"
    if fault["type"] == "string_too_short":
        return "a text" if limits["min_length"] == 1 else f"a text of at least {limits['min_length']} letters"
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return _PLAIN.get(message, message)


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
        aliased = {field.alias: name for name, field in fields.items() if field.alias}
        part = aliased.get(part, part) if isinstance(part, str) else part  # noqa: PLW2901 # its name in the model
        if part in fields:  # else the key of a table of tables, or a number in a list
            model = _model_in(fields[str(part)].annotation)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


def _model_in(annotation: Any) -> Any:
    """The model among a type and what it is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
