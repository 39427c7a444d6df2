"""Heads of segmentation, pose and oriented boxes that no family claims: each is refused by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from lineside.core.errors import AmbiguousHeadError, TaskNotBuiltError, UnknownHeadError
from lineside.models.families import yolo26_pose, yolov8_pose
from lineside.models.graph import CONVOLUTIONS
from lineside.models.keypoint_layout import describe
from lineside.models.spec import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.models.head import Head
    from lineside.models.tracing import Segment


def refuse_task(head: Head, file: str, task_hint: str | None) -> None:
    """Refuse what the metadata calls a task that is not built, and keypoints whose number is not known.

    Raises:
        AmbiguousHeadError: The values behind the scores can be two numbers of keypoints.
        UnknownHeadError: They can be none.
        TaskNotBuiltError: The metadata names another task.
    """
    _refuse_keypoints(head, file)
    if task_hint is not None and task_hint not in get_args(Task):
        raise TaskNotBuiltError(
            f'{file}: the metadata calls it a model for "{task_hint}"; lineside decodes {", ".join(get_args(Task))}. '
            f"Seen: {head.seen()}"
        )


def task_name(head: Head) -> str | None:
    """The name of a head that does not detect upright boxes, where it is known by sight."""
    ranks = [len(shape) for shape in head.shapes]
    if sorted(ranks) == [3, 4] and _has_prototypes(head, ranks.index(3), ranks.index(4)):
        return "a segmentation head whose rows do not end in a plain coefficient for each prototype"
    layout = next(iter(head.layouts(0)), None) if ranks == [3] else None
    if layout is None:
        return None
    if {"Cos", "Sin"} <= head.graph.tail(head.graph.outputs[0].name):
        return "oriented boxes in another form than (1, 4 + classes + 1, rows) with the angle last"
    if _end_in_coefficients(head.segments(0, layout.channel_axis)):
        return "segmentation without the output of its prototypes"
    return None


def _refuse_keypoints(head: Head, file: str) -> None:
    for values, layouts in _keypoints(head):
        if len(layouts) > 1:
            raise AmbiguousHeadError(
                f"{file}: two readings are left of the {values} values behind the scores: {describe(layouts)}. Seen: "
                f"{head.seen()}. Export it with its metadata: kpt_shape says which"
            )
        if values and not layouts:
            hint = head.keypoints_hint
            said = "" if hint is None else f", and the metadata says {describe([hint])}"
            raise UnknownHeadError(
                f"{file}: {values} values behind the scores fit no keypoints: expected 2 or 3 values each, x, y and "
                f"mostly a visibility from 0 to 1{said}. Seen: {head.seen()}. Export it again, with its own metadata"
            )


def _keypoints(head: Head) -> list[tuple[int, list[tuple[int, int]]]]:
    """What the families of pose make of a head that none of them claims."""
    grids = head.layouts(0) if len(head.shapes) == 1 else []
    found = [
        yolov8_pose.keypoints_behind(head, grid)
        for grid in grids
        # What cannot be followed may be anything else as well.
        if grid.anchors == 1 and len(head.segments(0, grid.channel_axis)) > 1
    ]
    return [*found, yolo26_pose.keypoints_behind(head)]


def _has_prototypes(head: Head, rows: int, maps: int) -> bool:
    """Whether one output is (1, masks, H/s, W/s), and the rows of the other have room for as many coefficients."""
    masks, height = head.shapes[maps][1:3]
    channels = min((d for d in head.shapes[rows][1:] if d is not None), default=0)
    return (
        masks is not None
        and height is not None
        and 8 <= masks < channels - 4
        and height * 2 <= head.size.height
    )


def _end_in_coefficients(parts: Sequence[Segment]) -> bool:
    """Whether four box values and the sigmoid of the class scores are followed by plain answers of convolutions."""
    scores = [i for i, part in enumerate(parts) if part.origin == "Sigmoid"]
    if not scores or sum(p.channels or 0 for p in parts[: scores[0]]) != 4:
        return False
    rest = parts[scores[0] + 1 :]
    return len(rest) == 1 and rest[0].origin in CONVOLUTIONS | {"Add"}
