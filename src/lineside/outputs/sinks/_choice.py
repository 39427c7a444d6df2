"""What a sink takes of a parcel: which of its pictures, and the names and dates of what it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from lineside.core.errors import RefusedParcelError
from lineside.outputs.keeping import ANNOTATED, file_word

if TYPE_CHECKING:
    from lineside.outputs.parcel import KeptPicture, Parcel

Pictures = Literal["none", "rejected", "all"]
"""Of the pictures that are kept: none, those of parts that did not pass, or all."""


def chosen(parcel: Parcel, pictures: Pictures, *, annotated: bool) -> tuple[KeptPicture, ...]:
    """The pictures of a parcel that a sink asked for."""
    if pictures == "none" or (pictures == "rejected" and parcel.record.get("verdict") == "PASS"):
        return ()
    return tuple(p for p in parcel.pictures if annotated or not p.name.endswith(ANNOTATED))


def day(parcel: Parcel) -> str:
    """The day of the answer, `2026-11-28`, the same whenever the parcel comes.

    Raises:
        RefusedParcelError: The record has none.
    """
    at = str(parcel.record.get("at", ""))
    if not re.match(r"\d{4}-\d\d-\d\d", at):
        raise RefusedParcelError(f'{parcel.key}: at: expected a date in ISO 8601; got "{at}"')
    return at[:10]


def place(parcel: Parcel) -> str:
    """Where the parcel's files lie, without a suffix: `DAY/LINE/RUN/PART`. Two parcels never share one.

    Raises:
        RefusedParcelError: The record has no day.
    """
    return "/".join((day(parcel), *(file_word(piece) for piece in parcel.key.split("/"))))


def read(picture: KeptPicture) -> bytes:
    """The picture's file.

    Raises:
        RefusedParcelError: It is not there: somebody removed it from the spool.
    """
    try:
        return picture.path.read_bytes()
    except OSError as fault:
        raise RefusedParcelError(
            f"{picture.path}: the picture of {picture.name} cannot be read: {fault}"
        ) from fault
