"""The tables of the `database` sink; `docs/outputs.md` describes their columns."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Column, DateTime, Float, ForeignKey, Integer, MetaData, Table, Text

from lineside.core.errors import RefusedParcelError

if TYPE_CHECKING:
    from lineside.outputs.parcel import Parcel


class Tables:
    """The two tables.

    Args:
        prefix: Of their names.

    Attributes:
        metadata: For making them.
        inspection: A row a part.
        detection: A row an object.
    """

    def __init__(self, prefix: str) -> None:
        self.metadata = MetaData()
        self.inspection = Table(
            f"{prefix}_inspection",
            self.metadata,
            Column("key", Text, primary_key=True),
            Column("at", DateTime(timezone=True), index=True, nullable=False),
            Column("line", Text, nullable=False),
            Column("run", Text, nullable=False),
            Column("part", Integer, nullable=False),
            Column("serial", Text, index=True),
            Column("product", Text),
            Column("verdict", Text, nullable=False),
            Column("reason", Text),
            Column("detail", Text),
            Column("total_s", Float),
            Column("record", JSON, nullable=False),
        )
        key = f"{prefix}_inspection.key"
        self.detection = Table(
            f"{prefix}_detection",
            self.metadata,
            Column("key", Text, ForeignKey(key, ondelete="CASCADE"), primary_key=True),
            Column("camera", Text, primary_key=True),
            Column("number", Integer, primary_key=True, autoincrement=False),
            Column("name", Text, nullable=False),
            Column("confidence", Float, nullable=False),
            *(Column(side, Float, nullable=False) for side in ("x1", "y1", "x2", "y2")),
        )

    def insert_inspection(self, dialect: str) -> Any:
        """A statement that leaves a row alone that is there already, and answers the key of one that was not."""
        from sqlalchemy.dialects import postgresql, sqlite

        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        return (
            insert(self.inspection)
            .on_conflict_do_nothing(index_elements=["key"])
            .returning(self.inspection.c.key)
        )

    def row(self, parcel: Parcel) -> dict[str, Any]:
        """The part's row.

        Raises:
            RefusedParcelError: The record lacks what a row needs.
        """
        record = parcel.record
        try:
            return {
                "key": parcel.key,
                "at": datetime.fromisoformat(str(record["at"])),
                "total_s": float(record["answered_s"]) - float(record["triggered_s"]),
                "record": dict(record),
                **{name: record[name] for name in ("line", "run", "part", "verdict", "reason", "detail")},
                **{name: _text(record.get(name)) for name in ("serial", "product")},
            }
        except (KeyError, ValueError, TypeError) as fault:
            raise RefusedParcelError(
                f"database: {parcel.key}: the record has no such value: {fault}"
            ) from fault

    def detection_rows(self, parcel: Parcel) -> list[dict[str, Any]]:
        """The rows of its objects."""
        return [
            {
                "key": parcel.key,
                "camera": view["camera"],
                "number": number,
                "name": found["name"],
                "confidence": found["confidence"],
                **dict(zip(("x1", "y1", "x2", "y2"), found["xyxy"], strict=True)),
            }
            for view in parcel.record.get("views", ())
            for number, found in enumerate(view.get("detections", ()))
        ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
