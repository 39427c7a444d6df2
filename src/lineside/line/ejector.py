"""What moves parts off the line: each part is followed from its trigger to the ejector, by time or by an encoder."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.verdict import Verdict
from lineside.line.border import Fault, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.outputs.switch import Switch

_POLL_S = 0.002  # how often an encoder is read while parts are on their way
_RETRY_S = 0.02  # how often what failed is tried again
_STILL_S = 2.0  # a belt that has not moved for so long stands, and brings nothing to the ejector
_SILENT_BEATS = 3  # beats that are left out where a part got past the ejector, so that the plant notices


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

    @property
    def is_clear(self) -> bool:
        """Whether no part is on its way that must not pass."""
        return all(self._passes.get(part) for _, part in self._parts)

    def arrivals(self, place: float) -> list[tuple[int, bool | None]]:
        """The parts that have come to the ejector: whether each may pass; `None` for one that has no answer, and must not."""
        there: list[tuple[int, bool | None]] = []
        while self._parts and self._parts[0][0] <= place:
            _, part = self._parts.popleft()
            there.append((part, self._passes.pop(part, None)))
        return there


class Ejector:
    """A track with its valve and its heartbeat. The run loop alone calls it.

    A part that must not pass is ejected. Where nobody knows where such a part is, because the encoder cannot be read, everything is
    ejected until it is past for certain. Where one cannot be ejected, because the valve does not move or the moment is over, it
    is told, and the heartbeat is silent until the valve moves, and for three beats at the least: the plant stops the belt.

    Args:
        settings: Where it is.
        valve: Moves a part off.
        note: Takes a code and a sentence for the people at the line.
        heartbeat: An output that changes as long as the line lives.
        position: Reads the encoder; `None` where parts are followed by time.

    Attributes:
        ejected: Parts that it moved off.
        trouble: Why it cannot be relied on; an empty text while it can.
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
        self._place, self._moved_s, self._looked_s = -math.inf, -math.inf, -math.inf
        self._all_until = -math.inf  # the place up to which everything is ejected
        self._troubles: dict[str, str] = {}
        self.ejected = 0

    @property
    def trouble(self) -> str:
        """Why it cannot be relied on; an empty text while it can."""
        return "; ".join(self._troubles.values())

    def expect(self, part: int, at_s: float) -> None:
        """A part was triggered. Where the encoder cannot be read nobody knows where the part is, and everything is ejected."""
        place = at_s if self._position is None else self._look(at_s)
        self._looked_s = max(self._looked_s, at_s)
        if place is None:
            self._note("ejector.undecided", f"nobody knows where part {part} is; everything is ejected")
        else:
            self._track.expect(part, place)

    def decide(self, part: int, verdict: Verdict) -> None:
        """A part was answered."""
        self._track.decide(part, verdict)

    def is_clear(self, now_s: float) -> bool:
        """Whether no part comes to it any more that must not pass. A belt that stands brings none."""
        if self._position is not None and now_s - self._moved_s > _STILL_S:
            return True
        return self._track.is_clear and self._off_s <= now_s and self._place >= self._all_until

    def work(self, now_s: float) -> float:
        """Do what is due; when it is to be called again, in monotonic seconds. An output that fails is told, and tried again."""
        looked_s, self._looked_s = self._looked_s, now_s
        place = now_s if self._position is None else self._look(now_s)
        if place is not None:
            self._arrive(place, now_s, looked_s)
        is_blind = place is None or place < self._all_until
        self._switch(now_s, on=is_blind or now_s < self._off_s)
        self._beat(now_s)
        return self._wake_s(now_s, is_blind=is_blind)

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
        """Where the belt is; `None` where its encoder cannot be read."""
        assert self._position is not None
        place = attempt("ejector", self._position)
        if isinstance(place, Fault):
            self._ails("encoder", f"{place.sentence}; everything is ejected")
            return None
        if self._is_well("encoder"):
            self._all_until = place + self._settings.delay
        if place != self._place:
            self._place, self._moved_s = place, now_s
        return place

    def _arrive(self, place: float, now_s: float, looked_s: float) -> None:
        """Eject what is there and must not pass, or tell that it is past."""
        while self._track.next_place <= place:
            due_s = self._track.next_place if self._position is None else looked_s
            part, may_pass = self._track.arrivals(self._track.next_place)[0]
            if may_pass:
                continue
            if may_pass is None:
                self._note(
                    "ejector.undecided", f"part {part} came to the ejector before its answer, and is ejected"
                )
            late_s = now_s - due_s
            if late_s > self._settings.pulse_s:
                sentence = f"part {part} was to be ejected {late_s * 1e3:.0f} ms ago, and is past; take it off the line"
                self._note("ejector.missed", sentence)
                self._troubles["missed"] = sentence
                self._silence(now_s)
            else:
                self.ejected += 1
            self._off_s = max(self._off_s, now_s + self._settings.pulse_s)

    def _switch(self, now_s: float, *, on: bool) -> None:
        if on is self._is_on and "valve" not in self._troubles:
            return
        outcome = attempt("ejector", lambda: self._valve.set(on=on))
        if isinstance(outcome, Fault):
            self._ails(
                "valve",
                f"the ejector was not moved: {outcome.sentence}; take off the line what it should have ejected",
            )
            self._silence(now_s)
        else:
            self._is_on = on
            self._is_well("valve")

    def _silence(self, now_s: float) -> None:
        self._beat_s = max(self._beat_s, now_s + _SILENT_BEATS * self._settings.heartbeat_s)

    def _beat(self, now_s: float) -> None:
        if now_s < self._beat_s:
            return
        self._troubles.pop("missed", None)
        if self._heartbeat is None:
            return
        self._beat_s = now_s + self._settings.heartbeat_s
        heartbeat, beats = self._heartbeat, not self._beats
        outcome = attempt("ejector", lambda: heartbeat.set(on=beats))
        if isinstance(outcome, Fault):
            self._ails("heartbeat", f"the heartbeat was not switched: {outcome.sentence}")
        else:
            self._beats = beats
            self._is_well("heartbeat")

    def _ails(self, what: str, sentence: str) -> None:
        """Tell it once, until it works again."""
        if what not in self._troubles:
            self._note("ejector.failed", sentence)
        self._troubles[what] = sentence

    def _is_well(self, what: str) -> bool:
        """Whether it works again."""
        if self._troubles.pop(what, None) is None:
            return False
        self._note("ejector.back", f"the ejector's {what} works again")
        return True

    def _wake_s(self, now_s: float, *, is_blind: bool) -> float:
        wake_s = self._off_s if self._is_on and not is_blind else math.inf
        if self._heartbeat is not None:
            wake_s = min(wake_s, self._beat_s)
        if "valve" in self._troubles or is_blind:
            wake_s = min(wake_s, now_s + _RETRY_S)
        if self._position is None:
            return min(wake_s, self._track.next_place)
        return min(wake_s, now_s + _POLL_S) if math.isfinite(self._track.next_place) else wake_s
