"""What systemd hears of a line, by its notify protocol: a word in a datagram, and no library."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Notify:
    """Sends words to the socket of a unit with `Type=notify`; without one it does nothing.

    Args:
        address: `NOTIFY_SOCKET`, or an empty text.
        watchdog_s: Seconds after which systemd restarts a unit that it does not hear; `None` where it does not.
        clock: Monotonic seconds.
    """

    def __init__(
        self, address: str, watchdog_s: float | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_s = watchdog_s
        self._clock = clock
        self._lock = threading.Lock()
        self._sent_s = float("-inf")

    @classmethod
    def of(cls, environment: Mapping[str, str], *, pid: int) -> Notify:
        """As the environment of the process says.

        Args:
            environment: It.
            pid: The process.
        """
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_mine = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        watchdog_s = int(microseconds) / 1e6 if is_mine and microseconds.isdecimal() else None
        return cls(environment.get("NOTIFY_SOCKET", ""), watchdog_s or None)

    def ready(self) -> None:
        """The line has started."""
        self._send("READY=1\nSTATUS=parts are judged")

    def stopping(self) -> None:
        """The line ends."""
        self._send("STOPPING=1\nSTATUS=the parts on the line are answered")

    def alive(self) -> None:
        """The line works. It is sent at half the watchdog's time at most."""
        if self._watchdog_s is None:
            return
        with self._lock:
            now_s = self._clock()
            if now_s - self._sent_s < self._watchdog_s / 3:
                return
            self._sent_s = now_s
        self._send("WATCHDOG=1")

    def _send(self, words: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.connect(self._address)
                sender.send(words.encode())
        except OSError:
            # Nobody listens: systemd is gone or was never there, and the line has better to do than to mind.
            return
