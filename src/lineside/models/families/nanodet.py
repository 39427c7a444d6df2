"""NanoDet and NanoDet-Plus: scores and undecoded box distributions.

One output (1, rows, classes + 4 * bins): a sigmoid score a class, then the logits of each side's bins, mostly eight.
Or a pair of outputs a level, scores and logits, as older exports have. A side's distance is the mean of its bins, in
cells. With three levels (NanoDet) it starts at the cell's centre, with four (NanoDet-Plus) at its upper left corner.

Conventions: NanoDet's configurations (BGR, mean and deviation of ImageNet for bytes, stretched); its `distance2bbox`
clips boxes to the input before NMS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.core.geometry import Fit
from lineside.models.evidence import between_0_and_1
from lineside.models.families import _distances, picodet
from lineside.models.families._cells import cell_counts, cell_points
from lineside.models.families._distances import Level
from lineside.models.head import Match
from lineside.models.spec import Conventions, HeadSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lineside.models.head import Head
    from lineside.postprocess.candidates import Candidates, Selection

TITLE = "NanoDet and NanoDet-Plus, distributions"
ALIASES = ("nanodet-plus", "nanodetplus", "nano-det")
CONVENTIONS = Conventions(
    colour="bgr",
    scale=1.0,
    mean=(103.53, 116.28, 123.675),
    deviation=(57.375, 57.12, 58.395),
    fit=Fit(anchor="stretch"),
)
NMS_FREE = False

_STRIDES = ((8, 16, 32, 64), (8, 16, 32))
_CORNER_FROM = 4  # levels: from so many on the distances start at the cell's corner
_BINS = 32  # of four sides, in every configuration


def match(head: Head, *, by_hand: bool) -> Match | None:
    """The claim on scores and logits in one output, or in a pair a level that is not PicoDet's."""
    if len(head.shapes) == 1:
        claims = [m for first in (True, False) if (m := _claim(head, channels_first=first, by_hand=by_hand))]
        return max(claims, key=lambda m: m.sureness, default=None)
    found = _distances.pairs(head)
    if found is None or found.strides not in _STRIDES:
        return None
    if not found.interleaved and (len(found.strides) >= _CORNER_FROM or not found.grouped):
        return None
    return picodet.claim(head, found, picodet.LEVELS)


def _claim(head: Head, *, channels_first: bool, by_hand: bool) -> Match | None:
    shape = head.shapes[0]
    if len(shape) != 3 or not head.is_float(0):
        return None
    channels, rows = shape[1:] if channels_first else shape[:0:-1]
    strides = next((s for s in _STRIDES if sum(cell_counts(head.size, s)) == rows), None)
    if channels is None or rows is None or strides is None:
        return None
    classes, traced = _classes(head, channels, 1 if channels_first else 2, by_hand=by_hand)
    if classes < 1 or channels - classes < 8 or (channels - classes) % 4:
        return None
    reasons = [f"{rows} rows are one a cell at strides {', '.join(map(str, strides))}"]
    reasons += [
        f"its channels are {classes} scores of one sigmoid, then 4 x {(channels - classes) // 4} bins"
    ] * traced
    sureness = 0.6 * traced
    if head.probe is not None:
        values = head.probe[0][0].T if channels_first else head.probe[0][0]
        if not between_0_and_1(values[:, :classes]) or between_0_and_1(values[:, classes:]):
            return None
        sureness += 0.3
        reasons.append("in a probe run the scores are probabilities, the bins are not")
    if head.names_count == classes:
        sureness += 0.1
        reasons.append(f"the number of class names agrees: {classes}")
    spec = HeadSpec(0, classes, strides, 1, channels_first, head.size, rows)
    return Match(min(sureness, 1.0), tuple(reasons), spec)


def _classes(head: Head, channels: int, axis: int, *, by_hand: bool) -> tuple[int, bool]:
    """The number of classes, 0 where it cannot be told, and whether the graph shows it."""
    parts = head.segments(0, axis)
    if len(parts) < 2:
        return (head.names_count or channels - _BINS if by_hand else 0), False
    scores, *bins = parts
    fits = scores.origin == "Sigmoid" and not {p.origin for p in bins} & {"Sigmoid", "Softmax"}
    # Of four box values the sides would be decoded: YOLOv8's form has them before its scores.
    return (scores.channels or 0) if fits and len(head.behind(scores)) < 2 else 0, True


def scores(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    """Class scores, (rows, classes)."""
    if spec.others:
        return picodet.scores(outputs, spec)
    return _rows(outputs, spec)[:, : spec.classes]


def decode(outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
    """Candidates of one picture in model pixels.

    Raises:
        ModelOutputError: A value is not finite, or a score no probability.
    """
    offset = 0.0 if len(spec.strides) >= _CORNER_FROM else 0.5
    limit = (spec.size.width, spec.size.height)
    if spec.others:
        return _distances.decode(picodet.levels(outputs, spec, offset=offset), want, limit=limit)
    rows = _rows(outputs, spec)
    level = Level(
        rows[:, : spec.classes], rows[:, spec.classes :], *cell_points(spec.size, spec.strides, offset)
    )
    return _distances.decode([level], want, limit=limit)


def _rows(outputs: Sequence[NDArray[Any]], spec: HeadSpec) -> NDArray[Any]:
    value: NDArray[Any] = outputs[spec.output][0]
    return value.T if spec.channels_first else value
