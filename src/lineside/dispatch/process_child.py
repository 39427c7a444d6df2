"""What runs in a worker's process: its models, and the pipes to the process that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from threading import Lock, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.dispatch.channel import Channel
from lineside.dispatch.hands import Hands
from lineside.dispatch.slots import Place, picture_at
from lineside.dispatch.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from lineside.dispatch.worker import News, Opener, WorkerModel


@dataclass(frozen=True, slots=True)
class Ends:
    """A process's ends of the pipes between a worker and its owner.

    Attributes:
        work: Runs, probes and what has to keep their order; `None` ends the worker.
        asides: What does not wait for the work: cancellations, and models to open.
        pictures: Bytes of the pictures that lie in no slot.
        news: What the worker tells.
        life: Nothing is ever sent here. It is open for as long as the owner lives.
    """

    work: Connection
    asides: Connection
    pictures: Connection
    news: Connection
    life: Connection

    def close(self) -> None:
        """Close them all."""
        for end in (self.work, self.asides, self.pictures, self.news, self.life):
            end.close()


def serve(device: str, opener: Opener, models: Sequence[WorkerModel], memory: Any, ends: Ends) -> None:
    """Work until told to end, or until whoever started this is gone.

    Args:
        device: The device's name.
        opener: Opens models there.
        models: The models to begin with.
        memory: The memory of the slots, if there is any.
        ends: This process's ends of the pipes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this hears the key, and ends this
    _die_with(ends.life)
    lock, channel, wire = Lock(), Channel(ends.news), Wire()

    def post(news: News) -> None:
        with lock:
            try:
                channel.send(wire.packed(news))
            except OSError:  # nobody is there to hear it
                os._exit(0)

    hands = Hands(device, opener, post, perf_counter)
    Thread(target=_asides, args=(ends.asides, hands), name="asides", daemon=True).start()
    if hands.open(models):
        view = None if memory is None else memoryview(memory)
        with contextlib.suppress(EOFError, OSError):  # the owner is gone
            _work(ends, view, hands)


def _work(ends: Ends, memory: memoryview | None, hands: Hands) -> None:
    channel, wire = Channel(ends.work), Wire()
    while (order := wire.unpacked(channel.receive())) is not None:
        name, *arguments = order
        if name == "run":
            run, model, places, asked = arguments
            hands.run(run, model, [_picture(place, memory, ends.pictures) for place in places], asked)
        else:
            getattr(hands, name)(*arguments)
        del order, arguments


def _picture(place: tuple[Any, ...], memory: memoryview | None, pictures: Connection) -> NDArray[np.uint8]:
    """A picture in its slot, or, where there is only a shape, from the pipe."""
    if isinstance(place[-1], tuple):  # strides
        assert memory is not None
        return picture_at(memory, Place(*place))
    return np.frombuffer(pictures.recv_bytes(), np.uint8).reshape(place)


def _asides(asides: Connection, hands: Hands) -> None:
    """Do what does not wait for the work; end this process with its owner, whatever runs in it."""
    channel, wire = Channel(asides), Wire()
    while True:
        try:
            name, argument = wire.unpacked(channel.receive())
        except (EOFError, OSError):
            os._exit(0)
        if name == "load":
            Thread(target=hands.load, args=(argument,), name="load", daemon=True).start()
        else:
            getattr(hands, name)(argument)


def _die_with(life: Connection) -> None:
    """Let the system kill this process when a pipe's other end is closed: also one that is stopped, or stuck in a driver.

    That a process dies with its parent (PR_SET_PDEATHSIG) is of no use here: the parent is the server that forks, which lives as
    long as its children do.
    """
    if sys.platform != "linux":
        return  # `_asides` ends it, unless it is stopped
    import fcntl

    end = life.fileno()
    fcntl.fcntl(end, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(end, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_ASYNC)
