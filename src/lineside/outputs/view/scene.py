"""What there is to see of a line at a moment: the newest of each of its views, and how old that is."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.inspection import Inspection, View
    from lineside.core.verdict import Reason, Verdict

    Outlines = Sequence[tuple[str, NDArray[np.floating[Any]]]]


@dataclass(frozen=True, slots=True)
class Watched:
    """The line that is watched.

    Attributes:
        name: Its name.
        views: The names of its views, in their order.
        away: Why the camera of a view is lost; an empty text while it is not.
        outlines: Where the rules of a product look in a view: a name and corners (N, 2) in pixels each.
        health: How the line does: a value that `json.dumps` takes.
    """

    name: str
    views: tuple[str, ...]
    away: Callable[[str], str]
    outlines: Callable[[View, str], Outlines]
    health: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The newest of a view. It holds the one picture and no other of its part.

    Attributes:
        view: The view.
        part: The part's number.
        verdict: Of the whole part.
        reason: Why it is UNKNOWN: the view's own where it has one.
        detail: The grounds as a sentence.
        product: The part's product code, or an empty string.
        at_s: When the part was in place, in monotonic seconds.
    """

    view: View
    part: int
    verdict: Verdict
    reason: Reason | None
    detail: str
    product: str
    at_s: float

    @classmethod
    def of(cls, view: View, inspection: Inspection) -> Sight:
        """The sight of a view of a part."""
        return cls(
            view,
            inspection.part,
            inspection.verdict,
            view.reason or inspection.reason,
            view.detail if view.reason is not None else inspection.detail,
            inspection.origin.product,
            inspection.triggered_s,
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many objects of each class were detected, the most frequent first."""
        found = self.view.detections
        if found is None:
            return {}
        return dict(Counter(found.names[k] for k in found.class_id.tolist()).most_common())


@dataclass(frozen=True, slots=True)
class Moment:
    """A view as it is to be shown now.

    Attributes:
        name: The view's name.
        sight: The newest of it; `None` before the first part.
        change: Another number whenever there is another sight.
        age_s: Seconds since its part was in place.
        picture_age_s: Seconds since the part of its last picture was; `None` where there was none.
        away: Why its camera is lost, or an empty text.
        is_old: The sight has a picture that must not be taken for what is there now.
    """

    name: str
    sight: Sight | None
    change: int
    age_s: float
    picture_age_s: float | None
    away: str
    is_old: bool

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        about: dict[str, Any] = {"view": self.name, "away": self.away, "is_old": self.is_old}
        if self.sight is None:
            return about | {"part": None}
        sight = self.sight
        return about | {
            "part": sight.part,
            "age_s": round(self.age_s, 1),
            "has_picture": sight.view.frame is not None,
            "verdict": str(sight.verdict),
            "reason": None if sight.reason is None else str(sight.reason),
            "detail": sight.detail,
            "counts": sight.counts,
            "product": sight.product,
        }


class Scene:
    """The newest sight of each view. Any thread may call it, and none waits.

    Args:
        watched: The line.
        clock: Its monotonic seconds.
        old_s: A picture that is older is old.

    Attributes:
        watched: The line.
    """

    def __init__(self, watched: Watched, *, clock: Callable[[], float], old_s: float) -> None:
        self.watched = watched
        self._clock = clock
        self._old_s = old_s
        self._lock = threading.Lock()
        self._sights: dict[str, Sight] = {}
        self._changes: Counter[str] = Counter()
        self._pictured_s: dict[str, float] = {}

    def take(self, inspection: Inspection) -> None:
        """This part is the newest."""
        sights = {view.camera: Sight.of(view, inspection) for view in inspection.views}
        with self._lock:
            for name in self.watched.views:
                if (sight := sights.get(name)) is not None:
                    self._sights[name] = sight
                    self._changes[name] += 1
                    if sight.view.frame is not None:
                        self._pictured_s[name] = sight.at_s

    def moment(self, name: str) -> Moment:
        """A view as it is now."""
        with self._lock:
            sight, change = self._sights.get(name), self._changes[name]
            pictured_s = self._pictured_s.get(name)
        now_s, away = self._clock(), self.watched.away(name)
        age_s = 0.0 if sight is None else max(now_s - sight.at_s, 0.0)
        has_picture = sight is not None and sight.view.frame is not None
        return Moment(
            name,
            sight,
            change,
            age_s,
            None if pictured_s is None else max(now_s - pictured_s, 0.0),
            away,
            has_picture and (bool(away) or age_s > self._old_s),
        )
