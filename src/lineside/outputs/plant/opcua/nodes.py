"""The nodes that a client uses, for the people who program it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.maps import MapRow

if TYPE_CHECKING:
    from collections.abc import Mapping

_NODES = (
    (
        "lineside",
        "VisionStateMachine/CurrentState",
        "state",
        "LocalizedText",
        "What may be expected of the line",
    ),
    ("control", "StartSingleJob", "trigger", "method", "A part is in place: PartId, RecipeId; answers JobId"),
    (
        "control",
        "StartContinuous",
        "product",
        "method",
        "Parts that others trigger belong to this job; RecipeId",
    ),
    ("control", "Stop", "stop", "method", "The job of StartContinuous ends"),
    ("control", "Abort", "reset", "method", "The job ends at once"),
    ("control", "Halt", "halt", "method", "No further job is taken"),
    ("control", "Reset", "resume", "method", "Jobs are taken again"),
    ("lineside", "ResultReadyEventType", "results", "event", "The answer to one part, whoever triggered it"),
    ("lineside", "StateChangedEventType", "state", "event", "The state has changed"),
)


def describe(settings: Mapping[str, Any]) -> list[MapRow]:
    """The nodes below `Objects/VisionSystem`, which no setting moves."""
    del settings
    return [MapRow(*node) for node in _NODES]
