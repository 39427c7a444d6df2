"""The ejector at work, in a thread of its own: nothing that holds the run loop up makes it move late."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from lineside.line.border import Fault, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineside.core.verdict import Verdict
    from lineside.line.ejector import Ejector

_AGAIN_S = 0.01  # after a fault
_BEAT_S = 0.25
_BELT_S = 10.0  # how long a belt with an encoder may take to carry the last parts off
_RESERVE_S = 1.0
_JOIN_S = 5.0


class EjectorThread:
    """Moves when it is time. A control that holds the run loop up for a second, or a slow rule, is no reason to miss a part.

    Args:
        ejector: What moves.
        note: Takes a code and a sentence for the people at the line.
        clock: Monotonic seconds.

    Attributes:
        trouble: Why it cannot be relied on; an empty text while it can.
    """

    def __init__(
        self,
        ejector: Ejector,
        *,
        note: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ejector = ejector
        self._note = note
        self._clock = clock
        self.trouble = ""
        self._turn = threading.Lock()
        self._news = threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """It works from now on, and its heartbeat as long as `alive` is called."""
        self.alive(self._clock())
        self._thread = threading.Thread(target=self._run, name="ejector", daemon=True)
        self._thread.start()

    def expect(self, part: int, at_s: float) -> None:
        """A part was triggered; it is ejected unless it is proven good before it is there."""
        with self._turn:
            self._ejector.expect(part, at_s, self._clock())
        self._news.set()

    def decide(self, part: int, verdict: Verdict) -> None:
        """A part was answered."""
        with self._turn:
            self._ejector.decide(part, verdict)

    def alive(self, now_s: float) -> float:
        """The run loop came round; when it has to again, for the heartbeat to go on."""
        return self._ejector.alive(now_s)  # a single number, which needs no turn

    def close(self, beat: Callable[[], object] = lambda: None) -> None:
        """The parts that were on their way have been met, as far as the belt brought them in time; its outputs are off and let go of.

        Args:
            beat: Is called again and again while it waits for them.

        Raises:
            OutputError: One could not be switched.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            self._drain(beat)
            self._is_stopping = True
            self._news.set()
            thread.join(_JOIN_S)
        with self._turn:
            self._ejector.close()

    def _drain(self, beat: Callable[[], object]) -> None:
        how = self._ejector.settings
        way_s = _BELT_S if self._ejector.has_encoder else how.delay + how.pulse_s
        until_s = self._clock() + way_s + _RESERVE_S
        while self._clock() < until_s:
            with self._turn:
                if self._ejector.is_idle:
                    return
                self._ejector.alive(self._clock())
            beat()
            time.sleep(_AGAIN_S)
        self._note(
            "ejector.left", "the line ends with parts on their way to the ejector, which are not ejected"
        )

    def _run(self) -> None:
        while not self._is_stopping:
            self._news.clear()
            with self._turn:
                outcome = attempt("ejector", lambda: self._ejector.work(self._clock()))
            if isinstance(outcome, Fault):
                sentence = f"{outcome.sentence}; look for parts that it should have ejected"
                if not self.trouble:
                    self._note("ejector.failed", sentence)
                self.trouble, wake_s = sentence, self._clock() + _AGAIN_S
            else:
                if self.trouble:
                    self._note("ejector.back", "the ejector works again")
                self.trouble, wake_s = "", outcome
            self._news.wait(min(max(wake_s - self._clock(), 0.0), _BEAT_S))
