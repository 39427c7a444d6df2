"""A live camera as a station of the line: its pictures become those that were asked for, or come by themselves."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lineside.capture.watch import State
from lineside.core.verdict import Reason
from lineside.line.border import Fault, attempt, fault_of
from lineside.line.events import FrameArrived, FrameCame, FrameLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from lineside.capture.camera import StreamEvent
    from lineside.capture.tally import FeedStatistics
    from lineside.core.errors import LinesideError
    from lineside.core.frame import Frame
    from lineside.line.events import Capture, Event, News
    from lineside.line.outfits import Outfit

_LOST = frozenset({"camera.lost", "camera.frozen", "camera.ended"})


class Feed(Protocol):
    """A thread that owns one camera: opens it, reads it, watches it, and opens it again: a `lineside.capture.feed.Feed`."""

    def start(self) -> None:
        """Begin."""

    def trigger(self, part: int) -> None:
        """Ask for a picture of a part. Each call is answered once: by a picture of that part, or as missed."""

    def configure(self, features: Mapping[str, Any], setting: str = "") -> None:
        """Ask for features over those of the settings, for the triggers to come; frames have their name once the camera has them."""

    def statistics(self) -> FeedStatistics:
        """What the camera has done."""

    def stop(self) -> None:
        """Let the thread end."""

    def join(self, timeout_s: float) -> bool:
        """Whether it has ended within the time."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Who hears a feed.

    Attributes:
        on_frame: Takes a picture; it has the part's number where it was asked for.
        on_event: Takes what happens to the camera.
        on_missed: Takes a picture that was asked for and cannot be had: the part, or `None`, and why.
    """

    on_frame: Callable[[Frame], None]
    on_event: Callable[[StreamEvent], None]
    on_missed: Callable[[int | None, LinesideError], None]


class FeedStation:
    """Answers each `Capture` with one `FrameArrived` or `FrameLost`; or posts a `FrameCame` for each picture that comes by itself.

    Args:
        name: The camera's name.
        make: Makes the feed, not yet started.
        post: Takes what happened.
        note: Takes a code and a sentence for the people at the line.
        prepare: What is done to a picture before the model sees it; a fault of it costs the picture.
        asks: Pictures are asked for; otherwise they come by themselves.

    Attributes:
        name: The camera's name.
        away: Why it is lost; an empty text while it is not.
        unset: Why it has not the features that it was asked to take last; an empty text where it has them, or may soon.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Ears], Feed],
        *,
        post: Callable[[Event | News], None],
        note: Callable[[str, str], None],
        prepare: Callable[[Frame], Frame] = lambda frame: frame,
        asks: bool = True,
    ) -> None:
        self.name = name
        self.away = ""
        self.unset = ""
        self._outfit = ""
        self._has_told = False
        self._post = post
        self._note = note
        self._prepare = prepare
        self._asks = asks
        self._lock = threading.Lock()
        self._owed: deque[Capture] = deque()
        self._feed = make(Ears(self._on_frame, self._on_event, self._on_missed))

    def start(self) -> None:
        """Begin."""
        self._feed.start()

    @property
    def is_tried(self) -> bool:
        """Whether the camera is open, or could not be opened."""
        return self._has_told or self._feed.statistics().state in {State.OPEN, State.WELL}

    def put(self, request: Capture) -> None:
        """Ask for a picture."""
        with self._lock:
            self._owed.append(request)
        outcome = attempt(f"camera {self.name}", lambda: self._feed.trigger(request.part))
        if isinstance(outcome, Fault) and self._take(request.part, request) is not None:
            self._lose(request, outcome)

    def dress(self, outfit: Outfit) -> None:
        """Have the camera take an outfit before the next picture that is asked for, unless it was asked for it last."""
        if outfit.name == self._outfit:
            return
        self._outfit = outfit.name
        self.unset = ""
        outcome = attempt(f"camera {self.name}", lambda: self._feed.configure(outfit.features, outfit.name))
        if isinstance(outcome, Fault):
            self.unset = outcome.sentence
            self._note("camera.refused", f"camera {self.name}: {outcome.sentence}")

    def stop(self) -> None:
        """Let the thread end."""
        self._feed.stop()

    def join(self, timeout_s: float) -> bool:
        """Whether it has ended within the time."""
        return self._feed.join(timeout_s)

    def statistics(self) -> FeedStatistics:
        """What the camera has done."""
        return self._feed.statistics()

    def _on_frame(self, frame: Frame) -> None:
        self._has_told = True
        request = self._take(frame.part) if self._asks else None
        prepared = attempt(f"camera {self.name}", lambda: self._prepare(frame))
        if request is not None:
            if isinstance(prepared, Fault):
                self._lose(request, prepared)
            else:
                self._post(FrameArrived(request.camera, request.part, prepared))
        elif self._asks:
            self._note("camera.unasked", f"camera {self.name}: a picture came that no part waits for")
        elif isinstance(prepared, Fault):
            self._post(FrameCame(self.name, frame, prepared.sentence))
        else:
            self._post(FrameCame(self.name, prepared))

    def _on_missed(self, part: int | None, error: LinesideError) -> None:
        request = self._take(part)
        if request is not None:
            self._lose(request, fault_of(error))

    def _on_event(self, event: StreamEvent) -> None:
        if event.code in _LOST:
            self.away = event.sentence
        elif event.code == "camera.back":
            self.away = ""
        elif event.code in {"camera.refused", "camera.configured"}:
            self.unset = event.sentence if event.code == "camera.refused" else ""
        self._has_told = True
        self._note(event.code, f"camera {self.name}: {event.sentence}")

    def _take(self, part: int | None, wanted: Capture | None = None) -> Capture | None:
        """The oldest request for a part, which is owed no more."""
        with self._lock:
            for request in self._owed:
                if request.part == part and wanted in {None, request}:
                    self._owed.remove(request)
                    return request
        return None

    def _lose(self, request: Capture, fault: Fault) -> None:
        reason = fault.reason if fault.reason is not Reason.DEVICE_LOST else Reason.NO_FRAME
        self._post(FrameLost(request.camera, request.part, reason, fault.sentence))
