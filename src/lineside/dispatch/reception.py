"""Where an engine's pictures come in: each checked, given its stream and its deadline, and handed to the scheduler."""

from __future__ import annotations

import itertools
import math
from collections import deque
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError
from lineside.core.frame import Frame
from lineside.dispatch.asked import own
from lineside.dispatch.events import FrameArrived
from lineside.dispatch.promises import Ticket
from lineside.dispatch.starting import due_s
from lineside.dispatch.words import Request, Stream
from lineside.preprocess.letterbox import as_bgr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lineside.core.detections import Detections
    from lineside.dispatch.askings import Askings
    from lineside.dispatch.desk import Desk
    from lineside.dispatch.look import LookFuture
    from lineside.dispatch.promises import Promises
    from lineside.dispatch.swapping import Look

_KEPT = 4096  # streams of each delivery
_EVERY_PART = Delivery.EVERY_PART


class Reception:
    """Takes pictures in.

    Args:
        desk: The scheduler.
        promises: The futures.
        askings: The settings of calls.
        role: Whose model looks at them.
        clock: Monotonic seconds.
        within_s: Seconds from a picture to its answer, for those that bring no deadline; `None` for whenever it is there.
    """

    def __init__(
        self,
        desk: Desk,
        promises: Promises,
        askings: Askings,
        *,
        role: str,
        clock: Callable[[], float],
        within_s: float | None,
    ) -> None:
        self._desk = desk
        self._promises = promises
        self._askings = askings
        self._role = role
        self._clock = clock
        self._within_s = within_s
        self._streams: dict[str, dict[str | None, Stream]] = {str(kind): {} for kind in Delivery}
        self._parts = self._streams[str(_EVERY_PART)]
        self._numbers = itertools.count()

    def take(
        self,
        image: NDArray[Any] | Frame,
        asked: dict[str, Any],
        *,
        deadline_s: float | None,
        stream: str | None = None,
        delivery: str = Delivery.EVERY_PART,
        name: object = None,
    ) -> LookFuture:
        """The future of what the model sees in a picture; arguments and refusals as of `Engine.submit`.

        Raises:
            ImageFormatError: It is no picture.
            SettingsError: A setting is unknown or out of range.
        """
        picture, of, own = _picture(image, stream)
        ticket = Ticket(picture, self._askings.checked(asked), own if name is None else name)
        return self._send(ticket, self._stream(of, delivery), self._due_s(deadline_s))

    def take_each(
        self, images: Iterable[NDArray[Any] | Frame], asked: dict[str, Any]
    ) -> Iterator[Future[Detections]]:
        """Futures of pictures without a deadline, as `Engine.submit_each` has them.

        Raises:
            LinesideError: As `take`.
        """
        return self._each(images, own(asked))

    def _each(
        self, images: Iterable[NDArray[Any] | Frame], asked: dict[str, Any]
    ) -> Iterator[Future[Detections]]:
        ahead: deque[Future[Detections]] = deque()
        for image in images:
            while len(ahead) >= max(self._desk.ask(lambda scheduler: scheduler.room(self._role)), 1):
                yield _done(ahead.popleft())
            ahead.append(self.take(image, asked, deadline_s=math.inf))
        while ahead:
            yield _done(ahead.popleft())

    def look(self, model: str) -> Look:
        """A model as a function, through the same devices as all else."""
        stream = Stream("", model=model, ordered=False)
        return lambda image: self._send(Ticket(as_bgr(image), {}, "proof"), stream, math.inf).result()

    def _send(self, ticket: Ticket, stream: Stream, deadline_s: float) -> LookFuture:
        self._promises.give(ticket)
        self._desk.post(FrameArrived(Request(stream, next(self._numbers), deadline_s, ticket)))
        return ticket.future

    def _due_s(self, deadline_s: float | None) -> float:
        if deadline_s is None:
            return math.inf if self._within_s is None else self._clock() + self._within_s
        return due_s(deadline_s)

    def _stream(self, name: str | None, delivery: str) -> Stream:
        of_kind = self._parts if delivery is _EVERY_PART else self._streams.get(str(delivery))
        if of_kind is None:
            raise SettingsError(f'delivery: expected {" or ".join(Delivery)}; got "{delivery}"')
        try:
            found = of_kind.get(name)
        except TypeError:
            found = None  # no key, so no name
        if found is None:
            if not isinstance(name, str | None):
                raise SettingsError(f"stream: expected a name, or None; got {name!r}")
            found = Stream(name or "", self._role, Delivery(delivery), ordered=name is not None)
            if len(of_kind) >= _KEPT:  # a name for each part: what is made again is the same
                of_kind.clear()
            of_kind[name] = found
        return found


def _picture(image: NDArray[Any] | Frame, stream: str | None) -> tuple[NDArray[np.uint8], str | None, object]:
    """A picture, its stream and its name.

    Raises:
        ImageFormatError: It is none.
    """
    if isinstance(image, Frame):
        own = image.stream if stream is None else stream
        return as_bgr(image.image), own, f"{image.stream} #{image.sequence}"
    return as_bgr(image), stream, stream


def _done(future: Future[Detections]) -> Future[Detections]:
    wait((future,))
    return future
