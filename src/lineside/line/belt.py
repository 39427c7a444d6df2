"""Where a belt was at a moment, from the readings of its encoder."""

from __future__ import annotations

from collections import deque

_READINGS = 512  # of the last second and more
_SLACK = 0.01  # of the way to the ejector: so far a belt may slip back


class Belt:
    """The encoder's last readings. A part is where its trigger was, not where the belt is when somebody hears of it.

    Args:
        way: From the trigger to the ejector, in pulses.
    """

    def __init__(self, way: float) -> None:
        self._way = way
        self._readings: deque[tuple[float, float]] = deque(maxlen=_READINGS)

    def objection(self, count: float) -> str:
        """Why a count cannot follow the one before: the encoder was reset, or nobody looked for too long; empty where it can."""
        if not self._readings:
            return ""
        last = self._readings[-1][1]
        if last - self._way * _SLACK <= count < last + self._way:
            return ""
        return f"the encoder's count went from {last:g} to {count:g} between two readings"

    def take(self, count: float, now_s: float) -> None:
        """A reading that is believed."""
        self._readings.append((now_s, count))

    def restart(self) -> None:
        """What was read before says nothing of what comes."""
        self._readings.clear()

    def place_at(self, at_s: float) -> float:
        """The count at a moment, between two readings in proportion; the oldest or the newest reading beyond them."""
        after = self._readings[-1]
        for reading in reversed(self._readings):
            if reading[0] <= at_s:
                share = (
                    1.0 if after[0] <= reading[0] else min((at_s - reading[0]) / (after[0] - reading[0]), 1.0)
                )
                return reading[1] + share * (after[1] - reading[1])
            after = reading
        return after[1]

    def time_at(self, place: float) -> float:
        """When the belt came to a place, between the last two readings; the newest one's time where there are not two."""
        if len(self._readings) < 2:
            return self._readings[-1][0]
        (before_s, before), (now_s, now) = self._readings[-2], self._readings[-1]
        if now <= before:
            return now_s
        return before_s + (now_s - before_s) * min(max((place - before) / (now - before), 0.0), 1.0)
