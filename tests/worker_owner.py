"""The owner of one worker: hears what it tells, and can be asked whether it told anything else."""

from __future__ import annotations

import queue
import threading
import time
from itertools import count

import numpy as np

from lineside.core.errors import DeviceMemoryError
from lineside.dispatch.events import BatchDone, BatchFailed, WorkerUp
from lineside.dispatch.process_worker import ProcessWorker
from lineside.dispatch.slots import Slots
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.worker import WorkerModel
from lineside.testing.workers import ScriptedModel, ScriptedOpener

MODEL = WorkerModel("model", "scripted")
SIZE = (24, 32, 3)
LONG_S = 60.0


class Owner:
    """Starts a worker, numbers its runs, and waits for its news.

    Args:
        kind: `thread` or `process`.
        opener: Opens its models.
        more: Further arguments of a process.
    """

    def __init__(self, kind, opener=None, *, slots=None, **more):
        self.news = queue.SimpleQueue()
        self.threads = set()
        self.slots = None
        self._runs = count(1)
        opener = ScriptedOpener() if opener is None else opener
        if kind == "thread":
            if slots is not None:
                slots.close()
            self.worker = ThreadWorker("dev", opener=opener, post=self._hear)
            return
        self.slots = slots or Slots(8, 24 * 32 * 3)
        self.worker = ProcessWorker("dev", opener=opener, post=self._hear, slots=self.slots, **more)

    def _hear(self, news):
        self.threads.add(threading.get_ident())
        self.news.put((time.perf_counter(), news))

    def expect(self, *kinds, timeout_s=LONG_S):
        """The next news, which must be of one of these kinds."""
        self.heard_s, news = self.news.get(timeout=timeout_s)
        assert isinstance(news, kinds), news
        return news

    def expect_nothing(self, for_s=0.05):
        try:
            _, news = self.news.get(timeout=for_s)
        except queue.Empty:
            return
        raise AssertionError(news)

    def start(self, *models):
        """Start it with models, by default one; what it tells of being up."""
        self.worker.start(models or [MODEL])
        return self.expect(WorkerUp)

    def give(self, *deeds, model="model", pictures=None):
        """Give it a run; the run's number."""
        run = next(self._runs)
        pictures = [picture(i + 1) for i in range(len(deeds))] if pictures is None else pictures
        self.worker.run(run, model, pictures, [{"do": deed} for deed in deeds])
        return run

    def done(self, run):
        news = self.expect(BatchDone)
        assert (news.device, news.run) == ("dev", run)
        return news.results

    def failed(self, run):
        news = self.expect(BatchFailed)
        assert (news.device, news.run) == ("dev", run)
        return news

    def close(self):
        self.worker.close(by_force=True)
        self.worker.join(5)
        if self.slots is not None:
            self.slots.close()

    @property
    def pid(self):
        """The worker's process, as it says itself."""
        return self.done(self.give("look"))[0].pid


def picture(value, shape=SIZE):
    return np.full(shape, value, np.uint8)


def narrow_opener(_):
    """Opens a model that has memory for four pictures a run."""
    model = ScriptedModel((0.002, 0.0022, 0.0024, 0.0026, 0.0028, 0.003, 0.0032, 0.0034))
    probe = model.probe

    def narrow(count):
        if count > 4:
            raise DeviceMemoryError("no memory left")
        probe(count)

    model.probe = narrow
    return model


def broken_opener(model):
    raise ZeroDivisionError("a bug")


class Unreadable:
    """Pickled without a word, and a bug where it is read."""

    def __reduce__(self):
        return broken_opener, (None,)


def opens_unreadable(_):
    """Opens a model that sees what cannot be sent."""
    model = ScriptedModel((0.0,))
    model.run = lambda pictures, asked: [Unreadable() for _ in pictures]
    return model
