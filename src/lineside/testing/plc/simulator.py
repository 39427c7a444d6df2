"""A control that keeps to the handshake, and breaks it where a test asks for that."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Protocol

from lineside.outputs.plant.signals import Control, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PAUSE_S = 0.0002


class PlcPeer(Protocol):
    """The control's end of one protocol.

    Attributes:
        settings: What a link needs to reach it, or to be reached, with its `kind`.
    """

    settings: Mapping[str, Any]

    def attach(self, link: Any) -> None:
        """The link was started; a control that is the client connects now."""

    def write(self, control: Control) -> None:
        """The control's signals are these. A control that is dead writes nothing."""

    def read(self) -> Status | None:
        """The signals of lineside as they arrived; `None` where they did not."""

    def kill(self) -> None:
        """The control is gone, in the middle of whatever it did."""

    def revive(self) -> None:
        """It is back, with the memory of its power-up."""

    def babble(self) -> None:
        """It sends what is no signals."""

    def close(self) -> None:
        """Nothing is left of it; may be called twice."""


class PlcSimulator:
    """The control's program.

    Args:
        peer: Its end of the protocol.
        timeout_s: Seconds to wait for any signal, before the test fails.

    Attributes:
        control: The control's signals as they were last written.
        answers: The results of every part that was acknowledged, in order.
    """

    def __init__(self, peer: PlcPeer, *, timeout_s: float = 10.0) -> None:
        self.control = Control()
        self.answers: list[Status] = []
        self._peer = peer
        self._timeout_s = timeout_s

    def set(self, **signals: Any) -> None:
        """Write the control's signals, with these changed."""
        self.control = replace(self.control, **signals)
        self._peer.write(self.control)

    def wait(self, holds: Callable[[Status], bool], what: str) -> Status:
        """The signals of lineside, once they are as expected.

        Raises:
            TimeoutError: They never were.
        """
        until_s = monotonic() + self._timeout_s
        status = None
        while monotonic() < until_s:
            status = self._peer.read()
            if status is not None and holds(status):
                return status
            sleep(_PAUSE_S)
        raise TimeoutError(f"expected {what} within {self._timeout_s:g} s; saw {status}")

    def trigger(self, number: int, *, product: str | None = None, serial: str = "") -> None:
        """A part is in place, and lineside has taken notice of it."""
        chosen = self.control.product if product is None else product
        self.set(trigger_id=number, serial=serial, product=chosen, trigger=True)
        self.wait(lambda status: status.trigger_acknowledged, f"trigger_acknowledged of {number}")
        self.set(trigger=False)
        self.wait(lambda status: not status.trigger_acknowledged, f"trigger_acknowledged of {number} down")

    def results(self) -> Status:
        """The results that are valid, which are not acknowledged yet."""
        return self.wait(lambda status: status.results_valid, "results_valid")

    def acknowledge(self) -> Status:
        """The results that were valid, acknowledged and gone."""
        status = self.results()
        self.answers.append(status)
        self.set(acknowledge=True)
        shown = status.sequence  # by messages the next results may come at once
        self.wait(lambda now: not now.results_valid or now.sequence != shown, "results_valid down")
        self.set(acknowledge=False)
        return status

    def part(self, number: int, *, product: str | None = None, serial: str = "") -> Status:
        """One part from `ready` to its acknowledged results."""
        self.wait(lambda status: status.ready, "ready")
        self.trigger(number, product=product, serial=serial)
        return self.acknowledge()

    def part_in_haste(self, number: int) -> Status:
        """The same with as few writes as the handshake allows: two a part, for many parts in little time."""
        self.set(trigger_id=number, trigger=True, acknowledge=False)
        status = self.results()
        self.answers.append(status)
        self.set(trigger=False, acknowledge=True)
        self.wait(lambda status: status.ready and not status.trigger_acknowledged, "ready")
        return status

    def power_up(self) -> None:
        """The control starts anew: its signals are down, and it resets lineside."""
        self.control = Control()
        self._peer.revive()
        self.set(reset=True)
        # What a control finds in its memory may be old, or zero: only what beats is alive.
        first = self.wait(lambda _: True, "any signals").heartbeat
        self.wait(lambda status: status.heartbeat != first, "a heartbeat")
        self.wait(lambda status: not status.ready and not status.results_valid, "not ready while reset")
        self.set(reset=False)
        self.wait(lambda status: status.ready, "ready after the reset")
