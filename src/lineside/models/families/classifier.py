"""Classifiers: one answer for the picture as a whole, such as the `-cls` models of Ultralytics and those of torchvision.

One output (1, classes): probabilities that a softmax in the graph made, the logits before it (the softmax of which
is taken here), or independent probabilities from a sigmoid.

Conventions: the transforms that Ultralytics trains and predicts with: the shorter side resized to the input as
Pillow does, the middle cut out, RGB from 0 to 1. Models that were trained with a mean and a deviation, as
torchvision's are, do not say so in the file: both are set by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ModelOutputError
from lineside.core.geometry import Fit
from lineside.models.evidence import between_0_and_1
from lineside.models.graph import WEIGHTED
from lineside.models.head import Head, Match
from lineside.models.spec import Conventions, HeadSpec, as_float32
from lineside.postprocess.candidates import Candidates, Selection, best_first, check_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TITLE = "whole-picture head (YOLOv8-cls, 11-cls, 26-cls, torchvision's)"
ALIASES = ("classification", "yolov8-cls", "yolo11-cls", "yolo26-cls")
CONVENTIONS = Conventions(fit=Fit(anchor="crop", rounding="floor"), nms="none")
NMS_FREE = True

_POOLS = {"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReduceMean"}
# Behind these a row of values is no answer about classes: boxes that were chosen, or a direction in space.
_NO_CLASSES = {"NonMaxSuppression", "TopK", "ArgMax", "ReduceL2", "LpNormalization", "BatchNormalization"}
_SAYS = {
    "probabilities": "probabilities that add up to one",
    "logits": "logits; their softmax is taken on the host",
    "independent": "a probability for each class by itself, from a sigmoid",
}


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim of a classifier on one output of one value a class."""
    if len(head.shapes) != 1 or len(head.shapes[0]) != 2 or not head.is_float(0):
        return None
    batch, classes = head.shapes[0]
    tail = head.graph.tail(head.graph.outputs[0].name)
    if batch not in {1, None} or classes is None or classes < 2 or tail & _NO_CLASSES:
        return None
    form = _form(head, tail)
    if form is None:
        return None
    from_weights = any(node.op_type in WEIGHTED for node in head.graph.upstream(head.graph.outputs[0].name))
    pooled = bool(head.graph.operators & _POOLS)
    named = head.names_count == classes
    if not (by_hand or (from_weights and (pooled or named or form != "logits"))):
        return None
    reasons = [f"one row of {classes} values, {_SAYS[form]}"]
    # A row of bare values could be a vector of features too.
    sureness = 0.4 if form == "logits" else 0.6
    if pooled:
        sureness += 0.2
        reasons.append("the picture is pooled to one place before the last layer")
    if head.probe is not None and form != "logits":
        sureness += 0.1
        reasons.append("in a probe run they are probabilities")
    if named:
        sureness += 0.2
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(
        output=0,
        classes=classes,
        strides=(),
        anchors=1,
        channels_first=False,
        size=head.size,
        rows=1,
        task="classify",
        form=form,
    )
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _form(head: Head, tail: frozenset[str]) -> str | None:
    """What the values are: a key of `_SAYS`, or `None` where the graph says one thing and the probe another."""
    ends = {part.origin for part in head.segments(0, 1)}
    if ends == {"Softmax"} or {"Exp", "Div"} <= tail:
        claimed = "probabilities"
    else:
        claimed = "independent" if ends == {"Sigmoid"} else "logits"
    if head.probe is None:
        return claimed
    values = as_float32(head.probe[0][0])
    if not between_0_and_1(values):
        return claimed if claimed == "logits" else None
    if _adds_up(values):
        return "probabilities"
    return None if claimed == "probabilities" else claimed


def _adds_up(values: NDArray[np.float32]) -> bool:
    """Whether values are shares of one, as exactly as half precision and eight bits give them."""
    return bool(abs(float(values.sum()) - 1) < 0.02)


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """The probability of each class."""
    return _probabilities(as_float32(outputs[spec.output][0]), spec)


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """The classes of one picture, best first, each with the whole input for its box.

    Raises:
        ModelOutputError: A value is not finite, or no probability.
    """
    values = as_float32(outputs[spec.output][0])
    if not np.isfinite(values).all():
        raise ModelOutputError(
            "the model answered NaN or infinite values for its classes. The result of this run is not used"
        )
    found = _probabilities(values, spec)
    check_scores(found)
    wanted = found > want.confidence
    if want.classes is not None:
        wanted &= want.classes
    index = wanted.nonzero()[0]
    order, cut = best_first(found[index], want.limit)
    index = index[order]
    box = np.array([0, 0, spec.size.width, spec.size.height], np.float32)
    confidence = np.clip(found[index], 0, 1)
    return Candidates(np.tile(box, (len(index), 1)), confidence, index.astype(np.int32), cut)


def _probabilities(values: NDArray[np.float32], spec: HeadSpec) -> NDArray[np.float32]:
    """The values themselves, or the softmax of logits."""
    if spec.form != "logits":
        return values
    raised = np.exp(values - values.max())
    return np.asarray(raised / raised.sum(), np.float32)
