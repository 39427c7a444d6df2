"""PicoDet without its decoding: for each level an output of scores and one of undecoded box distributions.

Eight outputs with four levels of strides 8 to 64: scores (1, cells, classes) of all levels, then logits
(1, cells, 32). A side's distance is the mean of its eight bins, in cells from the cell's centre. The input need not
be a multiple of 64: a level has as many cells as its convolution rounds up to.

An export that decodes but leaves out NMS answers boxes (1, rows, 4) as corners and scores (1, classes, rows).

Conventions: PaddleDetection's PicoDet reader (RGB, divided by 255, mean and deviation of ImageNet, stretched).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.geometry import Fit
from lineside.models.families import _corners, _distances
from lineside.models.families._cells import cell_points, cells
from lineside.models.families._corners import TWO_OUTPUTS, Reading
from lineside.models.families._distances import Level, Pairs
from lineside.models.head import Match
from lineside.models.spec import Conventions, HeadSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from lineside.models.head import Head
    from lineside.postprocess.candidates import Candidates, Selection

TITLE = "PicoDet, distributions or corners without NMS"
ALIASES = ("pp-picodet", "pico-det")
CONVENTIONS = Conventions(
    mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225), fit=Fit(anchor="stretch")
)
NMS_FREE = False

LEVELS = "levels"
_FOUR = 4  # with three levels a head of this form is NanoDet's, or PP-YOLOE's


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on scores and distributions of four levels, or on their corners."""
    if len(head.shapes) == 2:
        return _corners.claim(head, lambda reading: _fits(reading, by_hand=by_hand))
    found = _distances.pairs(head)
    if found is None or len(found.strides) != _FOUR or not found.grouped:
        return None
    return claim(head, found, LEVELS)


def _fits(reading: Reading, *, by_hand: bool) -> bool:
    in_order = reading.boxes < reading.scores or by_hand
    return (
        reading.form == TWO_OUTPUTS and reading.channels_first and len(reading.strides) == _FOUR and in_order
    )


def claim(head: Head, found: Pairs, form: str) -> Match:
    """The claim on a pair of outputs a level."""
    strides = ", ".join(map(str, found.strides))
    reasons = [f"{len(head.shapes)} outputs are scores and box distributions of the levels {strides}"]
    sureness = 0.4
    if found.traced:
        sureness += 0.2
        reasons.append(
            f"the {found.classes} scores of each level come from a sigmoid, the distributions do not"
        )
    if head.probe is not None:
        sureness += 0.3
        reasons.append("in a probe run one output of each level holds probabilities, the other does not")
    if head.names_count == found.classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {found.classes}")
    spec = HeadSpec(
        output=found.scores[0],
        classes=found.classes,
        strides=found.strides,
        anchors=1,
        channels_first=False,
        size=head.size,
        rows=found.rows,
        others=(*found.scores[1:], *found.logits),
        form=form,
    )
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Class scores, (rows, classes), or (classes, rows) where the boxes are corners."""
    if spec.form == TWO_OUTPUTS:
        return _corners.scores(outputs, spec)
    return np.concatenate([outputs[i][0] for i in (spec.output, *spec.others[: len(spec.strides) - 1])])


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    if spec.form == TWO_OUTPUTS:
        return _corners.decode(outputs, spec, want)
    return _distances.decode(levels(outputs, spec, offset=0.5), want)


def levels(outputs: Sequence[NDArray[Any]], spec: HeadSpec, *, offset: float) -> Iterator[Level]:
    """The levels of a pair of outputs each, with points `offset` cells from each cell's corner."""
    count = len(spec.strides)
    places = (spec.output, *spec.others)
    points, steps = cell_points(spec.size, spec.strides, offset)
    start = 0
    for own, logits, stride in zip(places[:count], places[count:], spec.strides, strict=True):
        lines, columns = cells(spec.size, stride)
        part = slice(start, start + lines * columns)
        yield Level(outputs[own][0], outputs[logits][0], points[part], steps[part])
        start = part.stop
