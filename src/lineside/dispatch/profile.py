"""How long a model's runs take on a device: as measured at its start, and as they turn out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_WEIGHT = 0.15  # of the newest run in the running means
_LEAST_RATIO = 0.01  # a clock too coarse to see a run would make a device seem endlessly fast
_SURPRISE = 0.5  # relative error from which one run alone is not believed
DRAIN = 64  # pictures up to which the time to work a queue off is tabulated


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Seconds of a run for each batch size.

    Attributes:
        seconds: `seconds[b]` is a run of b pictures; `seconds[0]` is 0.
        least_s: The shortest run of one picture that was seen; 0 where only its usual time is known.

    Raises:
        SettingsError: There is no batch of 1, or a time is not positive and finite.
    """

    seconds: tuple[float, ...]
    least_s: float = 0.0

    def __post_init__(self) -> None:
        if len(self.seconds) < 2 or not all(0 < s < math.inf for s in self.seconds[1:]):
            raise SettingsError(
                f"service times: expected seconds above 0 for batches of 1 and more; got {list(self.seconds[1:])}"
            )

    @classmethod
    def linear(cls, start_s: float, each_s: float, max_batch: int) -> ServiceTimes:
        """`start_s` for a run and `each_s` for each of its pictures."""
        return cls((0.0, *(start_s + each_s * b for b in range(1, max_batch + 1))))

    @classmethod
    def measured(cls, seconds: Mapping[int, float], least_s: float = 0.0) -> ServiceTimes:
        """From some batch sizes; those between are interpolated.

        Args:
            seconds: By batch size.
            least_s: The shortest run of one picture.

        Raises:
            SettingsError: The batch of 1 is missing, or a size or time is out of range.
        """
        sizes = sorted(seconds)
        if not sizes or sizes[0] != 1:
            raise SettingsError(f"service times: expected a batch of 1 among the sizes; got {sizes}")
        table = [0.0, seconds[1]]
        for low, high in pairwise(sizes):
            step = (seconds[high] - seconds[low]) / (high - low)
            table += [seconds[low] + step * (b - low) for b in range(low + 1, high + 1)]
        return cls(tuple(table), least_s)

    @property
    def single_at_best_s(self) -> float:
        """Seconds of one picture where nothing is in its way: what a busy machine was measured to take says little of that."""
        return self.least_s or self.seconds[1]

    @property
    def max_batch(self) -> int:
        """The largest batch."""
        return len(self.seconds) - 1

    def best_batch(self, limit_s: float = math.inf) -> int:
        """The batch that gives the most pictures a second among those of at most `limit_s`; 0 where none is."""
        fitting = [b for b in range(1, len(self.seconds)) if self.seconds[b] <= limit_s]
        return max(fitting, key=lambda b: (b / self.seconds[b], b), default=0)

    def rate(self, limit_s: float = math.inf) -> float:
        """Pictures a second in the best batches of at most `limit_s` seconds."""
        best = self.best_batch(limit_s)
        return best / self.seconds[best] if best else 0.0

    def limited(self, max_batch: int) -> ServiceTimes:
        """The same with smaller batches only."""
        return ServiceTimes(self.seconds[: max(max_batch, 1) + 1], self.least_s)


def drain_table(times: ServiceTimes) -> tuple[float, ...]:
    """Seconds to work off a queue of n pictures, for n from 0 on."""
    batch = times.best_batch()
    full = times.seconds[batch]
    return tuple((n // batch) * full + times.seconds[n % batch] for n in range(DRAIN))


class Pace:
    """How runs compare with their profile: `ratio`, and how far single runs stray from it.

    Running means, as TCP's round-trip estimate has them. One run that strays far says little, two in a row the
    same way say that the device has changed: the first is damped, the second is believed.
    """

    __slots__ = ("_surprise", "deviation", "ratio")

    def __init__(self) -> None:
        self.ratio = 1.0
        self.deviation = 0.0
        self._surprise = 0.0

    def observe(self, expected_s: float, took_s: float) -> None:
        """Take a run into account.

        Args:
            expected_s: Its time by the profile.
            took_s: What it took.
        """
        error = took_s / (expected_s * self.ratio) - 1
        if -_SURPRISE <= error <= _SURPRISE:
            self._surprise = 0.0
        elif self._surprise * error > 0:
            self.believe(took_s / expected_s)
            return
        else:
            self._surprise = error
            error = math.copysign(_SURPRISE, error)
        self.ratio *= 1 + _WEIGHT * error
        self.deviation += _WEIGHT * (abs(error) - self.deviation)

    def believe(self, ratio: float) -> None:
        """Start anew from a ratio that is sure."""
        self.ratio = max(ratio, _LEAST_RATIO)
        self._surprise = 0.0
