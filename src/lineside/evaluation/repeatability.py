"""One part judged many times: do the verdicts agree, and how far does what was seen of it spread?"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import SettingsError
from lineside.judge.judgement import UndecidableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.core.geometry import Size
    from lineside.core.inspection import View
    from lineside.core.verdict import Reason, Verdict
    from lineside.judge.calibration import Plane

EDGES = ("left", "top", "right", "bottom")
_SAME_IOU = 0.3
_SURENESS = 0.95
_GAUGE_SHARE, _GAUGE_SIGMAS = 0.2, 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The part judged once.

    Attributes:
        verdict: What was said.
        reason: Why UNKNOWN, else `None`.
        seen: What was detected in each view, by its name; a view without an answer is missing.
    """

    verdict: Verdict
    reason: Reason | None
    seen: Mapping[str, Detections]

    @classmethod
    def of(cls, verdict: Verdict, reason: Reason | None, views: Sequence[View]) -> Look:
        """A judgement and the views that it was made of; their pictures are let go."""
        return cls(
            verdict, reason, {view.camera: view.detections for view in views if view.detections is not None}
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over all looks.

    Attributes:
        mean: Their mean.
        std: Their standard deviation, of a sample; 0 for a single one.
        lowest: The least.
        highest: The greatest.
    """

    mean: float
    std: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: NDArray[np.floating]) -> Spread:
        """The spread of at least one value."""
        wide = values.astype(np.float64)
        std = float(wide.std(ddof=1)) if len(wide) > 1 else 0.0
        return cls(float(wide.mean()), std, float(wide.min()), float(wide.max()))

    def to_dict(self) -> dict[str, float]:
        """A value that `json.dumps` takes."""
        return {name: round(getattr(self, name), 6) for name in ("mean", "std", "lowest", "highest")}


@dataclass(frozen=True, slots=True, eq=False)
class StudiedObject:
    """One object, found again in the looks: the same view and class, and boxes that overlap.

    Attributes:
        view: The view's name.
        name: The class.
        looks: The numbers of the looks that saw it, from 0.
        confidences: Its confidence in each of them, float64 (N,).
        boxes: Its box in each of them, float64 (N, 4) in px: left, top, right, bottom.
        size: Size of the pictures.
        plane: Turns px into mm; `None` where the view is not calibrated.
    """

    view: str
    name: str
    looks: tuple[int, ...]
    confidences: NDArray[np.float64]
    boxes: NDArray[np.float64]
    size: Size
    plane: Plane | None = None

    def edges(self) -> dict[str, Spread]:
        """Where each edge of the box was, in px."""
        return {name: Spread.of(self.boxes[:, number]) for number, name in enumerate(EDGES)}

    def sides(self, unit: str) -> dict[str, Spread]:
        """Width and height in `px` or `mm`; nothing in mm where the view is not calibrated for these pictures."""
        if unit == "px":
            width, height = (self.boxes[:, 2:] - self.boxes[:, :2]).T
            return {"width": Spread.of(width), "height": Spread.of(height)}
        middles = self._middles_mm()
        if middles is None:
            return {}
        left, top, right, bottom = middles
        return {
            "width": Spread.of(np.linalg.norm(right - left, axis=1)),
            "height": Spread.of(np.linalg.norm(bottom - top, axis=1)),
        }

    def edges_std_mm(self) -> dict[str, float]:
        """How far the middle of each edge spread, in mm over both directions; nothing where the view is not calibrated."""
        middles = self._middles_mm()
        if middles is None or len(self.looks) < 2:
            return {}
        return {
            name: float(np.sqrt(points.var(axis=0, ddof=1).sum()))
            for name, points in zip(EDGES, middles, strict=True)
        }

    def _middles_mm(self) -> list[NDArray[np.float64]] | None:
        """The middles of the four edges on the plane, (N, 2) each."""
        if self.plane is None:
            return None
        left, top, right, bottom = self.boxes.T
        x, y = (left + right) / 2, (top + bottom) / 2
        points = ((left, y), (x, top), (right, y), (x, bottom))
        try:
            return [self.plane.to_mm(np.stack(point, axis=1), self.size) for point in points]
        except UndecidableError:
            return None

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/study.md`."""
        return {
            "view": self.view,
            "class": self.name,
            "seen": len(self.looks),
            "confidence": Spread.of(self.confidences).to_dict(),
            "edges_px": {name: spread.to_dict() for name, spread in self.edges().items()},
            "edges_std_mm": {name: round(std, 6) for name, std in self.edges_std_mm().items()},
            "sides_px": {name: spread.to_dict() for name, spread in self.sides("px").items()},
            "sides_mm": {name: spread.to_dict() for name, spread in self.sides("mm").items()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class StudiedPart:
    """One part and all looks at it.

    Attributes:
        name: Its name.
        looks: They, in their order; at least one.
        objects: What was seen, the surest first.
    """

    name: str
    looks: tuple[Look, ...]
    objects: tuple[StudiedObject, ...] = field(default=())

    @classmethod
    def of(cls, name: str, looks: Sequence[Look], planes: Mapping[str, Plane] | None = None) -> StudiedPart:
        """The study of a part.

        Args:
            name: Its name.
            looks: At least one.
            planes: What turns px into mm, by camera.

        Raises:
            SettingsError: There is no look.
        """
        if not looks:
            raise SettingsError(f"{name}: expected at least one look at it; got none")
        return cls(name, tuple(looks), tuple(_objects(looks, planes or {})))

    @property
    def verdicts(self) -> Counter[tuple[Verdict, Reason | None]]:
        """How often each verdict was given, with its reason."""
        return Counter((look.verdict, look.reason) for look in self.looks)

    @property
    def agreeing(self) -> int:
        """Looks with the verdict that was given most often."""
        return max(Counter(look.verdict for look in self.looks).values())

    @property
    def is_repeatable(self) -> bool:
        """Whether every look gave the same verdict."""
        return self.agreeing == len(self.looks)

    @property
    def agreement_at_least(self) -> float:
        """So large a share of looks gives that verdict with 95 % sureness (the one-sided bound of Clopper and Pearson)."""
        return lower_bound(self.agreeing, len(self.looks))

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/study.md`."""
        return {
            "part": self.name,
            "looks": len(self.looks),
            "is_repeatable": self.is_repeatable,
            "verdicts": [
                {"verdict": str(verdict), "reason": None if reason is None else str(reason), "looks": count}
                for (verdict, reason), count in self.verdicts.most_common()
            ],
            "agreement": round(self.agreeing / len(self.looks), 6),
            "agreement_at_least": round(self.agreement_at_least, 6),
            "objects": [one.to_dict() for one in self.objects],
        }


def lower_bound(agreeing: int, looks: int, sureness: float = _SURENESS) -> float:
    """The least share that is still believable after so many of so many looks agreed, 0 to 1."""
    if agreeing == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(60):  # halved until the digits of a float are used up
        share = (low + high) / 2
        more = sum(_binomial(k, looks, share) for k in range(agreeing, looks + 1))
        low, high = (share, high) if more < 1 - sureness else (low, share)
    return low


def _binomial(hits: int, of: int, share: float) -> float:
    """How probable so many hits are; by logarithms, because the counts of ways outgrow a float."""
    ways = math.lgamma(of + 1) - math.lgamma(hits + 1) - math.lgamma(of - hits + 1)
    return math.exp(ways + hits * math.log(share) + (of - hits) * math.log1p(-share))


def capability(spread: Spread, tolerance: float) -> float | None:
    """Cg of a gauge study of type 1: a fifth of the tolerance over six standard deviations; `None` where nothing spread.

    Args:
        spread: Of the figure that has the tolerance.
        tolerance: The whole of it, upper less lower limit, in the figure's unit.
    """
    return None if spread.std == 0 else _GAUGE_SHARE * tolerance / (_GAUGE_SIGMAS * spread.std)


def _objects(looks: Sequence[Look], planes: Mapping[str, Plane]) -> list[StudiedObject]:
    found: list[_Followed] = []
    for number, look in enumerate(looks):
        for view, seen in look.seen.items():
            _follow(found, number, view, seen)
    objects = [one.studied(planes) for one in found]
    return sorted(objects, key=lambda one: (-len(one.looks), -float(one.confidences.mean())))


@dataclass(slots=True, eq=False)
class _Followed:
    """An object while it is found again."""

    view: str
    name: str
    size: Size
    looks: list[int]
    confidences: list[float]
    boxes: list[NDArray[np.float64]]

    def studied(self, planes: Mapping[str, Plane]) -> StudiedObject:
        plane = planes.get(self.view) or planes.get(self.view.partition("/")[0])
        return StudiedObject(
            self.view,
            self.name,
            tuple(self.looks),
            np.array(self.confidences),
            np.array(self.boxes),
            self.size,
            plane,
        )


def _follow(found: list[_Followed], number: int, view: str, seen: Detections) -> None:
    """Give each object of a look to the one that it is, the nearest pair first; what is left is new."""
    rows = {
        row: (seen.names[int(seen.class_id[row])], seen.xyxy[row].astype(np.float64))
        for row in range(len(seen))
    }
    pairs = sorted(
        (
            (_iou(one.boxes[-1], box), row, one)
            for row, (name, box) in rows.items()
            for one in found
            if one.view == view and one.name == name and one.size == seen.size
        ),
        key=lambda pair: -pair[0],
    )
    for iou, row, one in pairs:
        if iou < _SAME_IOU or row not in rows or one.looks[-1] == number:
            continue
        one.looks.append(number)
        one.confidences.append(float(seen.confidence[row]))
        one.boxes.append(rows.pop(row)[1])
    for row, (name, box) in rows.items():
        found.append(_Followed(view, name, seen.size, [number], [float(seen.confidence[row])], [box]))


def _iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    both = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - shared
    return shared / both if both > 0 else 0.0
