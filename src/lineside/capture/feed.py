"""A camera that is kept open: its pictures, its triggers' answers, and what happens to it."""

from __future__ import annotations

import math
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Self

from lineside.capture.account import MOST_REQUESTS, Account
from lineside.capture.camera import StreamEvent
from lineside.capture.camera import open_camera as open_any
from lineside.capture.listeners import Listeners
from lineside.capture.openings import Openings
from lineside.capture.reader import Reader, closed
from lineside.capture.requests import Request
from lineside.capture.watch import GiveUp, Limits, Open, State
from lineside.core.backoff import Backoff
from lineside.core.errors import LinesideError, SettingsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any

    from lineside.capture.camera import Camera, CameraSettings
    from lineside.capture.tally import FeedStatistics
    from lineside.capture.watch import Action
    from lineside.core.frame import Frame


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
        self._account = Account(settings, self._listeners, limits or Limits(), backoff or Backoff())
        self._threads: set[Thread] = set()
        self._openings = Openings(self._account, self._threads)
        self._watch = self._account.watch
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
        account = self._account
        with account.changed:
            account.tally.triggers += 1
            is_open = self._watch.state in {State.OPEN, State.WELL}
            if is_open and account.requests.add(Request(part, self._settings.clock())):
                account.changed.notify_all()
                return
            why = f"it owes {MOST_REQUESTS} pictures" if is_open else account.away()
        account.miss((Request(part, 0),), why)

    def configure(self, features: Mapping[str, Any], setting: str = "") -> None:
        """The camera is asked to have these features over those of its settings, as for another product. It never waits.

        They are set in the camera's thread: after the pictures of the triggers that are owed by now, before those of later
        ones; while it is away, when it is back. A feature that is not named goes back to what the settings say. Frames have
        the name of what the camera had (`Frame.setting`) once it took it. `camera.configured` or `camera.refused` tells so; the
        last call is answered, one that is overtaken may not be. The camera has what it took after it was lost, too; one that
        refused something is opened anew with what it had before.

        Args:
            features: Values by name, each of a feature that the settings have a value for.
            setting: The name of these features.

        Raises:
            SettingsError: The settings have no value for a feature, to which it could go back.
            SourceError: The feed has ended.
        """
        with self._account.changed:
            if self._watch.state is State.ENDED:
                raise SourceError(f"camera {self._settings.id}: the feed has ended")
            self._account.changes.ask(features, setting, self._account.requests)
            self._account.changed.notify_all()

    def statistics(self) -> FeedStatistics:
        """What it has done. Any thread may ask."""
        account = self._account
        with account.changed:
            return account.tally.statistics(
                self._watch, [each.statistics() for each in account.cameras.values()]
            )

    def stop(self) -> None:
        """The camera is being closed; what it still owes is missed. It never waits."""
        account = self._account
        with account.changed:
            account.do(self._watch.stop())
            owed = account.requests.drop_all()
            account.refuse(account.changes.drop_all(), "the feed is stopped")
            account.changed.notify_all()
        account.miss(owed, "the feed is stopped")

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
        with self._account.changed:
            threads = [self._supervisor, *self._threads]
        for thread in threads:
            self._join(thread, until_s)
        return not any(thread.is_alive() for thread in threads)

    def _join(self, thread: Thread, until_s: float) -> None:
        if thread is not current_thread():
            thread.join(max(until_s - self._settings.clock(), 0))

    def _supervise(self) -> None:
        account = self._account
        while True:
            with account.changed:
                now_s = self._settings.clock()
                actions = [*account.pending, *self._watch.tick(now_s)]
                account.pending.clear()
                if not actions:
                    if self._watch.state is State.ENDED:
                        return
                    account.sleeps_until_s = self._watch.due_s()
                    left_s = account.sleeps_until_s - now_s
                    account.changed.wait(left_s if math.isfinite(left_s) else None)
                    account.sleeps_until_s = -math.inf
                    continue
            for action in actions:
                self._carry_out(action)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Open(generation):
                with self._account.changed:
                    settings = self._account.changes.settings
                    reader = Reader(generation, settings, self._open_camera, self._openings)
                    if self._watch.hears(generation):
                        self._start(reader.run, str(generation))
            case GiveUp(generation):
                self._give_up(generation)
            case StreamEvent():
                self._listeners.event(action)

    def _give_up(self, generation: int) -> None:
        account = self._account
        with account.changed:
            camera = account.cameras.get(generation)
            owed = account.requests.drop_all()
            account.refuse(account.changes.lose_current(), "the camera did not come back from it in time")
            if camera is not None:
                # In a thread of its own: a library that hangs in a read may hang here, too.
                self._start(lambda: self._close(camera), f"closing {generation}")
        account.miss(owed, "the camera gave no picture for its trigger in time")

    def _close(self, camera: Camera) -> None:
        closed(camera, self._settings.id)  # its reader closes it again, and tells what goes wrong
        with self._account.changed:
            self._threads.discard(current_thread())

    def _start(self, work: Callable[[], None], name: str) -> None:
        thread = Thread(target=work, name=f"camera {self._settings.id}: {name}", daemon=True)
        self._threads.add(thread)
        thread.start()
