"""What the threads of a feed know together of one camera, under one lock."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from threading import Condition
from typing import TYPE_CHECKING

from lineside.capture.camera import StreamEvent, TriggerMode
from lineside.capture.changes import Changes
from lineside.capture.requests import Request, Requests
from lineside.capture.tally import Tally
from lineside.capture.watch import State, Watch
from lineside.core.errors import CameraUnsetError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.changes import Change
    from lineside.capture.listeners import Listeners
    from lineside.capture.watch import Action, Limits
    from lineside.core.backoff import Backoff

MOST_REQUESTS = 8
"""Triggers that a camera may owe at once; a further one is missed at once."""


class Account:
    """A camera's state: its watch, what it owes, what it has done. Everything but `miss` is called under `changed`.

    Args:
        settings: The camera's.
        listeners: Who is told.
        limits: How long it may take.
        backoff: The pauses between attempts to open it.

    Attributes:
        settings: As given.
        listeners: As given.
        changed: Guards all of it, and wakes whoever waits for a change of it.
        watch: Whether it is well.
        requests: Triggers that it owes.
        changes: Features that it shall take.
        cameras: The open cameras by generation; all but the newest were given up.
        pending: What the supervisor shall do.
        tally: What it has done.
        sleeps_until_s: When the supervisor wakes by itself.
    """

    def __init__(
        self, settings: CameraSettings, listeners: Listeners, limits: Limits, backoff: Backoff
    ) -> None:
        self.settings = settings
        self.listeners = listeners
        self.changed = Condition()
        self.watch = Watch(
            settings.id,
            replace(limits, age_s=settings.timeout_s or limits.age_s),
            backoff,
            runs=settings.trigger is TriggerMode.FREE,
        )
        self.requests = Requests(MOST_REQUESTS)
        self.changes = Changes(settings)
        self.cameras: dict[int, Camera] = {}
        self.pending: deque[Action] = deque()
        self.tally = Tally(settings.id, settings.clock)
        self.sleeps_until_s = -math.inf

    def do(self, actions: Sequence[Action]) -> None:
        """Have the supervisor do something."""
        self.pending.extend(actions)
        if actions:
            self.changed.notify_all()

    def tell(self, code: str, sentence: str) -> None:
        """Have an event told."""
        self.do((StreamEvent(self.settings.id, code, self.settings.clock(), sentence),))

    def nudge(self) -> None:
        """Wake the supervisor if it would sleep too long; not for every picture."""
        if self.watch.due_s() < self.sleeps_until_s:
            self.changed.notify_all()

    def refuse(self, changes: Sequence[Change], why: str) -> None:
        """Have it told that the camera did not take some features."""
        for _ in changes:
            self.tell("camera.refused", why)

    def away(self) -> str:
        """Why no trigger can reach the camera."""
        if self.watch.state is State.ENDED:
            return "the feed has ended"
        return f"it is not open: {self.watch.fault}" if self.watch.fault else "it is not open"

    def miss(self, requests: Sequence[Request], why: str, *, is_unset: bool = False) -> None:
        """Tell that triggers have no picture; in the caller's thread, without the lock.

        Args:
            requests: They; none of them is owed any more.
            why: What went wrong.
            is_unset: Whether it was that the camera had not taken its features.
        """
        if not requests:
            return
        with self.changed:
            self.tally.missed += len(requests)
        kind = CameraUnsetError if is_unset else SourceError
        for request in requests:
            self.listeners.missed(request.part, kind(f"camera {self.settings.id}: {why}"))
