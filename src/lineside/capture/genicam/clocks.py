"""A camera's numbers and its own clock: which pictures never came, and how long ago one was taken."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.capture.genicam.device import Nodes

_TICKS = "GevTimestampTickFrequency"
_NS = 1e-9
_DRIFT = 1e-4
_LONGEST_AGE_S = 10.0
_HELD_UP_S = 0.0002
_TRIES = 5

T = TypeVar("T")


def together(clock: Callable[[], float], other: Callable[[], T]) -> tuple[float, T]:
    """Two clocks at one moment, as nearly as they can be read.

    A thread that is held up between the two would make one picture's time late by that much, and perhaps later than the next one's. So they
    are read again where that took too long, and the best of a few readings is taken.

    Args:
        clock: Monotonic seconds.
        other: Another clock.
    """

    def read() -> tuple[float, float, T]:
        before_s = clock()
        seen = other()
        return clock() - before_s, before_s, seen

    best = read()
    for _ in range(_TRIES - 1):
        if best[0] <= _HELD_UP_S:
            break
        best = min(best, read(), key=itemgetter(0))
    return best[1:]


def tick_s(nodes: Nodes) -> float:
    """Seconds of a tick of a camera's clock: a nanosecond, unless the camera says otherwise.

    Args:
        nodes: Its features.

    Raises:
        SourceError: The camera does not answer.
    """
    try:
        return _NS if nodes.describe(_TICKS) is None else 1 / max(float(nodes.get(_TICKS)), 1.0)
    except SettingsError:  # declared, and not to be read: nanoseconds are what newer cameras count
        return _NS


class FrameNumbers:
    """Counts the pictures that a camera numbered and that never came.

    Args:
        bits: After so many bits its numbers begin again, at 1: GigE Vision never uses 0. With 0 they never do.
    """

    def __init__(self, bits: int) -> None:
        self._turn = (1 << bits) - 1 if bits else 0
        self._last: int | None = None
        self._unnumbered = 0
        self._ahead: int | None = 0
        self._told = 0

    def begin_again(self, *, goes_on: bool) -> None:
        """The camera counts anew, because lineside let its pictures pause.

        Args:
            goes_on: The numbers that are told go on without a gap: it is known that no picture was lost in the pause.
        """
        self._last, self._unnumbered = None, 0
        self._ahead = None if goes_on else 0

    def told(self, number: int | None) -> int | None:
        """A picture's number as it is told: the camera's own, but for pauses, and for the turns after which it begins again.

        Args:
            number: The camera's.
        """
        if number is None:
            return None
        if self._ahead is None:
            self._ahead = self._told + 1 - number if self._told else 0
        elif self._is_turn(self._told - self._ahead, number):
            self._ahead += self._turn
        self._told = number + self._ahead
        return self._told

    def missing_before(self, number: int | None) -> int:
        """How many numbers lie between the last picture's and this one's; 0 where it began to count anew.

        Args:
            number: The picture's; `None` where it came without, as one whose first packet is lost. It fills one gap.
        """
        if number is None:
            self._unnumbered += 1
            return 0
        last, self._last = self._last, number
        came, self._unnumbered = self._unnumbered, 0
        if last is None:
            return 0
        step = number - last
        if self._is_turn(last, number):
            step += self._turn
        return max(step - 1 - came, 0)

    def _is_turn(self, last: int, number: int) -> bool:
        """Whether a number comes after a higher one because they began again."""
        return last > self._turn // 2 >= number > 0 and last <= self._turn


class HostClock:
    """How long ago a camera took a picture, where only its own clock tells when.

    The picture that came soonest after it was taken tells how far the clocks are apart; what later ones took longer is what they
    waited. The clocks may run apart by a ten-thousandth.
    """

    def __init__(self) -> None:
        self._apart_s: float | None = None
        self._at_s = 0.0

    def age_s(self, device_s: float | None, now_s: float) -> float:
        """Seconds since the picture was taken, less the shortest way that a picture ever had; 0 where nobody knows.

        Args:
            device_s: Its time by the camera's clock.
            now_s: Monotonic seconds.
        """
        if device_s is None:
            return 0.0
        apart_s = now_s - device_s
        if self._apart_s is not None:
            soonest_s = self._apart_s + (now_s - self._at_s) * _DRIFT
            if not soonest_s - _LONGEST_AGE_S < apart_s < soonest_s + _LONGEST_AGE_S:
                soonest_s = apart_s  # its clock was set
            apart_s = min(apart_s, soonest_s)
        self._apart_s, self._at_s = apart_s, now_s
        return now_s - device_s - apart_s
