"""The handshake with a control by signals: a pure state machine. Signals and time go in, signals and events come out.

```
ready                ‾‾‾‾‾‾‾‾‾‾‾\\_______________________________/‾‾‾‾‾
trigger              ______/‾‾‾‾‾‾‾‾\\_________________________________
trigger_acknowledged __________/‾‾‾‾‾‾‾\\______________________________
busy                 __________/‾‾‾‾‾‾‾‾‾‾‾\\__________________________
results              ----------------------<  of this part  >---------
results_valid        _______________________/‾‾‾‾‾‾‾‾\\_______________
acknowledge          ____________________________/‾‾‾‾‾‾‾‾‾\\_________
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.outputs.plant.exchange import Exchange
from lineside.outputs.plant.link import LineState, PlantNote, ProductChosen
from lineside.outputs.plant.signals import Control, Status

if TYPE_CHECKING:
    from lineside.outputs.plant.link import PlantAnswer, PlantEvent
    from lineside.outputs.plant.settings import LinkSettings


class Handshake:
    """What the control says becomes events; what the line says becomes signals.

    Results are in `status` from before `results_valid` until after it; without it they say UNKNOWN.

    Args:
        settings: Limits.
        now_s: Monotonic seconds.
        known: What the control's signals are, where they are lineside's own memory. `None` where they have to be read: a
            trigger that is up already when they are first read may be of any age, and is refused.
    """

    def __init__(self, settings: LinkSettings, now_s: float, *, known: Control | None = None) -> None:
        self._exchange = Exchange(settings)
        self._heartbeat_s = settings.heartbeat_s
        self._started_s = self._now_s = now_s
        self._control = known or Control()
        self._is_stale = known is None
        self._is_garbage = False
        self._is_heard = False
        self._is_closed = False
        self._product = ""

    @property
    def status(self) -> Status:
        """lineside's signals as they stand."""
        state = self._exchange.state
        status = Status(
            ready=self._exchange.ready and not self._control.reset and not self._is_closed,
            busy=self._exchange.busy and not self._is_closed,
            trigger_acknowledged=self._is_heard and not self._is_closed,
            fault=state is LineState.FAULT or self._is_closed,
            heartbeat=int((self._now_s - self._started_s) / self._heartbeat_s) & 0xFFFF,
            missed=self._exchange.missed & 0xFFFF_FFFF,
        )
        if self._exchange.shown is None or self._is_closed:
            return status
        return status.showing(*self._exchange.shown)

    def tell(self, state: LineState) -> None:
        """The line's state is this."""
        self._exchange.state = state

    def answer(self, answer: PlantAnswer, now_s: float) -> list[PlantEvent]:
        """The answer is shown, or waits until those before it are acknowledged.

        Raises:
            OutputError: No trigger waits for it.
        """
        self._exchange.answer(answer, now_s)
        return self.tick(now_s)

    def observe(self, control: Control | None, now_s: float) -> list[PlantEvent]:
        """What the control's signals mean, compared with what they were.

        Args:
            control: What was read; `None` where that was no block of signals, which is noted once and changes nothing.
            now_s: Monotonic seconds.
        """
        if control is None:
            is_new, self._is_garbage = not self._is_garbage, True
            sentence = "what the control wrote is no block of signals, and is not acted upon"
            return [*([PlantNote("plc.garbage", now_s, sentence)] if is_new else []), *self.tick(now_s)]
        self._is_garbage = False
        before, self._control = self._control, control
        stale, self._is_stale = self._is_stale, False
        events: list[PlantEvent] = []
        if control.reset:
            events += self._reset(now_s) if not before.reset else []
        else:
            if control.acknowledge and not before.acknowledge and not stale:
                self._exchange.acknowledge()
            events += self._heard(before, control, now_s, stale=stale)
        self._is_heard = self._is_heard and control.trigger
        return events + self.tick(now_s)

    def away(self) -> None:
        """The control cannot be reached: what it does meanwhile is not seen."""
        self._is_stale = True

    def back(self, now_s: float) -> None:
        """The control can read lineside's signals again: the time to acknowledge them begins anew."""
        self._exchange.shown_anew(now_s)

    def tick(self, now_s: float) -> list[PlantEvent]:
        """Time goes on: time-outs, heartbeat, the next answer."""
        self._now_s = max(now_s, self._now_s)
        return list(self._exchange.advance(now_s, may_show=not self._control.acknowledge))

    def close(self) -> None:
        """Not ready, nothing valid, and a fault, for good."""
        self._is_closed = True

    def _heard(self, before: Control, control: Control, now_s: float, *, stale: bool) -> list[PlantEvent]:
        events: list[PlantEvent] = []
        if control.product != self._product:
            self._product = control.product
            events.append(ProductChosen(control.product, now_s))
        is_another = stale and control.trigger_id != before.trigger_id
        if not control.trigger or (before.trigger and not is_another):
            return events
        doubt = "it was up already when the control was first heard, so nobody knows how old it is"
        event, self._is_heard = self._exchange.trigger(
            control.trigger_id or None,
            now_s,
            product=control.product or None,
            serial=control.serial,
            doubt=doubt if stale else "",
        )
        return [*events, event]

    def _reset(self, now_s: float) -> list[PlantEvent]:
        forgotten = self._exchange.reset()
        self._is_heard = False
        return [
            PlantNote(
                "plc.reset", now_s, f"the control was reset; {forgotten} parts on the way are forgotten"
            )
        ]
