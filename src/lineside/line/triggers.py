"""What makes parts come: a rate, the cameras themselves, or the plant's control. Without threads, clock and I/O."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import count
from typing import TYPE_CHECKING

from lineside.core.inspection import Origin
from lineside.core.verdict import Reason
from lineside.line.events import FrameArrived, FrameCame, FrameLost, PlantAsked, Refusal, Triggered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lineside.line.events import Event, News
    from lineside.line.joining import Joiner
    from lineside.line.newest import Newest
    from lineside.line.schedule import Schedule
    from lineside.outputs.plant.link import PlantTrigger

STOPPING = Refusal(Reason.STOPPING, "the line was told to stop before the part came")


class Triggers(ABC):
    """When parts come. The run loop asks it again whenever `wake_s` has come, and after each piece of news.

    Attributes:
        is_stopping: It was told to stop.
        open_parts: How many parts have no answer yet; the run loop says so before it asks.
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self.open_parts = 0

    @property
    @abstractmethod
    def wake_s(self) -> float:
        """When something is due that no news brings; infinite where nothing is."""

    @abstractmethod
    def due(self, now_s: float) -> Iterable[Event]:
        """What is due by now, each once."""

    def take(self, news: News, now_s: float) -> Iterable[Event]:  # noqa: ARG002 # where parts come by the clock, no news brings one
        """What a piece of news means: a part, a picture, or nothing."""
        return ()

    def is_over(self, now_s: float) -> bool:  # noqa: ARG002 # only some know their end
        """Whether no part will come any more."""
        return self.is_stopping

    def stop(self, now_s: float) -> None:  # noqa: ARG002 # only some have a time
        """No part is judged that comes from now on."""
        self.is_stopping = True


class Timed(Triggers):
    """Parts by the clock, whose pictures lineside asks for.

    Args:
        schedule: When.
    """

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule

    @property
    def wake_s(self) -> float:
        """When the next part comes, or the time is up."""
        return self._schedule.wake_s

    def due(self, now_s: float) -> Iterable[Event]:
        """The parts that have come by now."""
        return [Triggered(part, at_s) for part, at_s in self._schedule.due(now_s)]

    def is_over(self, now_s: float) -> bool:
        """Whether every part has come and the time is up."""
        return self._schedule.is_over(now_s)

    def stop(self, now_s: float) -> None:
        """No further part comes."""
        super().stop(now_s)
        self._schedule.end(now_s)


class ByThemselves(Triggers):
    """Parts by the pictures of cameras that take them by themselves: free-running ones, or wired to a sensor.

    Args:
        joiner: Which pictures are of one part.
        least_s: A picture that would begin a part sooner after the last is skipped: a free-running camera that is faster than the parts.
            0 takes every one.
        ends_s: When the time is up; infinite for never.
        newest: Where pictures wait while the line is behind, and are passed over for newer ones; `None` where each is a part.

    Attributes:
        skipped: Pictures that came too soon after a part.
    """

    def __init__(
        self,
        joiner: Joiner,
        *,
        least_s: float = 0.0,
        ends_s: float = math.inf,
        newest: Newest | None = None,
    ) -> None:
        super().__init__()
        self._newest = newest
        self._joiner = joiner
        self._least_s = least_s
        self._ends_s = ends_s
        self._last_s = -math.inf
        self.skipped = 0

    @property
    def wake_s(self) -> float:
        """When a part is given up, or the time is up."""
        return min(self._joiner.wake_s, self._ends_s)

    def due(self, now_s: float) -> Iterable[Event]:
        """What is missing of parts whose window is over, and the newest pictures once the line has caught up."""
        events = self._joiner.overdue(now_s)
        if self._newest is not None and self.is_over(now_s):
            self._newest.drop()
        elif self._newest is not None:
            for at_s, news in self._newest.take(self.open_parts):
                events += self._joined(news, at_s)
        return events

    def take(self, news: News, now_s: float) -> Iterable[Event]:
        """The part that a picture begins, or is of."""
        if not isinstance(news, FrameCame):
            return ()
        at_s = now_s if news.frame.captured_s is None else news.frame.captured_s
        if (
            self._least_s
            and 0 <= at_s - self._last_s < self._least_s
            and not self._joiner.wants(news.camera, at_s)
        ):
            self.skipped += 1
            return ()
        if (
            self._newest is not None
            and self._newest.is_behind(self.open_parts)
            and not self._joiner.wants(news.camera, at_s)
        ):
            self._newest.put(news, at_s)
            return ()
        return self._joined(news, at_s)

    @property
    def passed_over(self) -> int:
        """Pictures that a newer one replaced before they became a part."""
        return 0 if self._newest is None else self._newest.passed_over

    def _joined(self, news: FrameCame, at_s: float) -> list[Event]:
        """The part that a picture begins, or is of."""
        events = self._joiner.take(news.camera, news.frame, at_s)
        if any(isinstance(event, Triggered) for event in events):
            self._last_s = at_s
        if news.ailment:
            events = [_ailing(event, news.ailment) for event in events]
        return [self._stopped(event) for event in events] if self.is_stopping else events

    def is_over(self, now_s: float) -> bool:
        """Whether it was stopped or the time is up."""
        return self.is_stopping or now_s >= self._ends_s

    @staticmethod
    def _stopped(event: Event) -> Event:
        if not isinstance(event, Triggered) or event.refusal is not None:
            return event
        return Triggered(event.part, event.at_s, refusal=STOPPING, asks=False)


def _ailing(event: Event, ailment: str) -> Event:
    """A picture of a part that cannot be judged is no picture."""
    if not isinstance(event, FrameArrived):
        return event
    return FrameLost(event.camera, event.part, Reason.IMAGE_UNHEALTHY, ailment)


class Asked(Triggers):
    """Parts by the plant's control, each with its number there.

    A trigger with the last one's number came twice, and one sooner after the last than parts can come is too early: both are answered
    `trigger_missed`. Numbers that were left out are counted.

    Args:
        least_s: Two parts are never nearer to each other, in seconds; 0 where that is not known.
        ends_s: When the time is up; infinite for never.
        numbers: Numbers the parts.

    Attributes:
        too_many: Triggers that came twice or too early.
        lost: Numbers that were left out.
    """

    def __init__(
        self, *, least_s: float = 0.0, ends_s: float = math.inf, numbers: Iterator[int] | None = None
    ) -> None:
        super().__init__()
        self._parts = count() if numbers is None else numbers
        self._least_s = least_s
        self._ends_s = ends_s
        self._last: dict[int, PlantTrigger] = {}
        self.too_many = 0
        self.lost = 0

    @property
    def wake_s(self) -> float:
        """When the time is up."""
        return self._ends_s

    def due(self, now_s: float) -> Iterable[Event]:  # noqa: ARG002 # nothing comes by the clock
        """Nothing."""
        return ()

    def take(self, news: News, now_s: float) -> Sequence[Triggered]:
        """The part that the control asks for; one that comes while the line stops is answered so."""
        if not isinstance(news, PlantAsked):
            return ()
        asked = news.trigger
        refusal = STOPPING if self.is_over(now_s) else self._doubt(news.link, asked)
        origin = Origin(asked.id, asked.product or "", asked.serial)
        return [Triggered(next(self._parts), min(asked.at_s, now_s), origin, refusal)]

    def is_over(self, now_s: float) -> bool:
        """Whether it was stopped or the time is up."""
        return self.is_stopping or now_s >= self._ends_s

    def _doubt(self, link: int, asked: PlantTrigger) -> Refusal | None:
        """Why no picture would belong to a trigger for certain; `None` where nothing speaks against it."""
        last, self._last[link] = self._last.get(link), asked
        if last is None:
            return None
        if asked.id is not None and asked.id == last.id:
            self.too_many += 1
            return Refusal(Reason.TRIGGER_MISSED, f"trigger {asked.id} came twice")
        if asked.at_s - last.at_s < self._least_s:
            self.too_many += 1
            apart_ms = (asked.at_s - last.at_s) * 1e3
            return Refusal(Reason.TRIGGER_MISSED, f"the trigger came {apart_ms:.1f} ms after the one before")
        if asked.id is not None and last.id is not None:
            self.lost += max(asked.id - last.id - 1, 0)
        return None
