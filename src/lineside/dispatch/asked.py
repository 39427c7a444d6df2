"""Settings of a call as they are kept: out of their caller's hands, and found again by their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Hashable

_PLAIN = frozenset({str, int, float, bool, type(None)})
_LISTS = frozenset({list, tuple})


def own(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that nobody else can change, or has used up: a list, an array or a generator becomes a tuple.

    Raises:
        SettingsError: A value that should have elements has none to go through, as a numpy array without a dimension.
    """
    return {name: value if type(value) in _PLAIN else _own(name, value) for name, value in asked.items()}


def _own(name: str, value: Any) -> Any:
    if type(value) in _LISTS:  # what nearly all are
        copy = tuple(value)
        if _PLAIN.issuperset(map(type, copy)):
            return copy
    if isinstance(value, Mapping):
        return {key: _own(name, each) for key, each in value.items()}
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return value
    try:
        return tuple(_own(name, each) for each in value)
    except TypeError as fault:
        raise SettingsError(f"{name}: {value!r} cannot be gone through: {fault}") from fault


def key_of(asked: Mapping[str, Any]) -> Hashable:
    """What to find settings by that are one's own; equal numbers of another type count apart, as the checks tell them apart."""
    return tuple(
        [
            (name, type(value), value) if type(value) in _PLAIN else (name, _key(value))
            for name, value in asked.items()
        ]
    )


def _key(value: Any) -> Hashable:
    if isinstance(value, tuple):
        kinds = tuple(map(type, value))
        return (kinds, value) if _PLAIN.issuperset(kinds) else (tuple, *map(_key, value))
    if isinstance(value, Mapping):
        return (dict, *((key, _key(each)) for key, each in value.items()))
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return type(value), value  # the value itself, not its address, which another may have after it
