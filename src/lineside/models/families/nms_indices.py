"""NMS inside, as indices: the ONNX model zoo's YOLOv3 and YOLOv3-tiny, converted from Keras.

Three outputs: all boxes (1, N, 4) as top, left, bottom, right; all scores (1, classes, N); and for each detection the
numbers of its picture, class and box, (M, 3) or (1, M, 3). That is what ONNX's `NonMaxSuppression` is given and
answers. The order of the outputs does not matter.

The boxes are put back to the size of the picture, which is a second input (1, 2), height and width. It is fed the size of
the model's input, so that the boxes stay in model pixels and the letterbox leads them back as it does all others.

Conventions: `letterbox_image` of the Keras port and of the model zoo (RGB, divided by 255, whole pixels by `int()`, centred,
grey 128); the way back is exact for the size that it scales to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.core.geometry import Fit
from lineside.models.evidence import between_0_and_1
from lineside.models.families import _final_boxes
from lineside.models.graph import WEIGHTED
from lineside.models.head import STRIDE_SETS, Head, Match
from lineside.models.spec import Conventions, HeadSpec, as_float32, grid_rows
from lineside.postprocess.candidates import check_boxes, check_scores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Size
    from lineside.postprocess.candidates import Candidates, Selection

TITLE = "boxes, scores and indices of an NMS layer (YOLOv3 of the ONNX model zoo)"
ALIASES = ("yolov3-zoo", "keras-yolo3", "tiny-yolov3-zoo")
CONVENTIONS = Conventions(fit=Fit(rounding="floor", pad_value=128))
NMS_FREE = True

_ANCHORS = 3


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on all boxes, all scores, and what NMS chose of them."""
    found = _roles(head)
    if found is None:
        return None
    boxes, scores, chosen = found
    inside = _final_boxes.has_nms(head.graph, chosen)
    order = _order(head, boxes)
    if not (inside or by_hand) or order == "x first" or _contradicted(head, found):
        return None
    if order is None and not by_hand:
        return None
    classes, rows = head.shapes[scores][1:3]
    reasons = [f"3 outputs are {rows or 'all'} boxes, their scores of {classes} classes, and indices of both"]
    sureness = 0.4
    if inside:
        sureness += 0.2
        reasons.append("the indices come from an NMS node")
    if order is not None:
        sureness += 0.1
        reasons.append("the boxes hold y before x")
    if head.probe is not None:
        sureness += 0.2
        reasons.append("in a probe run they are boxes in pixels, probabilities, and indices within them")
    if head.names_count == classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(
        output=boxes,
        classes=classes or 0,
        strides=(),
        anchors=_ANCHORS,
        channels_first=False,
        size=head.size,
        rows=rows or 0,
        others=(scores, chosen),
    )
    return Match(min(sureness, 1.0), tuple(reasons), spec, nms_inside=True)


def _roles(head: Head) -> tuple[int, int, int] | None:
    """Which outputs are boxes, scores and indices."""
    if len(head.shapes) != 3:
        return None
    chosen = [
        i for i, s in enumerate(head.shapes) if not head.is_float(i) and len(s) in {2, 3} and s[-1] == 3
    ]
    tables = [i for i, s in enumerate(head.shapes) if head.is_float(i) and len(s) == 3]
    if len(chosen) != 1 or len(tables) != 2:
        return None
    pairs = [
        (boxes, scores)
        for boxes, scores in (tables, tables[::-1])
        if head.shapes[boxes][2] == 4 and head.shapes[boxes][1] == head.shapes[scores][2]
    ]
    return (*pairs[0], chosen[0]) if len(pairs) == 1 else None


def _order(head: Head, boxes: int) -> Literal["y first", "x first"] | None:
    """Which coordinate the boxes begin with: by the values where they fill a grid, else by the graph."""
    if head.probe is not None:
        table = as_float32(head.probe[boxes][0])
        centres = (table[:, :2] + table[:, 2:]) * np.float32(0.5)
        grids = list(_grids(head.size, len(table)))
        for x, y in grids:
            if _grows(centres[:, 0], y) and _grows(centres[:, 1], x):
                return "y first"
            if _grows(centres[:, 0], x) and _grows(centres[:, 1], y):
                return "x first"
        if grids:
            return None
    tail = head.graph.upstream(head.graph.outputs[boxes].name, stop=WEIGHTED)
    turns = any(
        (node.op_type == "Slice" and len(node.input) > 4 and _values(head, node.input[4]) == [-1])
        or (node.op_type == "Gather" and _values(head, node.input[1]) == [1, 0])
        for node in tail
    )
    return "y first" if turns else None


def _values(head: Head, name: str) -> list[int]:
    value = head.graph.constants.get(name)
    return [] if value is None else [int(v) for v in value.reshape(-1)]


def _grids(size: Size, rows: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Centre x and y of the cells that so many boxes may belong to, the anchors of a cell one after the other."""
    for strides in STRIDE_SETS:
        if size.height % strides[-1] or size.width % strides[-1]:
            continue
        if grid_rows(size, strides, _ANCHORS) != rows:
            continue
        for order in (strides[::-1], strides):
            cells = [
                np.mgrid[0 : size.height // s, 0 : size.width // s].reshape(2, -1) * s + s / 2 for s in order
            ]
            y, x = np.repeat(np.concatenate(cells, axis=1), _ANCHORS, axis=1).astype(np.float32)
            yield x, y


def _grows(values: NDArray[np.float32], cells: NDArray[np.float32]) -> bool:
    """Whether values grow by about a pixel from one pixel of the grid to the next."""
    if not cells.std() > 0:
        return True
    return 0.5 < float(np.polyfit(cells, values, 1)[0]) < 2


def _contradicted(head: Head, roles: tuple[int, int, int]) -> bool:
    """Whether the values of the probe run are none of this form."""
    if head.probe is None:
        return False
    boxes, confidence, chosen = (head.probe[i] for i in roles)
    table, index = as_float32(boxes[0]), chosen.reshape(-1, 3)
    ordered = (table[:, 2] >= table[:, 0]) & (table[:, 3] >= table[:, 1])
    inside = (index >= 0) & (index < (1, confidence.shape[1], confidence.shape[2]))
    return not (
        ordered.all()
        and (table[:, :2] + table[:, 2:]).max(initial=0) > 4  # else shares of the picture
        and between_0_and_1(confidence)
        and inside.all()
    )


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """All scores, (classes, N)."""
    return np.asarray(outputs[spec.others[0]][0])


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A box or score is not finite, chosen or not, a score no probability, or an index points
            beyond them.
    """
    boxes, table = outputs[spec.output][0], scores(outputs, spec)
    chosen = outputs[spec.others[1]].reshape(-1, 3)
    check_boxes(boxes)
    check_scores(table)
    if not ((chosen >= 0) & (chosen < (1, *table.shape))).all():
        raise ModelOutputError(
            f"the model chose a picture, class or box beyond its one picture, {table.shape[0]} classes and "
            f"{table.shape[1]} boxes. The result of this run is not used"
        )
    classes, rows = chosen[:, 1], chosen[:, 2]
    corners = boxes[rows][:, [1, 0, 3, 2]]
    return _final_boxes.candidates(corners, table[classes, rows], classes, spec, want, full=False)
