"""The topics of the `mqtt` link, for the people who program its other side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.maps import MapRow

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOPICS = (
    ("control", "trigger", "JSON", "A part is in place: id, product, serial, all of which may be left out"),
    ("control", "product", "JSON", "The product of the parts to come: product"),
    ("lineside", "state", "text, retained", "starting, ready, stopping, fault; offline by the broker's will"),
    (
        "lineside",
        "result",
        "JSON",
        "The answer to one part: trigger, inspection, verdict_code, reason_code and more",
    ),
)


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """Each topic below the one that is set."""
    topic = settings.get("topic", "lineside/line")
    return [MapRow(writer, f"{topic}/{name}", name, kind, meaning) for writer, name, kind, meaning in _TOPICS]
