"""End-to-end pose: YOLO26-pose, and pose exports that carry their own NMS in the same form.

One output (1, rows, 6 + keypoints): the rows of YOLOv10 with x and y in model pixels, and mostly a visibility from
0 to 1, of each keypoint behind the class.

Conventions: those of YOLOv10.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineside.models.evidence import row_columns
from lineside.models.families import _end_to_end
from lineside.models.head import Details, Head, Match
from lineside.models.keypoint_layout import keypoint_layouts, values_sources
from lineside.models.spec import Conventions, HeadSpec, as_float32
from lineside.postprocess.keypoints import frame_keypoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.core.geometry import Letterbox
    from lineside.models.keypoint_layout import KeypointLayout
    from lineside.postprocess.candidates import Candidates

TITLE = "end-to-end pose (YOLO26-pose)"
ALIASES = ("yolo26-pose",)
CONVENTIONS = Conventions()
NMS_FREE = True

_ENOUGH = 0.5  # how sure it must be that they are chosen rows before their values are counted


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on chosen rows with keypoints behind the class."""
    claim = _rows(head, by_hand=by_hand)
    layouts = [] if claim is None else _layouts(head, claim)
    if claim is None or len(layouts) != 1:
        return None
    ((count, each),) = layouts
    spec = replace(claim.spec, task="pose", keypoints=(count, each))
    reason = f"the {count * each} values behind the class are {count} keypoints of {each}"
    return Match(claim.sureness, (*claim.reasons, reason), spec, claim.nms_inside)


def keypoints_behind(head: Head) -> tuple[int, list[KeypointLayout]]:
    """How many values are behind the class of chosen rows, and the layouts of keypoints that they can be.

    Returns:
        No values where it is no such head; no layouts where the values fit none.
    """
    claim = _rows(head, by_hand=False)
    if claim is None or claim.sureness < _ENOUGH:
        return 0, []
    return (head.shapes[0][2] or 6) - 6, _layouts(head, claim)


def _rows(head: Head, *, by_hand: bool) -> _end_to_end.RowsClaim | None:
    values = 0 if len(head.shapes) != 1 or len(head.shapes[0]) != 3 else (head.shapes[0][2] or 0) - 6
    if values < 2:
        return None
    return _end_to_end.claim_rows(head, 0, behind=values, by_hand=by_hand)


def _layouts(head: Head, claim: _end_to_end.RowsClaim) -> list[KeypointLayout]:
    values = (head.shapes[0][2] or 6) - 6
    columns = row_columns(head.graph, head.graph.outputs[0].name)
    tensors = values_sources(head.graph, columns[-1]) if columns and columns[-1].channels == values else []
    answered = None if claim.answered is None else claim.answered[:, 6:]
    return keypoint_layouts(head, values, tensors, answered)


scores = _end_to_end.scores
decode = _end_to_end.decode


def details(
    outputs: Sequence[NDArray[Any]], spec: HeadSpec, found: Candidates, letterbox: Letterbox
) -> Details:
    """The keypoints of the objects in `found`.

    Raises:
        ModelOutputError: A visibility is no probability.
    """
    assert found.rows is not None
    points = as_float32(outputs[spec.output][0].take(found.rows, axis=0)[:, 6:])
    return Details(keypoints=frame_keypoints(points, spec.keypoints, letterbox))
