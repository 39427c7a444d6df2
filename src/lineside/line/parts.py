"""What a line is made of, and how it runs: values that the loop is given."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core.backoff import Backoff
from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    import queue
    from collections.abc import Callable, Mapping, Sequence

    from lineside.core.inspection import Inspection
    from lineside.core.verdict import Reason
    from lineside.line.board import Board
    from lineside.line.ejecting import EjectorThread
    from lineside.line.events import Capture, Event, News
    from lineside.line.outbox import Sink
    from lineside.line.plant import Plant
    from lineside.line.products import Product, Products
    from lineside.line.statistics import DeviceRow
    from lineside.line.triggers import Triggers
    from lineside.outputs.trace.late import Late

    Inbox = queue.SimpleQueue[Event | News]


class Station(Protocol):
    """A camera of the line, in threads of its own."""

    @property
    def is_tried(self) -> bool:
        """Whether the camera is open, or could not be opened."""

    def start(self) -> None:
        """Begin."""

    def put(self, request: Capture) -> None:
        """Ask for a picture; what comes of it is posted."""

    def stop(self) -> None:
        """Let the threads end."""

    def join(self, timeout_s: float) -> bool:
        """Whether they have ended within the time."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a line runs.

    Attributes:
        deadline_s: Seconds from a part's trigger to its answer.
        max_captures: Triggers that one camera may leave unanswered.
        max_frames: Pictures that may wait for the model.
        outbox: Inspections that may wait for the sinks.
        backoff: The pauses between attempts to open what was lost.

    Raises:
        SettingsError: A number is not positive.
    """

    deadline_s: float = 0.2
    max_captures: int = 4
    max_frames: int = 8
    outbox: int = 32
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        for name in ("deadline_s", "max_captures", "max_frames", "outbox"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SettingsError(f"{name}: expected a number above 0; got {value!r}")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a line is made of.

    Attributes:
        views: The names of a part's views, in the order of the answer.
        stations: The camera of each view, by the view's name; one camera may give several.
        products: The rules for each part, and what looks at its pictures.
        triggers: What makes parts come, from a moment on and for so many seconds, or `None` for no end.
        inbox: Where the stations post.
        board: Where everybody tells what people should hear.
        plant: The links to the plant's controls.
        ejector: What moves parts that have not passed off the line.
        gate: Hears every answer at once, in the line's thread, after the plant: it must be quick.
        record: Takes every answer, with what is to be said of its product; it never waits.
        late: Takes what came of a part after its answer; it never waits.
        sinks: Get every inspection after its answer, in a thread of their own.
        devices: How the devices stand now; is asked for statistics.
        absence: Why no device is in service now, where none is.
        dress: Have the cameras take a product's features before the next picture that is asked for; it never waits.
    """

    views: tuple[str, ...]
    stations: Mapping[str, Station]
    products: Products
    triggers: Callable[[float, float | None], Triggers]
    inbox: Inbox
    board: Board
    plant: Plant | None = None
    ejector: EjectorThread | None = None
    gate: Callable[[Inspection], None] | None = None
    record: Callable[[Inspection, Mapping[str, Any]], None] = lambda _inspection, _about: None
    late: Callable[[Late], object] = lambda _late: None
    sinks: Sequence[Sink] = ()
    devices: Callable[[], Sequence[DeviceRow]] = tuple
    absence: Callable[[], Reason | None] = lambda: None
    dress: Callable[[Product], None] = lambda _product: None
