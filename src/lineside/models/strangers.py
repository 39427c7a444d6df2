"""Heads that are known by sight but not decoded yet: each is refused by its name.

A head that becomes a family leaves this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lineside.core.errors import AmbiguousHeadError, TaskNotBuiltError, UnknownHeadError

if TYPE_CHECKING:
    from lineside.models.graph import Segment
    from lineside.models.head import Head

_TASKS = {
    "segment": "segmentation",
    "pose": "pose (keypoints)",
    "obb": "oriented boxes",
    "classify": "classification",
}


def refuse(head: Head, file: str, task_hint: str | None) -> NoReturn:
    """Refuse a head that no family claims, by its name where it is known by sight.

    Args:
        head: The evidence.
        file: The model's name, for the message.
        task_hint: The task that the metadata names.

    Raises:
        TaskNotBuiltError: It is another task's head.
        AmbiguousHeadError: Two known heads look alike here.
        UnknownHeadError: It is a head that is not built yet, or nothing known.
    """
    task = _task(head) or _TASKS.get(task_hint or "")
    if task is not None:
        raise TaskNotBuiltError(
            f"{file}: this is a {task} model; lineside decodes detection so far. Seen: {head.seen()}"
        )
    _refuse_twins(head, file)
    name = _name(head)
    what = f"this looks like {name}, which is not built yet" if name else "no family recognises the head"
    raise UnknownHeadError(
        f"{file}: {what}. Seen: {head.seen()}. If you know that it is one of the families "
        "yolov8, yolov5, yolov10, yolox, say so with --family (family = in the .toml beside the model)"
    )


def _task(head: Head) -> str | None:
    """The task of a head that does not detect boxes."""
    ranks = [len(shape) for shape in head.shapes]
    if sorted(ranks) == [3, 4] and _is_prototypes(head, ranks.index(4)):
        return "segmentation"
    if ranks == [2] and head.shapes[0][1] is not None and _ends_in_classifier(head):
        return "classification"
    if ranks != [3]:
        return None
    layout = next(iter(head.layouts(0)), None)
    if layout is None:
        return None
    parts = head.segments(0, layout.channel_axis)
    tail = head.graph.tail(head.graph.outputs[0].name)
    if {"Cos", "Sin"} <= tail:
        return "oriented boxes"
    behind = _channels_behind_scores(parts)
    if behind >= 6 and (behind % 3 == 0 or behind % 2 == 0):
        return "pose (keypoints)"
    return None


def _is_prototypes(head: Head, output: int) -> bool:
    """Whether an output (1, masks, H/s, W/s) fits the input size."""
    shape = head.shapes[output]
    return shape[2] is not None and shape[2] * 2 <= head.size.height and (shape[1] or 0) >= 8


def _ends_in_classifier(head: Head) -> bool:
    tail = head.graph.tail(head.graph.outputs[0].name)
    return "GlobalAveragePool" in head.graph.operators or "Softmax" in tail or "ReduceMean" in head.graph.operators


def _channels_behind_scores(parts: list[Segment]) -> int:
    """Channels that follow the sigmoid of the class scores."""
    origins = [p.origin for p in parts]
    if "Sigmoid" not in origins:
        return 0
    last = len(origins) - 1 - origins[::-1].index("Sigmoid")
    return sum(p.channels or 0 for p in parts[last + 1 :])


def _refuse_twins(head: Head, file: str) -> None:
    """Refuse a decoded grid with objectness: YOLOX's and YOLOv6's have one form and other pictures."""
    if len(head.shapes) != 1:
        return
    for layout in head.layouts(0):
        if layout.anchors != 1 or layout.channels < 6:
            continue
        rows = head.rows(0, layout)
        parts = head.segments(0, layout.channel_axis)
        if len(parts) == 2 and parts[0].channels == 4:
            continue
        decoded = rows is None or rows[:, :4].max() > 2
        if decoded:
            a, b = layout.channels - 4, layout.channels - 5
            raise AmbiguousHeadError(
                f"{file}: two readings are left of {layout.rows} rows with {layout.channels} channels: "
                f"yolov8 with {a} classes, or a decoded head with objectness and {b} classes, YOLOX (decoded) "
                f"or YOLOv6, which are not built yet. Seen: {head.seen()}. If it is the first, give its class "
                "names (--names) or say --family yolov8"
            )


def _name(head: Head) -> str | None:
    """The name of a detection head that is not built yet."""
    shapes = head.shapes
    ranks = [len(shape) for shape in shapes]
    operators = head.graph.operators
    if len(shapes) >= 4 and len(shapes) % 2 == 0 and set(ranks) == {3} and _distributions(head):
        return "PicoDet or NanoDet (distribution heads, scores and box distributions a level)"
    if len(shapes) >= 2 and set(ranks) <= {4, 5} and len(set(ranks)) == 1:
        return "a raw YOLO head (one undecoded output a level, as YOLOv5, v7 and darknet exports have)"
    if "EfficientNMS_TRT" in operators or "BatchedNMS_TRT" in operators:
        return "an export with TensorRT's NMS outputs"
    if "NonMaxSuppression" in operators:
        return "an export with NMS inside in another form than (1, rows, 6)"
    if "LayerNormalization" in operators or {"TopK", "Softmax", "MatMul"} <= operators:
        return "a DETR (RT-DETR, RF-DETR, D-FINE)"
    return None


def _distributions(head: Head) -> bool:
    """Whether half of the outputs are box distributions of 4 * (n + 1) bins."""
    channels = [shape[2] for shape in head.shapes]
    half = len(channels) // 2
    bins = channels[half:]
    return len(set(bins)) == 1 and bins[0] is not None and bins[0] % 4 == 0 and bins[0] > 4
