"""What it takes to give a device its pictures and to hear of the end of a run: as a value, and in virtual time."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

_MOST_S = 1.0


@dataclass(frozen=True, slots=True)
class Handover:
    """How long an engine takes between a picture and its device, and between the device and the answer.

    Attributes:
        start_s: Seconds from `submit` to the start of the run on a device that was idle, by the percentage of pictures that take no
            longer: the thread of the device has to wake up.
        end_s: Seconds from the end of a run to its first answer, by percentage.
        settle_s: Seconds by which each further picture of a run puts its first answer off.
        each_s: Seconds from one answer of a run to its next.
        next_s: Seconds from the last answer of a run to the start of the next one on the same device, where pictures wait for it: its thread is
            awake and takes them itself.
        python_s: Seconds for which a picture, on its way in and out, keeps all other threads of Python from their work, where many come.
        source: Where these come from.

    Raises:
        SettingsError: A figure is negative, not finite or above 1 s, or a percentage is not within 0 to 100.
    """

    start_s: tuple[tuple[float, float], ...]
    end_s: tuple[tuple[float, float], ...]
    settle_s: float = 0.0
    each_s: float = 0.0
    next_s: float = 0.0
    python_s: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        seconds = [s for spread in (self.start_s, self.end_s) for _, s in spread]
        seconds += [self.settle_s, self.each_s, self.next_s, self.python_s]
        shares = [share for spread in (self.start_s, self.end_s) for share, _ in spread]
        if not self.start_s or not self.end_s or not all(0 <= share <= 100 for share in shares):
            raise SettingsError(
                f"hand-over: expected microseconds by percentages of 0 to 100; got {shares or 'none'}"
            )
        if not all(math.isfinite(s) and 0 <= s <= _MOST_S for s in seconds):
            given = ", ".join(f"{s * 1e6:g}" for s in seconds)
            raise SettingsError(f"hand-over: expected microseconds of 0 to {_MOST_S * 1e6:.0f}; got {given}")

    @property
    def usual_s(self) -> float:
        """Seconds by which half of the pictures that meet an idle device are later than their run is long."""
        return at(self.start_s, 50) + at(self.end_s, 50)

    @classmethod
    def constant(cls, microseconds: float, source: str = "given in the call") -> Handover:
        """The same microseconds for each way, and nothing else.

        Raises:
            SettingsError: They are negative, not finite or above 1 s.
        """
        spread = ((50.0, microseconds / 1e6),)
        return cls(spread, spread, source=source)

    @classmethod
    def measured(
        cls, start_us: Mapping[float, float], end_us: Mapping[float, float], source: str, **more_us: float
    ) -> Handover:
        """From microseconds by percentage.

        Args:
            start_us: Of `start_s`.
            end_us: Of `end_s`.
            source: Where they come from.
            more_us: Of `settle`, `each`, `next` and `python`.

        Raises:
            SettingsError: As the class.
        """
        ways = (tuple((float(p), us / 1e6) for p, us in sorted(way.items())) for way in (start_us, end_us))
        start_s, end_s = ways
        rest_s = {f"{key}_s": us / 1e6 for key, us in more_us.items()}
        return cls(start_s, end_s, **rest_s, source=source)

    def as_microseconds(self) -> dict[str, dict[str, float] | float]:
        """The figures as the table `[handover]` of a file of profiles has them."""

        def way(spread: tuple[tuple[float, float], ...]) -> dict[str, float]:
            return {f"{share:g}": round(s * 1e6, 1) for share, s in spread}

        rest = {
            key: round(getattr(self, f"{key}_s") * 1e6, 1) for key in ("settle", "each", "next", "python")
        }
        return {
            "start_us": way(self.start_s),
            "end_us": way(self.end_s),
            **{f"{key}_us": microseconds for key, microseconds in rest.items()},
        }

    def __str__(self) -> str:
        def way(spread: tuple[tuple[float, float], ...]) -> str:
            low, high = (at(spread, share) * 1e6 for share in (50.0, 99.0))
            return f"{low:.0f} µs" if low == high else f"{low:.0f} µs (p99 {high:.0f} µs)"

        return f"{way(self.start_s)} to an idle device, {way(self.end_s)} from a run's end to its answer"


class Desk:
    """The hand-over in virtual time: when a picture, or the end of a run, is heard, and when a run begins.

    All threads of an engine share one interpreter, so one thing is seen to at a time; what comes meanwhile waits.

    Args:
        handover: How long it takes; `None` for no time.
        dice: Thrown once a way.

    Attributes:
        busy_s: Seconds that the interpreter was held.
    """

    def __init__(self, handover: Handover | None, dice: random.Random) -> None:
        self._handover = handover
        self._dice = dice
        self._free_s = -math.inf
        self.busy_s = 0.0
        self._held_s = 0.0 if handover is None else handover.python_s / 2

    def arrives(self, at_s: float) -> float:
        """When a picture that comes at a time is seen to."""
        if self._handover is None:
            return at_s
        return self._hold(at_s, self._held_s)

    def ends(self, at_s: float, count: int) -> float:
        """When a run of so many pictures that ends at a time is heard of: at its first answer."""
        if self._handover is None:
            return at_s
        begins_s = self._hold(at_s, count * self._held_s)
        return begins_s + self._drawn(self._handover.end_s) + max(count - 1, 0) * self._handover.settle_s

    def starts(self, now_s: float, after: int | None) -> float:
        """When a run begins that is ordered now.

        Args:
            now_s: The time.
            after: How many pictures the run had whose end was heard now on the same device; `None` where it was idle.
        """
        if self._handover is None:
            return now_s
        return now_s + (self._drawn(self._handover.start_s) if after is None else self._rest_s(after))

    def answers(self, now_s: float, place: int) -> float:
        """When an answer leaves that is the one of this place, from 0 on, of those that leave now."""
        return now_s if self._handover is None else now_s + place * self._handover.each_s

    def _hold(self, at_s: float, seconds: float) -> float:
        """When what comes at a time gets the interpreter, for so long."""
        begins_s = max(at_s, self._free_s)
        self._free_s = begins_s + seconds
        self.busy_s += seconds
        return begins_s

    def _rest_s(self, count: int) -> float:
        """From the first answer of a run of so many pictures to the start of the next one."""
        assert self._handover is not None
        return max(count - 1, 0) * self._handover.each_s + self._handover.next_s

    def _drawn(self, spread: tuple[tuple[float, float], ...]) -> float:
        return at(spread, 100 * self._dice.random()) if len(spread) > 1 else spread[0][1]


def at(spread: tuple[tuple[float, float], ...], share: float) -> float:
    """Seconds that so many in a hundred do not exceed; between two figures interpolated, outside of them the nearest."""
    place = bisect_left(spread, (share, -math.inf))
    if place == 0:
        return spread[0][1]
    if place == len(spread):
        return spread[-1][1]
    (low, low_s), (high, high_s) = spread[place - 1], spread[place]
    return low_s + (high_s - low_s) * (share - low) / (high - low)
