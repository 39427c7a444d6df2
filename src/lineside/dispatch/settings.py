"""The scheduler's thresholds, with the values that the simulator found good."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lineside.core.errors import SettingsError

_LOOKS = 8  # at a run, up to the moment from which it hangs
_LAST_LOOK = (
    1 - 2 / _LOOKS
)  # of the seconds after which a run hangs: when it is looked at first, at the latest


@dataclass(frozen=True, slots=True)
class Settings:
    """How the scheduler decides. The defaults are those of docs/dispatch.md.

    Attributes:
        admission: Pictures that no device can finish in time do not queue up before those that can be. Off, every
            picture queues where the policy sends it, as schedulers without admission do; it is there for comparison.
        suspect_factor: A run of so many times its expected seconds makes its device suspect,
        suspect_margin_s: and at least so much longer than expected.
        hang_factor: A run of so many times its expected seconds hangs,
        hang_s: and at least so many seconds.
        kill_after_s: A run that was cancelled and is still not back after so many seconds costs the worker.
        cool_down_s: Seconds from a fault to the first probe; they double with each further one,
        cool_down_early_s: up to these within `early_s` after the first fault,
        cool_down_most_s: and up to these later.
        early_s: See there.
        forgive_s: The next fault of a device that was in service for so long counts as its first.
        probes: Good probes in a row that bring a device back.
        hedge_share: Share of all pictures that may be run a second time because the first run takes too long,
        hedge_floor: and so many more, so that a short run has some.
        late_limit: Pictures that may wait to be looked at after their answer; the oldest are given up above it.
        late_patience_s: After so many seconds the oldest of them gets a turn,
        late_turn: one dispatch in so many, or any dispatch of a device that has been idle for as long.
        refresh_s: A device that measured slower than its profile and got nothing for so long is probed to see
            whether that still holds.
        grow_s: After so many seconds of service, batches that were halved for lack of memory may double again; after twice as
            many with each further lack,
        grow_most_s: up to these. A lack that is so long ago counts no more.
    """

    admission: bool = True
    suspect_factor: float = 3.0
    suspect_margin_s: float = 0.004
    hang_factor: float = 12.0
    hang_s: float = 0.1
    kill_after_s: float = 0.05
    cool_down_s: float = 0.2
    cool_down_early_s: float = 0.45
    cool_down_most_s: float = 60.0
    early_s: float = 10.0
    forgive_s: float = 1.0
    probes: int = 2
    hedge_share: float = 0.01
    hedge_floor: int = 8
    late_limit: int = 1000
    late_patience_s: float = 0.5
    late_turn: int = 20
    refresh_s: float = 0.25
    grow_s: float = 60.0
    grow_most_s: float = 3600.0

    def suspect_after_s(self, expected_s: float) -> float:
        """Seconds after which a run of so many expected ones makes its device suspect."""
        return max(self.suspect_factor * expected_s, expected_s + self.suspect_margin_s)

    def hang_after_s(self, expected_s: float) -> float:
        """Seconds after which a run of so many expected ones hangs."""
        return max(self.hang_factor * expected_s, self.hang_s)

    def look_each_s(self, expected_s: float) -> float:
        """Seconds between two looks at a run that is suspect; a look that is late by more has overslept."""
        return self.hang_after_s(expected_s) / _LOOKS

    def first_look_s(self, expected_s: float) -> float:
        """Seconds after which a run is looked at first: when it is suspect, and in time to look twice before it hangs."""
        return min(self.suspect_after_s(expected_s), _LAST_LOOK * self.hang_after_s(expected_s))

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0):
                raise SettingsError(
                    f"dispatch: {each.name}: expected a finite number of at least 0; got {value!r}"
                )
        if self.probes < 1 or self.late_turn < 1 or self.suspect_factor < 1 or self.hang_factor < 1:
            raise SettingsError(
                "dispatch: probes, late_turn, suspect_factor and hang_factor: expected at least 1"
            )
