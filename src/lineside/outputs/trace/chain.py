"""How a record is written and sealed. Pure: no files, no clock."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

GENESIS = "0" * 64
"""What the first record holds in the place of a hash before it."""

HASH, PREVIOUS, NUMBER = "hash", "previous", "number"

RETIRED = "retired"
"""The kind of the records that tell of a segment that retention removes."""


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one form of a record: JSON in UTF-8 with sorted keys, no spaces, numbers as Python writes them, no NaN.

    Raises:
        ValueError, TypeError: JSON has no word for something in it.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")


def digest(record: Mapping[str, Any]) -> str:
    """The hash of a record: SHA-256 of its canonical form without the key `hash`, hexadecimal."""
    return hashlib.sha256(canonical({key: value for key, value in record.items() if key != HASH})).hexdigest()


def sealed(record: Mapping[str, Any], number: int, previous: str) -> tuple[bytes, str]:
    """The record as a line of a segment, and its hash.

    Args:
        record: What it says.
        number: Its place in the chain, from 0.
        previous: The hash of the record before.

    Raises:
        ValueError, TypeError: JSON has no word for something in it.
    """
    whole = {**record, NUMBER: number, PREVIOUS: previous}
    own = digest(whole)
    return canonical({**whole, HASH: own}) + b"\n", own


def unsealed(line: bytes) -> dict[str, Any] | None:
    """The record of a line where it is whole and says what its hash was made of; `None` where it is not."""
    try:
        record = json.loads(line)
        is_ours = (
            isinstance(record, dict)
            and line == canonical(record) + b"\n"
            and record.get(HASH) == digest(record)
        )
    except (ValueError, TypeError, RecursionError):
        return None
    return record if is_ours and isinstance(record.get(NUMBER), int) else None
