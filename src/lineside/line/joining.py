"""Which pictures are of one part, where the cameras take them by themselves: by their time, checked by their numbers.

Without threads, clock and I/O. Pictures go in, parts come out; no picture is ever of two parts.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason
from lineside.line.events import FrameArrived, FrameLost, Refusal, Triggered
from lineside.line.numbering import Numbering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lineside.core.frame import Frame
    from lineside.line.events import Event

_REMEMBERED = 64  # parts whose pictures may still come, and be told from a trigger too many


def view_names(camera: str, shots: int) -> tuple[str, ...]:
    """The names of a camera's views of a part: its own, or `top/1`, `top/2` … where it takes several."""
    return (camera,) if shots == 1 else tuple(f"{camera}/{shot}" for shot in range(1, shots + 1))


@dataclass(slots=True, eq=False)
class _Group:
    """The pictures of one part.

    Attributes:
        part: Its number.
        order: How many parts of this kind came before it.
        at_s: When its first picture was taken.
        missing: The views of each camera that have not come.
        is_open: They are still waited for.
    """

    part: int
    order: int
    at_s: float
    missing: dict[str, list[str]]
    is_open: bool = True


class Joiner:
    """Makes parts of pictures that come by themselves.

    A part begins with the first picture that belongs to none. Pictures of the other cameras, and further shots of the same one, belong
    to it if they were taken within the window; so parts must be more than two windows apart. A picture too many within it, or one
    that begins a part too soon after the last, is a trigger too many: a part of its own, answered `trigger_missed`. What is missing
    when the window and the grace are over is `no_frame`; what comes later still is counted and changes nothing.

    Where a camera numbers its pictures, the number must say the same as the time. A picture whose number is that of another part is
    `trigger_missed`, and its camera's numbers are counted anew from there.

    Args:
        shots: How many pictures of a part each camera takes.
        window_s: Pictures of one part are taken within so many seconds.
        grace_s: So long after the window a picture may still be on its way.
        least_s: Two parts are never nearer to each other, in seconds; 0 where that is not known.
        numbers: Numbers the parts.

    Attributes:
        too_many: Triggers too many up to now.
        late: Pictures that came for a part that had been given up.

    Raises:
        SettingsError: There is no camera, or a number is out of its range.
    """

    def __init__(
        self,
        shots: Mapping[str, int],
        *,
        window_s: float,
        grace_s: float = 0.0,
        least_s: float = 0.0,
        numbers: Iterator[int] | None = None,
    ) -> None:
        is_sound = all(0 <= value < math.inf for value in (window_s, grace_s, least_s))
        if not shots or min(shots.values()) < 1 or not is_sound:
            raise SettingsError(
                "joining: expected cameras with at least one shot each, and times of at least 0 s; got "
                f"{dict(shots)}, a window of {window_s} s, a grace of {grace_s} s and parts at least {least_s} s apart"
            )
        self._shots = dict(shots)
        self._window_s = window_s
        self._grace_s = grace_s
        self._least_s = least_s
        self._parts = count() if numbers is None else numbers
        self._groups: deque[_Group] = deque(maxlen=_REMEMBERED)
        self._begun = 0
        self._numbers = Numbering(shots)
        self.too_many = 0
        self.late = 0

    @property
    def wake_s(self) -> float:
        """When the next part is given up; infinite where none is open."""
        begun_s = min((group.at_s for group in self._groups if group.is_open), default=math.inf)
        return begun_s + self._window_s + self._grace_s

    def take(self, camera: str, frame: Frame, at_s: float) -> list[Event]:
        """What a picture means.

        Args:
            camera: The camera's name.
            frame: The picture.
            at_s: When it was taken, in monotonic seconds.
        """
        near = [group for group in self._groups if abs(at_s - group.at_s) <= self._window_s]
        near.sort(key=lambda group: abs(at_s - group.at_s))
        wanting = next((group for group in near if group.missing[camera]), None)
        if wanting is not None:
            return self._join(wanting, camera, frame)
        if near:
            return self._refuse(camera, at_s, f"camera {camera} has its pictures of part {near[0].part}")
        last = self._groups[-1] if self._groups else None
        if last is not None and abs(at_s - last.at_s) < self._least_s:
            apart_ms = (at_s - last.at_s) * 1e3
            return self._refuse(camera, at_s, f"it came {apart_ms:.1f} ms after that of part {last.part}")
        return self._begin(camera, frame, at_s)

    def wants(self, camera: str, at_s: float) -> bool:
        """Whether a part waits for a picture that this camera took at that moment."""
        return any(
            group.is_open and group.missing[camera] and abs(at_s - group.at_s) <= self._window_s
            for group in self._groups
        )

    def overdue(self, now_s: float) -> list[Event]:
        """What is missing of the parts whose time is up."""
        events: list[Event] = []
        for group in self._groups:
            if group.is_open and now_s >= group.at_s + self._window_s + self._grace_s:
                events += self._give_up(group)
        return events

    def _begin(self, camera: str, frame: Frame, at_s: float) -> list[Event]:
        events: list[Event] = []
        if len(self._groups) == _REMEMBERED and self._groups[0].is_open:
            events = self._give_up(self._groups[0])  # it would be forgotten
        missing = {name: list(view_names(name, shots)) for name, shots in self._shots.items()}
        group = _Group(next(self._parts), self._begun, at_s, missing)
        self._begun += 1
        self._groups.append(group)
        return [*events, Triggered(group.part, at_s, asks=False), *self._join(group, camera, frame)]

    def _join(self, group: _Group, camera: str, frame: Frame) -> list[Event]:
        view = group.missing[camera].pop(0)
        shots = self._shots[camera]
        expected = group.order * shots + view_names(camera, shots).index(view)
        doubt = self._numbers.doubt(camera, expected, frame.device_frame)
        if not group.is_open:
            self.late += 1
            return []
        group.is_open = any(group.missing.values())
        if doubt:
            return [FrameLost(view, group.part, Reason.TRIGGER_MISSED, doubt)]
        return [FrameArrived(view, group.part, replace(frame, part=group.part))]

    def _refuse(self, camera: str, at_s: float, why: str) -> list[Event]:
        self.too_many += 1
        self._numbers.skip(camera)
        refusal = Refusal(Reason.TRIGGER_MISSED, f"a trigger too many: {why}")
        return [Triggered(next(self._parts), at_s, refusal=refusal, asks=False)]

    def _give_up(self, group: _Group) -> list[Event]:
        group.is_open = False
        detail = f"no picture came within {self._window_s * 1e3:g} ms of the part's first"
        return [
            FrameLost(view, group.part, Reason.NO_FRAME, detail)
            for views in group.missing.values()
            for view in views
        ]
