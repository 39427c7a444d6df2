"""Heads that are known by sight but not decoded yet: each is refused by its name.

A head that becomes a family leaves this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lineside.core.errors import AmbiguousHeadError, TaskNotBuiltError, UnknownHeadError
from lineside.models.evidence import are_corners, between_0_and_1, box_form, follow_grid, in_pixels
from lineside.models.graph import CONVOLUTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.models.head import GridLayout, Head
    from lineside.models.tracing import Segment

_TASKS = {
    "segment": "segmentation",
    "pose": "pose (keypoints)",
    "obb": "oriented boxes",
    "classify": "classification",
}
_CORNERS = "a grid of boxes given as corners (RTMDet, PP-YOLOE, YOLO-NAS)"


def refuse(head: Head, file: str, *, task_hint: str | None, families: Sequence[str]) -> NoReturn:
    """Refuse a head that no family claims, by its name where it is known by sight.

    Args:
        head: The evidence.
        file: The model's name, for the message.
        task_hint: The task that the metadata names.
        families: The families that there are, for the message.

    Raises:
        TaskNotBuiltError: It is another task's head.
        AmbiguousHeadError: Two known heads look alike here.
        UnknownHeadError: It is a head that is not built yet, or nothing known.
    """
    task = _task(head) or _TASKS.get(task_hint or "")
    if task is not None:
        raise TaskNotBuiltError(
            f"{file}: a model for {task}; lineside decodes detection so far. Seen: {head.seen()}"
        )
    name = _name(head)
    if name is None:
        _refuse_twins(head, file)
    what = f"this looks like {name}, which is not built yet" if name else "no family recognises the head"
    how = "" if head.probe is not None else " (by its structure; no test run was made)"
    raise UnknownHeadError(
        f"{file}: {what}. Seen{how}: {head.seen()}. If you know that it is one of the families "
        f"{', '.join(families)}, say so with --family (family = in the .toml beside the model)"
    )


def _task(head: Head) -> str | None:
    """The task of a head that does not detect boxes."""
    ranks = [len(shape) for shape in head.shapes]
    if sorted(ranks) == [3, 4] and _has_prototypes(head, ranks.index(3), ranks.index(4)):
        return "segmentation"
    if ranks == [2] and head.shapes[0][1] is not None and _ends_in_classifier(head):
        return "classification"
    layout = next(iter(head.layouts(0)), None) if ranks == [3] else None
    if layout is None:
        return None
    if {"Cos", "Sin"} <= head.graph.tail(head.graph.outputs[0].name):
        return "oriented boxes"
    return _behind_scores(head.segments(0, layout.channel_axis))


def _has_prototypes(head: Head, rows: int, maps: int) -> bool:
    """Whether one output is (1, masks, H/s, W/s), and the rows of the other have a coefficient for each mask."""
    masks, height = head.shapes[maps][1:3]
    channels = min((d for d in head.shapes[rows][1:] if d is not None), default=0)
    return (
        masks is not None
        and height is not None
        and 8 <= masks < channels - 4
        and height * 2 <= head.size.height
    )


def _ends_in_classifier(head: Head) -> bool:
    tail = head.graph.tail(head.graph.outputs[0].name)
    return (
        "GlobalAveragePool" in head.graph.operators
        or "Softmax" in tail
        or "ReduceMean" in head.graph.operators
    )


def _behind_scores(parts: Sequence[Segment]) -> str | None:
    """The task of what follows four box values and the sigmoid of the class scores."""
    scores = [i for i, part in enumerate(parts) if part.origin == "Sigmoid"]
    if not scores or sum(p.channels or 0 for p in parts[: scores[0]]) != 4:
        return None
    rest = parts[scores[0] + 1 :]
    if len(rest) == 1 and rest[0].origin in CONVOLUTIONS | {"Add"}:
        return "segmentation (its masks' coefficients, without the prototypes)"
    count = sum(part.channels or 0 for part in rest)
    return "pose (keypoints)" if count >= 6 and (count % 3 == 0 or count % 2 == 0) else None


def _refuse_twins(head: Head, file: str) -> None:
    """Refuse a decoded grid with objectness: YOLOX's and YOLOv6's have one form and other pictures."""
    for layout in _grids(head):
        parts = head.segments(0, layout.channel_axis)
        rows = head.rows(0, layout)
        if rows is not None and not (in_pixels(rows) and between_0_and_1(rows[:, 4:])):
            continue
        classes = layout.channels - 5
        twins = f"a decoded head with objectness and {classes} classes, YOLOX (decoded) or YOLOv6"
        if _has_objectness(head, parts):
            raise AmbiguousHeadError(
                f"{file}: {twins}: they have the same form, but YOLOX takes BGR from 0 to 255 and YOLOv6 RGB from "
                f"0 to 1; neither is built yet. Seen: {head.seen()}. If it is YOLOX, export it without "
                "decode_in_inference"
            )
        if rows is not None:
            raise AmbiguousHeadError(
                f"{file}: two readings are left of {layout.rows} rows with {layout.channels} channels: yolov8 "
                f"with {classes + 1} classes, or {twins}, which are not built yet. Seen: {head.seen()}. If it is "
                "the first, give its class names (--names, or names = in the .toml beside the model) or say "
                "--family yolov8"
            )


def _grids(head: Head) -> list[GridLayout]:
    """The readings of a single output as one row a cell, with classes."""
    if len(head.shapes) != 1:
        return []
    return [layout for layout in head.layouts(0) if layout.anchors == 1 and layout.channels >= 5]


def _has_objectness(head: Head, parts: Sequence[Segment]) -> bool:
    """Whether one channel behind the boxes is made apart from the classes."""
    behind = [p for p in parts[1:] for p in (head.behind(p) if p.origin == "Sigmoid" else [p])]
    return sum(p.channels or 0 for p in parts) > 5 and len(behind) > 1 and behind[-2].channels == 1


def _grid_name(head: Head) -> str | None:
    """The name of a head of one row a cell whose boxes are in another form than centre and size in pixels."""
    for layout in _grids(head):
        parts = head.segments(0, layout.channel_axis)
        rows = head.rows(0, layout)
        if parts[1:] and parts[0].channels == 4 and parts[0].origin in CONVOLUTIONS:
            return "an anchor-free head that was cut off before its boxes are decoded"
        if parts[1:] and box_form(head.graph, parts[:1]) == "corners":
            return _CORNERS
        if rows is None or not between_0_and_1(rows[:, 4:]):
            continue
        if are_corners(rows) and in_pixels(rows):
            return _CORNERS
        in_shares = rows[:, :2] * (head.size.width, head.size.height)
        if not in_pixels(rows) and follow_grid(in_shares, layout, head.size):
            return "a grid of boxes as shares of the picture (TensorFlow exports)"
    return None


def _name(head: Head) -> str | None:
    """The name of a detection head that is not built yet."""
    shapes = head.shapes
    ranks = {len(shape) for shape in shapes}
    operators = head.graph.operators
    pairs = len(shapes) >= 4 and len(shapes) % 2 == 0 and ranks == {3} and _distributions(head)
    names = {
        "PicoDet or NanoDet (distribution heads, scores and box distributions a level)": pairs,
        "a raw YOLO head (one undecoded output a level, as YOLOv5, v7 and darknet exports have)": (
            len(shapes) >= 2 and ranks in ({4}, {5}) and len({shape[2:4] for shape in shapes}) == len(shapes)
        ),
        "an export with TensorRT's NMS outputs": operators & {"EfficientNMS_TRT", "BatchedNMS_TRT"},
        "an export with NMS inside in another form than (1, rows, 6) of box, score and class": (
            "NonMaxSuppression" in operators
        ),
        "a DETR (RT-DETR, RF-DETR, D-FINE)": (
            ranks <= {2, 3}
            and ("LayerNormalization" in operators or operators >= {"TopK", "Softmax", "MatMul"})
        ),
    }
    return _grid_name(head) or next((name for name, fits in names.items() if fits), None)


def _distributions(head: Head) -> bool:
    """Whether half of the outputs are box distributions of 4 * (n + 1) bins."""
    channels = [shape[2] for shape in head.shapes]
    half = len(channels) // 2
    bins = channels[half:]
    return len(set(bins)) == 1 and bins[0] is not None and bins[0] % 4 == 0 and bins[0] > 4
