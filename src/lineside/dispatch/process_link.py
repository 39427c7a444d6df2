"""One worker process from its start to its end, as its owner sees it."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import signal
from contextlib import suppress
from threading import Lock, Thread, current_thread
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import ImageFormatError
from lineside.dispatch import forking
from lineside.dispatch.channel import Channel
from lineside.dispatch.events import BatchDone, BatchFailed, Recycle, WorkerLost, WorkerUp
from lineside.dispatch.picture_pipe import PicturePipe
from lineside.dispatch.process_child import Ends, serve
from lineside.dispatch.recycling import Keeper
from lineside.dispatch.wire import Wire
from lineside.preprocess.letterbox import as_bgr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.context import BaseContext
    from multiprocessing.process import BaseProcess

    from numpy.typing import NDArray

    from lineside.dispatch.recycling import Recycling
    from lineside.dispatch.slots import Slots
    from lineside.dispatch.worker import Asked, News, Opener, Post, WorkerModel

_log = logging.getLogger(__name__)

_EXIT_CODE_S = 0.01
"""How long the loss of a process may wait for the reason of its end."""


def worker_context() -> BaseContext:
    """How worker processes are started: forked from a server that has imported what they need, or anew where there is none."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lineside.dispatch.preloaded"])
    return context


class Link:
    """A process, and the thread that hears what it tells.

    Args:
        device: The device's name.
        opener: Opens models there, in the process.
        post: Is told what the process tells, and that it is gone.
        slots: Where pictures lie that the process need not be sent.
        recycling: When it is to be replaced.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        device: str,
        opener: Opener,
        post: Post,
        *,
        slots: Slots | None,
        recycling: Recycling,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._device = device
        self._opener = opener
        self._post = post
        self._slots = None if slots is None or slots.block is None else slots
        self._context = worker_context()
        work, asides, pictures, life, news = (self._context.Pipe(duplex=False) for _ in range(5))
        self._ends = Ends(work[1], asides[1], pictures[1], news[0], life[1])
        self._theirs = Ends(work[0], asides[0], pictures[0], news[1], life[0])
        self._outside = PicturePipe(self._ends.pictures)
        self._keeper = Keeper(recycling, clock)
        self._sending = Lock()
        self._work, self._asides, self._news = (
            (Channel(end), Wire()) for end in (self._ends.work, self._ends.asides, self._ends.news)
        )
        self._lock = Lock()  # of what follows; never held while something is sent
        self._process: BaseProcess | None = None
        self._made: BaseProcess | None = None
        self._thread: Thread | None = None
        self._lent: dict[int, list[NDArray[np.uint8]]] = {}  # in slots, by the run that looks at them
        self._closing = self._abandoned = self._lost = self._gone = self._is_left = False
        forking.tell(self)

    def begin(self, models: Sequence[WorkerModel]) -> None:
        """Start the process, in the thread that will hear it."""
        thread = Thread(
            target=self._live, args=(tuple(models),), name=f"lineside {self._device}", daemon=True
        )
        thread.start()
        self._thread = thread  # only now, as whoever ends it meanwhile may join it

    def run(
        self, run: int, model: str, pictures: Sequence[NDArray[np.uint8]], asked: Sequence[Asked]
    ) -> None:
        """Send a run: where its pictures lie, not the pictures."""
        lent: list[NDArray[np.uint8]] = []
        outside: list[NDArray[np.uint8]] = []
        places: list[tuple[Any, ...]] = []
        try:
            for picture in pictures:
                places.append(self._place(picture, lent, outside))  # noqa: PERF401 # a function of its own, to Python 3.11
        except ImageFormatError as refusal:
            self.order("refuse", run, str(refusal))
            return
        with self._lock:
            if self._gone:  # it ended a moment ago, which its owner has yet to hear
                return
            self._lent[run] = lent
        channel, wire = self._work
        with self._sending, suppress(OSError):  # it is gone, which the other end of `news` tells
            channel.send(wire.packed_run(run, model, places, list(asked)))
        if outside:
            self._outside.send(outside)

    def order(self, *order: object) -> None:
        """Send what has to keep the order of the runs; nothing at all ends the process after them."""
        self._send(self._work, order or None)

    def aside(self, name: str, argument: object) -> None:
        """Send what does not wait for the run under way."""
        self._send(self._asides, (name, argument))

    def end(self, *, by_force: bool) -> None:
        """End the process, after its run or at once."""
        self._closing = True
        if not by_force:
            self.order()
            return
        self._abandoned = True
        self.kill()

    def kill(self) -> None:
        """Kill the process; one that is just being started, as soon as it is there."""
        if self._is_left:  # at the exit of a child: the process is the parent's
            return
        with self._lock:
            self._closing = True
            if self._process is not None:
                self._process.kill()

    def join(self, timeout_s: float) -> bool:
        """Whether the process is gone, after waiting for so long at most; the thread that hears it does not wait for itself."""
        if self._thread is None:
            return True
        if self._thread is current_thread():
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def left_behind(self) -> None:
        """As `Forkable` says: hold none of the pipes whose end would tell the process that its owner is gone, and never kill it."""
        self._is_left = self._closing = self._abandoned = self._gone = True
        self._lock, self._sending = Lock(), Lock()
        # The channels first: a number that is closed is soon another file's.
        for channel, _ in (self._work, self._asides, self._news):
            with suppress(OSError):
                channel.close()
        for ends in (self._ends, self._theirs):
            with suppress(OSError):
                ends.close()
        forking.disown(self._made)

    def _place(
        self, picture: NDArray[np.uint8], lent: list[NDArray[np.uint8]], outside: list[NDArray[np.uint8]]
    ) -> tuple[Any, ...]:
        """The parts of its `Place` in a slot, if need be after it was copied there; else its shape, as one to be sent.

        Raises:
            ImageFormatError: It is none that a detector takes.
        """
        if not (isinstance(picture, np.ndarray) and picture.dtype == np.uint8):
            picture = as_bgr(picture)
        slots = self._slots
        if slots is not None and picture.size:
            place = slots.find(picture)
            if place is None and (copy := slots.copy_of(picture)) is not None:
                place, picture = slots.find(copy), copy
            if place is not None:
                lent.append(picture)  # so that the slot stays in use until the run is answered
                return tuple(place)
        outside.append(picture)
        return picture.shape

    def _send(self, to: tuple[Channel, Wire], what: object) -> None:
        channel, wire = to
        with self._sending, suppress(OSError):  # it is gone, which the other end of `news` tells
            channel.send(wire.packed(what))

    def _live(self, models: tuple[WorkerModel, ...]) -> None:
        """What the thread does: start, hear, and clean up."""
        atexit.register(
            self.kill
        )  # before the standard library waits for it, which a stopped process never ends
        try:
            why = self._start(models)
            if not why:
                why = self._hear() or self._ending()
            with self._lock:
                self._gone = True
                unanswered = tuple(self._lent)
            for run in unanswered:
                self._give_back(run)
            if not self._lost and (unanswered or not self._closing):
                self._tell(WorkerLost(self._device, why))
        finally:
            atexit.unregister(self.kill)
            self._outside.close()
            with (
                self._sending
            ):  # another thread may be about to, and the number of a closed end is soon somebody else's
                for end in (self._work[0], self._asides[0], self._news[0], self._ends.life):
                    end.close()

    def _start(self, models: tuple[WorkerModel, ...]) -> str:
        """Start the process; why that is not possible, or nothing."""
        memory = None if self._slots is None else self._slots.block
        process: BaseProcess = self._context.Process(  # type: ignore[attr-defined] # each context has it
            target=serve,
            args=(self._device, self._opener, models, memory, self._theirs),
            name=f"lineside {self._device}",
            daemon=True,
        )
        self._made = process
        try:
            process.start()
        except Exception as fault:  # noqa: BLE001 # pickle, the system and multiprocessing each have their own; none has a base
            return f"its process cannot be started: {type(fault).__name__}: {fault}"
        finally:
            self._theirs.close()  # so that the end of the process is the end of the pipe
        with self._lock:
            self._process = process
            if self._closing:
                process.kill()
        return ""

    def _hear(self) -> str:
        """Hear the process until it ends, or says what cannot be understood; why it is of no use any more then, or nothing."""
        channel, wire = self._news
        while True:
            try:
                news: News = wire.unpacked(channel.receive())
            except (EOFError, OSError):
                return ""
            except Exception as fault:  # noqa: BLE001 # what comes is unpickled, which may raise anything; unheard, its runs would never end
                with self._lock:
                    assert self._process is not None
                    self._process.kill()  # not `self.kill`, after which nobody is told of the loss
                return f"what its process tells cannot be read: {type(fault).__name__}: {fault}"
            if isinstance(news, BatchDone):
                # What comes with every picture is asked for first, and without the lock: each step is a slow one after a run.
                self._lent.pop(news.run, None)
                self._tell(news)
                if why := self._keeper.why():
                    self._tell(Recycle(self._device, why))
                continue
            if isinstance(news, BatchFailed):
                self._lent.pop(news.run, None)
            elif isinstance(news, WorkerLost):
                self._lost = True
            elif isinstance(news, WorkerUp) and self._process is not None:
                self._keeper.up(self._process.pid)
            self._tell(news)
            if isinstance(news, BatchDone) and (why := self._keeper.why()):
                self._tell(Recycle(self._device, why))

    def _ending(self) -> str:
        assert self._process is not None
        self._process.join(_EXIT_CODE_S)
        return _sentence(self._process.exitcode, was_up=self._keeper.is_up)

    def _give_back(self, run: int) -> None:
        with self._lock:
            self._lent.pop(run, None)

    def _tell(self, news: News) -> None:
        if self._abandoned:
            return
        try:
            self._post(news)
        except Exception:  # noqa: BLE001 # whoever is told may raise anything; without this thread nothing would be told any more
            _log.exception("%s: what its worker told could not be taken in; it is heard on", self._device)


def _sentence(code: int | None, *, was_up: bool) -> str:
    """How a process ended."""
    if code is None:
        return "its process is gone; how it ended is not known yet"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"its process was ended by {name}"
    if was_up:
        return f"its process ended by itself, with {code}"
    return (
        f"its process ended with {code} before it was ready; standard error says more. A script that starts workers "
        'needs its own start behind `if __name__ == "__main__":`, and has to be a file, not what Python reads from standard input'
    )
