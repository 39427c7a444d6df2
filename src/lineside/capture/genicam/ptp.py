"""Whether a camera's clock follows another by PTP (IEEE 1588), asked now and then beside the pictures, and what time it truly was."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

from lineside.core.errors import LinesideError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Lock

    from lineside.capture.genicam.device import Nodes, Value

OWN = "own"
"""The state of a clock that follows none."""

_STATUS = ("PtpStatus", "GevIEEE1588Status")
_LATCH = ("PtpDataSetLatch", "GevIEEE1588DataSetLatch")
_OFFSET = ("PtpOffsetFromMaster", "GevIEEE1588OffsetFromMaster")
_OFF = ("Disabled", "Off")
_TAI_UTC_S = 37.0
_NEAR_S = 1.0
_NS_PER_S = 1e9
_END_S = 1.0
_PATIENCE = 3  # so many questions may go without an answer before the last one is not believed any more


@dataclass(frozen=True, slots=True)
class ClockState:
    """What a camera said of its clock.

    Attributes:
        word: `ptp slave` and the like, `own` where PTP is off, `ptp unknown` where it does not say; empty where it has no PTP.
        offset_s: How far it says to be from the clock that it follows; `None` where it does not say.
    """

    word: str = ""
    offset_s: float | None = None

    @property
    def follows(self) -> bool:
        """Whether it follows another clock."""
        return self.word == "ptp slave"


_UNKNOWN = ClockState("ptp unknown")


class PtpClock:
    """A camera's clock where it follows a grandmaster by PTP. A thread of its own asks the camera, so no picture waits for that.

    Args:
        nodes: The camera's features.
        lock: Held for each word with the camera, and no longer.
        every_s: Seconds from one question to the next.
        clock: Monotonic seconds.

    Raises:
        SourceError: The camera does not answer.
    """

    def __init__(self, nodes: Nodes, lock: Lock, every_s: float, clock: Callable[[], float]) -> None:
        self._nodes, self._lock, self._every_s, self._clock = nodes, lock, every_s, clock
        self._status, self._latch, self._offset = (
            _first(nodes, names) for names in (_STATUS, _LATCH, _OFFSET)
        )
        self._is_over = Event()
        self._thread: Thread | None = None
        self._heard_s = 0.0
        self._state = ClockState()

    @property
    def state(self) -> ClockState:
        """What it said last; unknown, where that is long ago, as while its library hangs. Any thread may look."""
        is_old = self._clock() - self._heard_s > _PATIENCE * self._every_s
        return _UNKNOWN if self._state.word and is_old else self._state

    def start(self, who: str) -> None:
        """It is asked now, and from now on; nothing, where the camera has no PTP."""
        if self._status is None:
            return
        self.ask()
        self._thread = Thread(target=self._keep_asking, name=f"{who}: its clock", daemon=True)
        self._thread.start()

    def _keep_asking(self) -> None:
        while not self._is_over.wait(self._every_s):
            self.ask()

    def ask(self) -> None:
        """`state` is what the camera says now. One that does not answer is not believed; its pictures tell whether it is lost."""
        try:
            if self._latch is not None:
                self._tell(self._latch)
            status = str(self._get(str(self._status)))
        except LinesideError:
            if not self._is_over.is_set():
                self._state = _UNKNOWN
            return
        self._state = ClockState(OWN if status in _OFF else f"ptp {status.lower()}", self._offset_s())
        self._heard_s = self._clock()

    def _offset_s(self) -> float | None:
        """Of a camera that says one."""
        with suppress(LinesideError):
            return None if self._offset is None else float(self._get(self._offset)) / _NS_PER_S
        return None

    def _get(self, name: str) -> Value:
        with self._lock:
            self._check_not_over()
            return self._nodes.get(name)

    def _tell(self, command: str) -> None:
        with self._lock:
            self._check_not_over()
            self._nodes.set(command, value=True)

    def _check_not_over(self) -> None:
        if self._is_over.is_set():
            raise SourceError("the camera is being closed")

    def stop(self) -> None:
        """The camera is asked no more. Called with the lock."""
        self._is_over.set()

    def join(self) -> None:
        """The thread has ended. Called after `stop`, without the lock."""
        if self._thread is not None:
            self._thread.join(_END_S)

    def wall_s(self, device_s: float | None, host_s: float) -> float | None:
        """Seconds since 1970 (UTC) by the camera's clock; `None` where it follows no other, or none that can be right.

        PTP counts International Atomic Time, which is 37 s ahead; some grandmasters count UTC. Whichever is within a
        second of the host's clock is taken, and neither is not.

        Args:
            device_s: The picture's time by the camera's clock.
            host_s: The same by the host's clock, in seconds since 1970.
        """
        if device_s is None or not self.state.follows:
            return None
        for ahead_s in (0.0, _TAI_UTC_S):
            if abs(device_s - ahead_s - host_s) < _NEAR_S:
                return device_s - ahead_s
        return None


def _first(nodes: Nodes, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if nodes.describe(name) is not None), None)
