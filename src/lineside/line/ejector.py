"""What moves parts off the line: each part is followed from its trigger to the ejector, by time or by an encoder."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Verdict
from lineside.line.belt import Belt

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.outputs.switch import Switch

_POLL_S = 0.002  # how often an encoder is read while parts are on their way
_IDLE_S = 0.01  # and while none is
_SILENT_BEATS = (
    3  # beats that are left out where a part may have got past the ejector, so that the plant notices
)
_PATIENCE_S = 0.1  # the least time that the run loop has to come round


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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A part that is at the ejector.

    Attributes:
        part: Its number.
        due: The place where it came there.
        may_pass: Whether it was proven good; `None` for one that has no answer, and must not pass.
    """

    part: int
    due: float
    may_pass: bool | None


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

    def arrivals(self, place: float) -> list[Arrival]:
        """The parts that have come to the ejector."""
        there: list[Arrival] = []
        while self._parts and self._parts[0][0] <= place:
            due, part = self._parts.popleft()
            there.append(Arrival(part, due, self._passes.pop(part, None)))
        return there

    def clear(self) -> int:
        """Nobody is on the way any more: how many were."""
        count = len(self._parts)
        self._parts.clear()
        self._passes.clear()
        return count


class Ejector:
    """A track with its valve and its heartbeat. It has no thread and no clock.

    Where the encoder cannot be believed, nobody knows where the parts are: then everything is ejected until the belt has carried
    all of them past.

    Args:
        settings: Where it is.
        valve: Moves a part off.
        note: Takes a code and a sentence for the people at the line.
        heartbeat: An output that changes as long as the line lives.
        position: Reads the encoder; `None` where parts are followed by time.

    Attributes:
        ejected: Parts that it moved off.
        swept: Parts that had passed, and were moved off all the same.
        late: Parts for which it moved so late that they may be past it.
        latest_s: How late it ever began to move.
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
        self.settings = settings
        self._valve = valve
        self._note = note
        self._heartbeat = heartbeat
        self._position = position
        self._track = Track(settings.delay)
        self._belt = Belt(settings.delay)
        self._blind_until: float | None = None
        self._fault = ""
        self._last_place = math.nan
        self._off_s = -math.inf
        self._is_on: bool | None = False  # None: nobody knows
        self._beats = False
        self._beat_s = self._alive_s = -math.inf
        self.ejected = self.swept = self.late = 0
        self.latest_s = 0.0

    @property
    def is_idle(self) -> bool:
        """No part is on its way, and the ejector does not move."""
        return math.isinf(self._track.next_place) and self._is_on is False

    @property
    def has_encoder(self) -> bool:
        """Parts are followed by an encoder."""
        return self._position is not None

    def alive(self, now_s: float) -> float:
        """The run loop came round; when it has to again, for the heartbeat to go on."""
        self._alive_s = now_s
        return math.inf if self._heartbeat is None else now_s + self.settings.heartbeat_s / 2

    def expect(self, part: int, at_s: float, now_s: float) -> None:
        """A part was triggered at a moment, of which somebody hears now."""
        if self._position is None:
            self._track.expect(part, at_s)
            return
        if self._look(now_s) is None:
            self.ejected += 1  # with everything else
            return
        place = self._belt.place_at(at_s)
        if place == self._last_place:
            self._fault = f"part {part} came where the one before did: the encoder stands still at {place:g}"
            self._note("ejector.standstill", self._fault)
        self._last_place = place
        self._track.expect(part, place)

    def decide(self, part: int, verdict: Verdict) -> None:
        """A part was answered."""
        self._track.decide(part, verdict)

    def work(self, now_s: float) -> float:
        """Do what is due; when it is to be called again, in monotonic seconds.

        Raises:
            OutputError: An output could not be switched, or nobody knows where the parts are. The heartbeat rests until that is over.
        """
        place = now_s if self._position is None else self._look(now_s)
        for arrival in () if place is None else self._track.arrivals(place):
            self._meet(arrival, now_s)
        self._switch(now_s, on=now_s < self._off_s or self._blind_until is not None)
        if self._fault:
            raise OutputError(f"ejector: {self._fault}")
        self._beat(now_s)
        return self._wake_s(now_s)

    def close(self) -> None:
        """Both outputs are off and let go of.

        Raises:
            OutputError: One could not be switched.
        """
        try:
            self._valve.close()
        finally:
            if self._heartbeat is not None:
                self._heartbeat.close()

    def _look(self, now_s: float) -> float | None:
        """The encoder's count; `None` where there is none."""
        assert self._position is not None
        try:
            count = self._position()
        except OutputError as fault:
            self._lose(str(fault))
            self._blind_until, self._fault = math.inf, str(fault)
            return None
        if self._blind_until == math.inf:
            self._blind_until, self._fault = count + self.settings.delay, ""
        elif why := self._belt.objection(count):
            self._lose(why)
            self._blind_until = count + self.settings.delay
        elif self._blind_until is not None and count >= self._blind_until:
            self._blind_until = None
            self._note("ejector.sighted", "the belt has carried the lost parts past the ejector")
        if count != self._last_place:
            self._fault = ""
        self._belt.take(count, now_s)
        return count

    def _lose(self, why: str) -> None:
        lost = self._track.clear()
        self.ejected += lost
        self._belt.restart()
        if self._blind_until is None:
            self._note(
                "ejector.blind",
                f"{why}; {lost} parts were on their way, and everything is ejected until the belt has carried them past",
            )

    def _meet(self, arrival: Arrival, now_s: float) -> None:
        part, is_moving = arrival.part, now_s < self._off_s or self._blind_until is not None
        if arrival.may_pass:
            if is_moving:
                self.swept += 1
                self._note(
                    "ejector.swept",
                    f"part {part} has passed, and was ejected: it came while the ejector moved for another",
                )
            return
        if arrival.may_pass is None:
            self._note(
                "ejector.undecided", f"part {part} came to the ejector before its answer, and is ejected"
            )
        self.ejected += 1
        came_s = arrival.due if self._position is None else self._belt.time_at(arrival.due)
        late_s = 0.0 if is_moving else now_s - came_s
        self.latest_s = max(self.latest_s, late_s)
        if late_s > self.settings.pulse_s / 2:
            self.late += 1
            self._silence(now_s)
            self._note(
                "ejector.late",
                f"part {part} was to be ejected, and came {late_s * 1e3:.0f} ms before the ejector moved: it may be past it",
            )
        self._off_s = max(self._off_s, now_s + self.settings.pulse_s)

    def _switch(self, now_s: float, *, on: bool) -> None:
        if on is not self._is_on:
            self._is_on = None  # until it is known; a valve that cannot be switched is tried again
            try:
                self._valve.set(on=on)
            except OutputError:
                self._silence(now_s)
                raise
            self._is_on = on

    def _silence(self, now_s: float) -> None:
        """A part may have got past it: the heartbeat rests for long enough that the plant notices."""
        self._beat_s = max(self._beat_s, now_s + _SILENT_BEATS * self.settings.heartbeat_s)

    def _beat(self, now_s: float) -> None:
        is_hung = now_s - self._alive_s > max(self.settings.heartbeat_s, _PATIENCE_S)
        if self._heartbeat is not None and now_s >= self._beat_s and not is_hung:
            self._beats = not self._beats
            self._beat_s = now_s + self.settings.heartbeat_s
            self._heartbeat.set(on=self._beats)

    def _wake_s(self, now_s: float) -> float:
        wake_s = self._off_s if self._is_on else math.inf
        if self._heartbeat is not None:
            wake_s = min(wake_s, self._beat_s if self._beat_s > now_s else now_s + _IDLE_S)
        if self._position is None:
            return min(wake_s, self._track.next_place)
        is_busy = math.isfinite(self._track.next_place) or self._blind_until is not None
        return min(wake_s, now_s + (_POLL_S if is_busy else _IDLE_S))
