"""A camera that is kept open: its pictures, its triggers' answers, and what happens to it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from threading import Condition, Lock, Thread, current_thread
from typing import TYPE_CHECKING, Self

from lineside.capture.camera import Remarking, StreamEvent, TriggerMode
from lineside.capture.camera import open_camera as open_any
from lineside.capture.changes import Changes
from lineside.capture.listeners import Listeners
from lineside.capture.reader import Reader, closed, is_end
from lineside.capture.requests import Request, Requests
from lineside.capture.tally import FeedStatistics, Tally
from lineside.capture.watch import GiveUp, Limits, Open, State, Watch
from lineside.core.backoff import Backoff
from lineside.core.errors import ImageError, LinesideError, SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.changes import Change
    from lineside.capture.watch import Action
    from lineside.core.frame import Frame

MOST_REQUESTS = 8
"""Triggers that a camera may owe at once; a further one is missed at once."""

STALE_S = 0.5
"""A trigger that could not reach the camera in this time is missed: its part has moved on."""


class Feed:
    """Owns one camera: opens it, reads it in a thread of its own, and opens it again when it is lost or silent.

    Pictures come in order, numbered without gaps over all openings, and are not copied. Each trigger is answered once: by its
    picture, which has the part's number, or by `on_missed`.

    Args:
        settings: The camera's.
        open_camera: Opens it.
        on_frame: Takes a picture, in the camera's thread; it must be quick. `Mailbox.put` is one that never waits.
        on_event: Takes what happens to the camera, in a thread of the feed; the log, if there is none.
        on_missed: Takes a picture that was due and cannot be had: the number of the part, or `None` where there was no
            trigger of ours, and the reason. It may be called before `trigger` returns.
        backoff: Pauses between attempts to open it.
        limits: How long the camera may take; the settings' `timeout_s` goes before `age_s`.
    """

    def __init__(
        self,
        settings: CameraSettings,
        open_camera: Callable[[CameraSettings], Camera] = open_any,
        *,
        on_frame: Callable[[Frame], object],
        on_event: Callable[[StreamEvent], object] | None = None,
        on_missed: Callable[[int | None, LinesideError], object] | None = None,
        backoff: Backoff | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._open_camera = open_camera
        self._listeners = Listeners(settings.id, on_frame, on_event, on_missed)
        limits = limits or Limits()
        self._watch = Watch(
            settings.id,
            replace(limits, age_s=settings.timeout_s or limits.age_s),
            backoff or Backoff(),
            runs=settings.trigger is TriggerMode.FREE,
        )
        self._changed = Condition()
        self._handing_on = Lock()
        self._requests = Requests(MOST_REQUESTS)
        self._changes = Changes(settings)
        self._cameras: dict[int, Camera] = {}
        self._threads: set[Thread] = set()
        self._pending: deque[Action] = deque()
        self._tally = Tally(settings.id, settings.clock)
        self._sleeps_until_s = -math.inf
        self._supervisor: Thread | None = None

    def __enter__(self) -> Self:
        """The feed, started."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stopped; its threads have a second to end."""
        self.stop()
        self.join(1.0)

    def start(self) -> None:
        """The camera is being opened; this does not wait for it."""
        if self._supervisor is None:
            self._supervisor = Thread(
                target=self._supervise, name=f"camera {self._settings.id}: watchdog", daemon=True
            )
            self._supervisor.start()

    def trigger(self, part: int) -> None:
        """The camera is asked for a picture of a part; the answer comes to `on_frame` or to `on_missed`. It never waits.

        Raises:
            SettingsError: The camera is not one that lineside triggers.
        """
        if not self._settings.is_triggered:
            raise SettingsError(
                f"camera {self._settings.id}: expected trigger software or plc; it is {self._settings.trigger}"
            )
        with self._changed:
            self._tally.triggers += 1
            is_open = self._watch.state in {State.OPEN, State.WELL}
            if is_open and self._requests.add(Request(part, self._settings.clock())):
                self._changed.notify_all()
                return
            why = f"it owes {MOST_REQUESTS} pictures" if is_open else self._away()
        self._miss((Request(part, 0),), why)

    def configure(self, features: Mapping[str, Any]) -> None:
        """The camera is asked for other values of its features, as for another product. It never waits.

        They are set in the camera's thread: after the pictures of the triggers that are owed by now, before those of later
        ones; while it is away, when it is back. `camera.configured` or `camera.refused` answers. The camera has what it took
        after it was lost, too; one that refused something is opened anew with what it had before.

        Raises:
            SourceError: The feed has ended.
        """
        with self._changed:
            if self._watch.state is State.ENDED:
                raise SourceError(f"camera {self._settings.id}: the feed has ended")
            self._changes.ask(features, self._requests)
            self._changed.notify_all()

    def statistics(self) -> FeedStatistics:
        """What it has done. Any thread may ask."""
        with self._changed:
            return self._tally.statistics(self._watch, [each.statistics() for each in self._cameras.values()])

    def stop(self) -> None:
        """The camera is being closed; what it still owes is missed. It never waits."""
        with self._changed:
            self._pending.extend(self._watch.stop())
            owed = self._requests.drop_all()
            self._refuse(self._changes.drop_all(), "the feed is stopped")
            self._changed.notify_all()
        self._miss(owed, "the feed is stopped")

    def join(self, timeout_s: float) -> bool:
        """True when all its threads have ended; False where a library did not come back in time. Nothing is handed on any more.

        Args:
            timeout_s: How long to wait at most.
        """
        until_s = self._settings.clock() + timeout_s
        if self._supervisor is None:
            return True
        # The supervisor first: no thread is started after it.
        self._join(self._supervisor, until_s)
        with self._changed:
            threads = [self._supervisor, *self._threads]
        for thread in threads:
            self._join(thread, until_s)
        return not any(thread.is_alive() for thread in threads)

    def _join(self, thread: Thread, until_s: float) -> None:
        if thread is not current_thread():
            thread.join(max(until_s - self._settings.clock(), 0))

    # What the readers tell; see reader.Owner.

    def opened(self, generation: int, camera: Camera, period_s: float | None) -> bool:
        """A reader's camera is open."""
        with self._changed:
            if not self._watch.hears(generation):
                return False
            self._cameras[generation] = camera
            now_s = self._settings.clock()
            self._do(self._watch.opened(generation, now_s, period_s))
            if isinstance(camera, Remarking) and camera.remark:
                self._do((StreamEvent(self._settings.id, "camera.fallback", now_s, camera.remark),))
            return True

    def calling(self, generation: int, within_s: float) -> bool:
        """A reader calls its library."""
        with self._changed:
            self._watch.calling(generation, self._settings.clock(), within_s)
            self._nudge()
            return self._watch.hears(generation)

    def returned(self, generation: int) -> None:
        """A reader's library came back."""
        with self._changed:
            self._watch.returned(generation)

    def wanted(self, generation: int) -> None:
        """A reader waits for a picture."""
        with self._changed:
            # A hardware trigger comes when the plant has a part; nobody can tell that one was due.
            if self._settings.trigger is not TriggerMode.HARDWARE:
                self._watch.wanted(generation, self._settings.clock())
                self._nudge()

    def take(self, generation: int, frame: Frame, request: Request | None) -> None:
        """A reader's picture goes to `on_frame`, unless its generation is heard no more or its trigger is answered."""
        with self._handing_on:
            with self._changed:
                counts, actions = self._watch.picture(generation, self._settings.clock())
                self._do(actions)
                if not counts or (request is not None and not self._requests.settle(request)):
                    return
                self._do(self._tally.add(frame, self._cameras.get(generation)))
                number = self._tally.frames - 1
            part = None if request is None else request.part
            fault = self._listeners.frame(replace(frame, sequence=number, part=part))
        if fault is not None and part is not None:
            self._miss((Request(part, 0),), str(fault))

    def spoilt(self, generation: int, error: ImageError, request: Request | None) -> None:
        """A reader's picture is missed; the camera is well."""
        with self._changed:
            counts, actions = self._watch.picture(generation, self._settings.clock())
            self._do(actions)
            if not counts or (request is not None and not self._requests.settle(request)):
                return
            self._do(self._tally.incomplete(str(error)))
            self._tally.missed += request is not None
        self._listeners.missed(None if request is None else request.part, error)

    def unasked(self, generation: int) -> None:
        """A reader dropped a picture that nobody had asked for."""
        with self._changed:
            if self._watch.hears(generation):
                self._do(self._tally.add_unasked())

    def next_request(self, generation: int, timeout_s: float) -> Request | None:
        """A reader takes the next trigger; those that waited too long are missed."""
        late: list[Request] = []
        with self._changed:
            self._changed.wait_for(lambda: self._has_work() or not self._watch.hears(generation), timeout_s)
            request = self._next() if self._watch.hears(generation) else None
            while request is not None and self._settings.clock() - request.asked_s > STALE_S:
                self._requests.settle(request)
                late.append(request)
                request = self._next()
        self._miss(
            late, f"the trigger waited longer than {STALE_S:g} s for the camera; the part has moved on"
        )
        return request

    def _next(self) -> Request | None:
        """The next trigger, where no features are to be set before it."""
        return None if self._changes.is_due(self._requests) else self._requests.take()

    def _has_work(self) -> bool:
        return len(self._requests) > 0 or self._changes.is_due(self._requests)

    def next_change(self, generation: int) -> Change | None:
        """A reader takes the features that are to be set now."""
        with self._changed:
            return self._changes.take(self._requests) if self._watch.hears(generation) else None

    def changed(self, generation: int, change: Change, fault: LinesideError | None) -> None:
        """A reader's camera has the features, or refused them."""
        with self._changed:
            is_taken = fault is None and self._watch.hears(generation)
            if not self._changes.settle(change, is_taken=is_taken):
                return
            if is_taken:
                sentence = f"it has {', '.join(change.features) or 'what it had'}"
                now_s = self._settings.clock()
                self._do((StreamEvent(self._settings.id, "camera.configured", now_s, sentence),))
            else:
                self._refuse((change,), str(fault or "it was given up"))

    def _refuse(self, changes: Sequence[Change], why: str) -> None:
        now_s = self._settings.clock()
        self._do([StreamEvent(self._settings.id, "camera.refused", now_s, why) for _ in changes])

    def failed(self, generation: int, error: LinesideError) -> None:
        """A reader's camera is lost, or over."""
        with self._changed:
            if not self._watch.hears(generation):
                return
            now_s = self._settings.clock()
            say = self._watch.ended if is_end(error) else self._watch.failed
            self._do(say(generation, now_s, str(error)))
            owed = self._requests.drop_all()
            self._refuse(
                self._changes.drop_all() if is_end(error) else self._changes.drop_current(), str(error)
            )
        self._miss(owed, str(error))

    def gone(self, generation: int, fault: LinesideError | None) -> None:
        """A reader's thread ends."""
        with self._changed:
            if (camera := self._cameras.pop(generation, None)) is not None:
                self._tally.close(camera.statistics())
            self._threads.discard(current_thread())
            self._watch.gone(generation)
            if fault is not None:
                self._do(
                    (StreamEvent(self._settings.id, "camera.close", self._settings.clock(), str(fault)),)
                )
            self._changed.notify_all()

    # The supervisor.

    def _supervise(self) -> None:
        while True:
            with self._changed:
                now_s = self._settings.clock()
                actions = [*self._pending, *self._watch.tick(now_s)]
                self._pending.clear()
                if not actions:
                    if self._watch.state is State.ENDED:
                        return
                    self._sleeps_until_s = self._watch.due_s()
                    left_s = self._sleeps_until_s - now_s
                    self._changed.wait(left_s if math.isfinite(left_s) else None)
                    self._sleeps_until_s = -math.inf
                    continue
            for action in actions:
                self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Open(generation):
                with self._changed:
                    reader = Reader(generation, self._changes.settings, self._open_camera, self)
                    if self._watch.hears(generation):
                        self._start(reader.run, str(generation))
            case GiveUp(generation):
                self._give_up(generation)
            case StreamEvent():
                self._listeners.event(action)

    def _give_up(self, generation: int) -> None:
        with self._changed:
            camera = self._cameras.get(generation)
            owed = self._requests.drop_all()
            self._refuse(self._changes.drop_current(), "the camera did not come back from it in time")
            if camera is not None:
                # In a thread of its own: a library that hangs in a read may hang here, too.
                self._start(lambda: self._close(camera), f"closing {generation}")
        self._miss(owed, "the camera gave no picture for its trigger in time")

    def _close(self, camera: Camera) -> None:
        closed(camera, self._settings.id)  # its reader closes it again, and tells what goes wrong
        with self._changed:
            self._threads.discard(current_thread())

    def _start(self, work: Callable[[], None], name: str) -> None:
        thread = Thread(target=work, name=f"camera {self._settings.id}: {name}", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _nudge(self) -> None:
        """Wake the supervisor if it would sleep too long; not for every picture."""
        if self._watch.due_s() < self._sleeps_until_s:
            self._changed.notify_all()

    def _do(self, actions: Sequence[Action]) -> None:
        self._pending.extend(actions)
        if actions:
            self._changed.notify_all()

    def _away(self) -> str:
        if self._watch.state is State.ENDED:
            return "the feed has ended"
        return f"it is not open: {self._watch.fault}" if self._watch.fault else "it is not open"

    def _miss(self, requests: Sequence[Request], why: str) -> None:
        if not requests:
            return
        with self._changed:
            self._tally.missed += len(requests)
        for request in requests:
            self._listeners.missed(request.part, SourceError(f"camera {self._settings.id}: {why}"))
