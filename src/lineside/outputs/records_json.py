"""Values as JSON has words for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """The value in JSON's types: keys are texts, tuples lists, `NaN` and infinity `None`, and what it has no word for a text."""
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return str(value)


def joined(about: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What others say of a part and what was judged, in one record: what was judged wins.

    A serial number and a product that the inspection itself does not know are taken from the others.

    Args:
        about: What others say.
        own: The inspection's own record.
    """
    empty = [key for key in ("serial", "product") if key in about and not own.get(key)]
    return {**about, **own, **{key: about[key] for key in empty}}
