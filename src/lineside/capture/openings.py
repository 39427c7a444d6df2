"""What the readers of a camera tell, one for each of its openings: heard only as long as that opening counts."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock, current_thread
from typing import TYPE_CHECKING

from lineside.capture.camera import Remarking, Settling, TriggerMode
from lineside.capture.reader import is_end
from lineside.capture.requests import Request
from lineside.core.errors import ImageError, LinesideError, SettingsError

if TYPE_CHECKING:
    from threading import Thread

    from lineside.capture.account import Account
    from lineside.capture.camera import Camera
    from lineside.capture.changes import Change
    from lineside.core.frame import Frame

STALE_S = 0.5
"""A trigger that could not reach the camera in this time is missed: its part has moved on."""


class Openings:
    """Hears the readers: a `reader.Owner`.

    Args:
        account: The camera's.
        threads: Those of the feed, of which a reader's takes itself out at its end.
    """

    def __init__(self, account: Account, threads: set[Thread]) -> None:
        self._account = account
        self._threads = threads
        self._watch = account.watch
        self._requests = account.requests
        self._changes = account.changes
        self._clock = account.settings.clock
        self._handing_on = Lock()

    def opened(self, generation: int, camera: Camera, period_s: float | None) -> bool:
        """A reader's camera is open."""
        with self._account.changed:
            if not self._watch.hears(generation):
                return False
            self._account.cameras[generation] = camera
            self._account.do(self._watch.opened(generation, self._clock(), period_s))
            if isinstance(camera, Remarking) and camera.remark:
                self._account.tell("camera.fallback", camera.remark)
            return True

    def calling(self, generation: int, within_s: float) -> bool:
        """A reader calls its library."""
        with self._account.changed:
            self._watch.calling(generation, self._clock(), within_s)
            self._account.nudge()
            return self._watch.hears(generation)

    def returned(self, generation: int) -> None:
        """A reader's library came back."""
        with self._account.changed:
            self._watch.returned(generation)

    def wanted(self, generation: int) -> None:
        """A reader waits for a picture."""
        with self._account.changed:
            # A hardware trigger comes when the plant has a part; nobody can tell that one was due.
            if self._account.settings.trigger is not TriggerMode.HARDWARE:
                self._watch.wanted(generation, self._clock())
                self._account.nudge()

    def take(self, generation: int, frame: Frame, request: Request | None) -> None:
        """A reader's picture is handed on, unless its generation is heard no more or its trigger is answered."""
        with self._handing_on:
            with self._account.changed:
                if not self._counts(generation, request):
                    return
                self._account.do(self._account.tally.add(frame, self._account.cameras.get(generation)))
                number = self._account.tally.frames - 1
                # Its reader sets features between two triggers, so a picture that was asked for has what the camera has now.
                setting = (
                    self._changes.setting_at(frame.captured_s) if request is None else self._changes.setting
                )
            part = None if request is None else request.part
            fault = self._account.listeners.frame(replace(frame, sequence=number, part=part, setting=setting))
        if fault is not None and part is not None:
            self._account.miss((Request(part, 0),), str(fault))

    def spoilt(self, generation: int, error: ImageError, request: Request | None) -> None:
        """A reader's picture is missed; the camera is well."""
        with self._account.changed:
            if not self._counts(generation, request):
                return
            self._account.do(self._account.tally.incomplete(str(error)))
            self._account.tally.missed += request is not None
        self._account.listeners.missed(None if request is None else request.part, error)

    def _counts(self, generation: int, request: Request | None) -> bool:
        """Whether a picture that came is wanted; its trigger is owed no more then."""
        counts, actions = self._watch.picture(generation, self._clock())
        self._account.do(actions)
        return counts and (request is None or self._requests.settle(request))

    def unasked(self, generation: int) -> None:
        """A reader dropped a picture that nobody had asked for."""
        with self._account.changed:
            if self._watch.hears(generation):
                self._account.do(self._account.tally.add_unasked())

    def next_request(self, generation: int, timeout_s: float) -> Request | None:
        """A reader takes the next trigger; those that waited too long are missed."""
        late: list[Request] = []
        with self._account.changed:
            self._account.changed.wait_for(
                lambda: self._has_work() or not self._watch.hears(generation), timeout_s
            )
            request = self._next() if self._watch.hears(generation) else None
            while request is not None and self._clock() - request.asked_s > STALE_S:
                self._requests.settle(request)
                late.append(request)
                request = self._next()
        for one in late:
            # It waited for the camera to take features where that ended after it was asked for.
            is_unset = one.asked_s <= self._changes.since_s
            self._account.miss(
                (one,),
                f"the trigger waited longer than {STALE_S:g} s for the camera{' to take its features' * is_unset}; the part has "
                "moved on",
                is_unset=is_unset,
            )
        return request

    def _next(self) -> Request | None:
        """The next trigger, where no features are to be set before it."""
        return None if self._changes.is_due(self._requests) else self._requests.take()

    def _has_work(self) -> bool:
        return len(self._requests) > 0 or self._changes.is_due(self._requests)

    def next_change(self, generation: int) -> Change | None:
        """A reader takes the features that are to be set now."""
        with self._account.changed:
            return self._changes.take(self._requests) if self._watch.hears(generation) else None

    def changed(self, generation: int, change: Change, fault: LinesideError | None) -> None:
        """A reader's camera has the features, or refused them. Where it was lost meanwhile, its end says so (`failed`)."""
        with self._account.changed:
            if not self._watch.hears(generation):
                return
            if isinstance(fault, SettingsError):
                if self._changes.settle(change, None):
                    self._account.refuse((change,), str(fault))
            elif fault is None:
                camera = self._account.cameras.get(generation)
                settles_s = camera.settles_s if isinstance(camera, Settling) else 0.0
                if self._changes.settle(change, self._clock() + settles_s):
                    shown = ", ".join(f"{name} = {value}" for name, value in change.features.items())
                    self._account.tell("camera.configured", f"it has {shown or 'what it had'}")

    def failed(self, generation: int, error: LinesideError) -> None:
        """A reader's camera is lost, or over."""
        with self._account.changed:
            if not self._watch.hears(generation):
                return
            say = self._watch.ended if is_end(error) else self._watch.failed
            self._account.do(say(generation, self._clock(), str(error)))
            owed = self._requests.drop_all()
            lost = self._changes.drop_all() if is_end(error) else self._changes.lose_current()
            self._account.refuse(lost, str(error))
        self._account.miss(owed, str(error), is_unset=isinstance(error, SettingsError))

    def gone(self, generation: int, fault: LinesideError | None) -> None:
        """A reader's thread ends."""
        with self._account.changed:
            if (camera := self._account.cameras.pop(generation, None)) is not None:
                self._account.tally.close(camera.statistics())
            self._threads.discard(current_thread())
            self._watch.gone(generation)
            if fault is not None:
                self._account.tell("camera.close", str(fault))
            self._account.changed.notify_all()
