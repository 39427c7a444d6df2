"""What moves parts off the line: each part is followed from its trigger to the ejector, by time or by an encoder."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.outputs.switch import Switch

_POLL_S = 0.002  # how often an encoder is read while parts are on their way


@dataclass(frozen=True, slots=True)
class EjectorSettings:
    """Where the ejector is and how it moves.

    Attributes:
        delay: From a part's trigger to the ejector: seconds, or pulses of the encoder where there is one.
        pulse_s: How long the ejector is on for one part.
        heartbeat_s: How long the heartbeat's output stays on, and off. The plant stops the belt where it does not change any more.

    Raises:
        SettingsError: A number is not positive.
    """

    delay: float
    pulse_s: float = 0.05
    heartbeat_s: float = 0.5

    def __post_init__(self) -> None:
        for name in ("delay", "pulse_s", "heartbeat_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SettingsError(f"ejector: {name}: expected a number above 0; got {value!r}")


class Track:
    """The parts between the trigger and the ejector. Without clock and I/O; places are seconds or pulses.

    Args:
        delay: From the trigger to the ejector.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._parts: deque[tuple[float, int]] = deque()
        self._passes: dict[int, bool] = {}

    @property
    def next_place(self) -> float:
        """Where the next part reaches the ejector; infinite where none is on its way."""
        return self._parts[0][0] if self._parts else math.inf

    def expect(self, part: int, place: float) -> None:
        """A part was triggered at a place; it is ejected unless it is proven good before it is there."""
        due = place + self._delay
        if self._parts and due < self._parts[-1][0]:
            self._parts = deque(sorted([*self._parts, (due, part)]))
        else:
            self._parts.append((due, part))

    def decide(self, part: int, verdict: Verdict) -> None:
        """A part's answer. One whose part is past the ejector already changes nothing."""
        if any(number == part for _, number in self._parts):
            self._passes[part] = verdict is Verdict.PASS

    def arrivals(self, place: float) -> list[tuple[int, bool | None]]:
        """The parts that have come to the ejector: whether each may pass; `None` for one that has no answer, and must not."""
        there: list[tuple[int, bool | None]] = []
        while self._parts and self._parts[0][0] <= place:
            _, part = self._parts.popleft()
            there.append((part, self._passes.pop(part, None)))
        return there


class Ejector:
    """A track with its valve and its heartbeat. The run loop alone calls it.

    Args:
        settings: Where it is.
        valve: Moves a part off.
        note: Takes a code and a sentence for the people at the line.
        heartbeat: An output that changes as long as the line lives.
        position: Reads the encoder; `None` where parts are followed by time.

    Attributes:
        ejected: Parts that it moved off.
    """

    def __init__(
        self,
        settings: EjectorSettings,
        valve: Switch,
        *,
        note: Callable[[str, str], None],
        heartbeat: Switch | None = None,
        position: Callable[[], float] | None = None,
    ) -> None:
        self._settings = settings
        self._valve = valve
        self._note = note
        self._heartbeat = heartbeat
        self._position = position
        self._track = Track(settings.delay)
        self._off_s = -math.inf
        self._is_on = False
        self._beats = False
        self._beat_s = -math.inf
        self.ejected = 0

    def expect(self, part: int, at_s: float) -> None:
        """A part was triggered."""
        self._track.expect(part, at_s if self._position is None else self._position())

    def decide(self, part: int, verdict: Verdict) -> None:
        """A part was answered."""
        self._track.decide(part, verdict)

    def work(self, now_s: float) -> float:
        """Do what is due; when it is to be called again, in monotonic seconds.

        Raises:
            OutputError: An output could not be switched.
        """
        place = now_s if self._position is None else self._position()
        for part, may_pass in self._track.arrivals(place):
            if may_pass:
                continue
            if may_pass is None:
                self._note(
                    "ejector.undecided", f"part {part} came to the ejector before its answer, and is ejected"
                )
            self.ejected += 1
            self._off_s = max(self._off_s, now_s + self._settings.pulse_s)
        self._switch(on=now_s < self._off_s)
        self._beat(now_s)
        return self._wake_s(now_s)

    def close(self) -> None:
        """Both outputs are off and let go of.

        Raises:
            OutputError: One could not be switched.
        """
        self._valve.close()
        if self._heartbeat is not None:
            self._heartbeat.close()

    def _switch(self, *, on: bool) -> None:
        if on is not self._is_on:
            self._valve.set(on=on)
            self._is_on = on

    def _beat(self, now_s: float) -> None:
        if self._heartbeat is not None and now_s >= self._beat_s:
            self._beats = not self._beats
            self._beat_s = now_s + self._settings.heartbeat_s
            self._heartbeat.set(on=self._beats)

    def _wake_s(self, now_s: float) -> float:
        wake_s = self._off_s if self._is_on else math.inf
        if self._heartbeat is not None:
            wake_s = min(wake_s, self._beat_s)
        if self._position is None:
            return min(wake_s, self._track.next_place)
        return min(wake_s, now_s + _POLL_S) if math.isfinite(self._track.next_place) else wake_s
