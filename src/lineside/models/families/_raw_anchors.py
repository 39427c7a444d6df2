"""What the undecoded anchor heads share: the claim and the anchors.

Every level answers, for each of three anchor boxes of a cell, four box values, an objectness and a score a class.
The families differ in how box values become boxes, in their anchors, and in how pictures are fed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.models.class_names import literal
from lineside.models.evidence import between_0_and_1, grid_slopes
from lineside.models.families import _raw_boxes
from lineside.models.families._raw_levels import ANCHORS, Levels, Net
from lineside.models.head import GridLayout, Match
from lineside.models.spec import HeadSpec, as_float32, grid_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.models.head import Head
    from lineside.postprocess.candidates import Candidates, Selection

Pairs = tuple[tuple[float, float], ...]
Strides = tuple[int, ...]

COCO_V3: Pairs = (
    (10, 13),
    (16, 30),
    (33, 23),
    (30, 61),
    (62, 45),
    (59, 119),
    (116, 90),
    (156, 198),
    (373, 326),
)
"""Of YOLOv3 (Redmon, Farhadi 2018, section 2.3), kept by YOLOv5 and YOLOv7-tiny: strides 8, 16, 32."""

COCO_V4: Pairs = (
    *((12, 16), (19, 36), (40, 28)),
    *((36, 75), (76, 55), (72, 146)),
    *((142, 110), (192, 243), (459, 401)),
)
"""Of YOLOv4 (`yolov4.cfg` of darknet), kept by YOLOv7: strides 8, 16, 32."""

COCO_FOUR_LEVELS: Pairs = (
    *((19, 27), (44, 40), (38, 94)),
    *((96, 68), (86, 152), (180, 137)),
    *((140, 301), (303, 264), (238, 542)),
    *((436, 615), (739, 380), (925, 792)),
)
"""Of YOLOv5's P6 models, YOLOR and YOLOv7-W6, E6, D6: strides 8, 16, 32, 64."""

COCO_TINY: Pairs = ((23, 27), (37, 58), (81, 82), (81, 82), (135, 169), (344, 319))
"""Of `yolov3-tiny.cfg` and `yolov4-tiny.cfg`, as their weights were trained: anchors 2 to 4 at stride 16, 4 to 6 at 32."""

_SLOPE = 0.5  # decoded centres grow by a pixel a pixel, what a convolution answers hardly at all
_SURE = {True: 0.85, None: 0.6, False: 0.3}  # a family that is out needs to lie a fifth below one that is in


@dataclass(frozen=True, slots=True)
class Look:
    """What a family leans on to tell itself from its kin.

    Attributes:
        levels: The levels.
        net: The layers before them.
        done: What has been through a sigmoid.
    """

    levels: Levels
    net: Net
    done: str

    @property
    def is_torch(self) -> bool:
        """Whether the axes are those that the PyTorch projects of YOLOv5 and YOLOv7 write."""
        return self.levels.form == "a h w v"


@dataclass(frozen=True, slots=True)
class Kin:
    """One family of undecoded anchor heads.

    Attributes:
        squares: True where sizes are anchor * (2 * sigmoid)**2, False where they are anchor * exp(value).
        anchors: Default anchors in pixels by strides; what is not here needs anchors in the metadata.
        stretch: By what the sigmoid of the centre is stretched about its middle, by strides, a factor a level.
        leans: What speaks for the family: True, against it: False, or neither: `None`.
        others: Default anchors of its kin, which are not its own where the metadata holds them.
    """

    squares: bool
    anchors: Mapping[Strides, Pairs]
    stretch: Mapping[Strides, tuple[float, ...]]
    leans: Callable[[Look], bool | None]
    others: tuple[Pairs, ...] = ()

    def match(self, head: Head, *, by_hand: bool) -> Match | None:
        """The claim on outputs that are all undecoded levels."""
        return _claim(head, self, by_hand=by_hand)

    def decode(self, outputs: Sequence[NDArray[Any]], spec: HeadSpec, want: Selection) -> Candidates:
        """Candidates of one picture in model pixels.

        Raises:
            ModelOutputError: A value is not finite, or a score no probability.
        """
        stretch = self._factors(spec.strides)
        return _raw_boxes.decode(outputs, spec, want, squares=self.squares, stretch=stretch)

    def _factors(self, strides: Strides) -> tuple[float, ...]:
        """The stretch of each level."""
        return self.stretch.get(strides, (2.0 if self.squares else 1.0,) * len(strides))


def _claim(head: Head, kin: Kin, *, by_hand: bool) -> Match | None:
    """A family's claim on a head whose every output is a level."""
    levels = Levels.of(head)
    if levels is None:
        return None
    done = _done(head, levels, by_hand=by_hand)
    if done is None or done == ("centres" if kin.squares else "all"):
        return None
    own = _own_anchors(head, len(levels.strides))
    anchors = own or kin.anchors.get(levels.strides)
    if anchors is None or not _fits(head, levels, done):
        return None
    net = Net.of(head, levels)
    lean = False if own in kin.others else kin.leans(Look(levels, net, done))
    sureness = _SURE[lean] + 0.1 * (head.probe is not None)
    classes = levels.values - 5
    strides = ", ".join(map(str, levels.strides))
    reasons = [
        f"{len(levels.strides)} outputs are undecoded levels of three boxes a cell, at strides {strides}",
        f"each holds {ANCHORS} x (5 + {classes}) values of one convolution, {_DONE_TEXT[done]}",
        f"{net}: {_LEAN_TEXT[lean]}",
        "anchors: the family's defaults, as the file holds none"
        if own is None
        else f"anchors {'from the metadata' if head.anchors is None else 'set by hand'}",
    ]
    if head.probe is not None:
        reasons.append("in a probe run the values do not follow the grid, so they are not decoded yet")
    if head.names_count == classes:
        sureness += 0.05
        reasons.append(f"5 + {classes} values fit the {classes} class names")
    spec = _spec(head, levels, anchors, done)
    return Match(sureness, tuple(reasons), spec, warnings=() if own else (_UNSURE,))


_UNSURE = (
    "the file holds no anchors, so those that its family was published with are taken. Where training chose others, "
    "every box has a wrong size: set anchors = [[width, height], ...] in the .toml beside the model"
)
_DONE_TEXT = {
    "logits": "no sigmoid behind it",
    "scores": "a sigmoid behind objectness and classes",
    "centres": "a sigmoid behind all but the sizes",
    "all": "a sigmoid behind all of them",
}
_LEAN_TEXT = {True: "these speak for it", None: "these leave it open", False: "these speak against it"}


def _spec(head: Head, levels: Levels, anchors: Pairs, done: str) -> HeadSpec:
    return HeadSpec(
        output=levels.outputs[0],
        classes=levels.values - 5,
        strides=levels.strides,
        anchors=ANCHORS,
        channels_first=levels.form.index("v") < levels.form.index("h"),
        size=head.size,
        rows=grid_rows(head.size, levels.strides, ANCHORS),
        others=levels.outputs[1:],
        anchor_px=anchors,
        form=f"{levels.form}: {done}",
    )


def _done(head: Head, levels: Levels, *, by_hand: bool) -> str | None:
    """What has been through a sigmoid, by the structure or, where the user vouches for the family, by the values."""
    done = levels.done(head)
    if done == "another" or (done == "unknown" and (head.probe is None or not by_hand)):
        return None
    if done != "unknown":
        return done
    rows = _rows(head, levels)
    if between_0_and_1(rows):
        return "all"
    return "scores" if between_0_and_1(rows[:, 4:]) else "logits"


def _fits(head: Head, levels: Levels, done: str) -> bool:
    """Whether the values of the probe run can be undecoded ones."""
    if head.probe is None:
        return True
    rows = _rows(head, levels)
    layout = GridLayout(False, levels.values, len(rows), levels.strides, ANCHORS)  # noqa: FBT003 # its first field
    if any(slope > _SLOPE for slope in grid_slopes(rows, layout, head.size)):
        return False
    through = {"logits": rows[:0], "scores": rows[:, 4:], "centres": np.delete(rows, (2, 3), 1), "all": rows}
    return not through[done].size or between_0_and_1(through[done])


def _rows(head: Head, levels: Levels) -> NDArray[np.float32]:
    """The probe's values, float32 (rows, 5 + classes), in the order of `cell_centres`."""
    assert head.probe is not None
    boxes = (_raw_boxes.level(head.probe[i], levels.form) for i in levels.outputs)
    return np.concatenate([as_float32(box).reshape(-1, levels.values) for box in boxes])


def _own_anchors(head: Head, levels: int) -> Pairs | None:
    """The anchors set by hand, else those in the metadata entry `anchors`: pixels, three pairs a level; or `None`.

    Levels may come in any order, as outputs do; the answer begins with the finest.
    """
    entries = {p.key: p.value for p in head.graph.model.metadata_props}
    value = literal(entries.get("anchors")) if head.anchors is None else head.anchors
    try:
        table = np.array(value, np.float64).reshape(levels, ANCHORS, 2)
    except (TypeError, ValueError):
        return None
    if not (np.isfinite(table).all() and (table > 0).all()):
        return None
    finest_first = table[table.prod(axis=2).mean(axis=1).argsort(kind="stable")]
    return tuple((float(w), float(h)) for w, h in finest_first.reshape(-1, 2))
