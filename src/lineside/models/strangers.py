"""Heads that are known by sight but not decoded yet: each is refused by its name.

A head that becomes a family leaves this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lineside.core.errors import AmbiguousHeadError, UnknownHeadError
from lineside.models.evidence import between_0_and_1, follow_grid, in_pixels
from lineside.models.families import _corners, _distances, _query_forms
from lineside.models.graph import CONVOLUTIONS
from lineside.models.task_strangers import refuse_task, task_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.models.head import GridLayout, Head
    from lineside.models.tracing import Segment

_CORNERS = "a grid of boxes given as corners, with the scores before them (DAMO-YOLO)"
_SEEN = 0.3  # how sure a claim is of which more than the shapes speaks


def refuse(head: Head, file: str, *, task_hint: str | None, families: Sequence[str]) -> NoReturn:
    """Refuse a head that no family claims, by its name where it is known by sight.

    Args:
        head: The evidence.
        file: The model's name, for the message.
        task_hint: The task that the metadata names.
        families: The families that there are, for the message.

    Raises:
        TaskNotBuiltError: The metadata names a task that is not built.
        AmbiguousHeadError: Two known heads look alike here.
        UnknownHeadError: It is a head that is not built yet, or nothing known.
    """
    refuse_task(head, file, task_hint)
    name = task_name(head) or _name(head)
    if name is None:
        _refuse_corners(head, file)
        _refuse_twins(head, file)
    what = f"this looks like {name}, which is not built yet" if name else "no family recognises the head"
    how = "" if head.probe is not None else " (by its structure; no test run was made)"
    raise UnknownHeadError(
        f"{file}: {what}. Seen{how}: {head.seen()}. If you know that it is one of the families "
        f"{', '.join(families)}, say so with --family (family = in the .toml beside the model)"
    )


def _refuse_twins(head: Head, file: str) -> None:
    """Refuse a decoded grid with an objectness that is neither YOLOv6's constant nor YOLOX's sigmoid."""
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
                "0 to 1. In the graph the one's objectness is a sigmoid and its sizes are exponentials, the other's "
                f"objectness is the constant 1; here is neither. Seen: {head.seen()}. Export the head as its "
                "repository does"
            )
        if rows is not None:
            raise AmbiguousHeadError(
                f"{file}: two readings are left of {layout.rows} rows with {layout.channels} channels: yolov8 "
                f"with {classes + 1} classes, or {twins}. Seen: {head.seen()}. If it is the first, give its class "
                "names (--names, or names = in the .toml beside the model) or say --family yolov8; if it is one of "
                "the others, say --family yolox or --family yolov6"
            )


def _refuse_corners(head: Head, file: str) -> None:
    """Refuse corners in one output whose distances' origin or whose axes fit neither RTMDet nor PP-YOLOE."""
    if len(head.shapes) == 1 and _are_corners(head):
        raise AmbiguousHeadError(
            f"{file}: a grid of boxes given as corners in one output, RTMDet or PP-YOLOE: the one takes BGR, centred and "
            "padded, the other RGB from 0 to 1, stretched. In the graph RTMDet has no distributions, and PP-YOLOE "
            f"has, with its channels last; here is neither. Seen: {head.seen()}. Say which it is with --family "
            "rtmdet or --family ppyoloe"
        )


def _are_corners(head: Head) -> bool:
    """Whether the arithmetic or the answer to the test picture says that boxes are corners along a grid."""
    found = _corners.claim(head, lambda _: True)
    return found is not None and found.sureness >= _SEEN


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
        if rows is None or not between_0_and_1(rows[:, 4:]):
            continue
        in_shares = rows[:, :2] * (head.size.width, head.size.height)
        if not in_pixels(rows) and follow_grid(in_shares, layout, head.size):
            return "a grid of boxes as shares of the picture (TensorFlow exports)"
    return None


def _name(head: Head) -> str | None:
    """The name of a detection head that is not built yet."""
    shapes = head.shapes
    ranks = {len(shape) for shape in shapes}
    operators = head.graph.operators
    names = {
        'a DETR whose classes are a softmax with one "no object" (DETR, Table Transformer)': (
            _query_forms.is_without_selection(head)
        ),
        _CORNERS: len(shapes) == 2 and _are_corners(head),
        "scores and box distributions a level, in an order or of levels that neither PicoDet nor NanoDet has": (
            _distances.pairs(head) is not None
        ),
        "undecoded levels that are not three anchors a cell from one convolution each": (
            len(shapes) >= 2 and ranks in ({4}, {5}) and len({shape[2:4] for shape in shapes}) == len(shapes)
        ),
        "TensorRT's NMS in another form than a number, and boxes in pixels, scores and classes": (
            operators & {"EfficientNMS_TRT", "BatchedNMS_TRT"}
        ),
        "an export with NMS inside, none of whose outputs are in a known form": (
            "NonMaxSuppression" in operators
        ),
        "a DETR in another form than RT-DETR, D-FINE and RF-DETR are known in": (
            ranks <= {2, 3}
            and ("LayerNormalization" in operators or operators >= {"TopK", "Softmax", "MatMul"})
        ),
    }
    return _grid_name(head) or next((name for name, fits in names.items() if fits), None)
