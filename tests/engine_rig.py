"""An engine over workers that are ended by hand, in virtual time."""

from __future__ import annotations

import gc

import numpy as np

from lineside.core.errors import DeviceError, LinesideError, ModelError
from lineside.dispatch.engine import Engine
from lineside.dispatch.promises import Ticket
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.worker import WorkerModel
from lineside.testing.hand_workers import HandWorker

DEVICES = ("a", "b", "c")
OFFER = Offer(WorkerModel("model", "none.onnx"))


def numbered(given):
    """Each picture's own number as its answer."""
    return [int(picture[0, 0, 0]) + 256 * int(picture[0, 0, 1]) for picture in given.pictures]


def picture(number=0):
    return np.full((1, 1, 3), (number % 256, number // 256, 0), np.uint8)


class EngineRig:
    """An engine, its workers, and a clock that a test turns."""

    def __init__(self, *, devices=DEVICES, prepare=lambda worker: None, units=None, takes=None, **fittings):
        self.now_s = 0.0
        self.planned = []
        self.workers = {}
        self.futures = []
        self.settled = []
        self.notes = []
        self.late = []
        self.swaps = 0

        def maker(name):
            def make(post):
                worker = self.workers[name] = HandWorker(name, post=post)
                prepare(worker)
                if takes is not None:
                    self.work_by_itself(name, takes)
                return worker

            return make

        self.engine = Engine.of(
            Crew({name: maker(name) for name in devices}, units or {}),
            OFFER,
            Fittings(
                **{
                    "clock": lambda: self.now_s,
                    "note": lambda code, text: self.notes.append((code, text)),
                    "late_result": lambda *what: self.late.append(what),
                    "later": lambda seconds, do: self.planned.append((self.now_s + seconds, do)),
                    "ticks": False,
                    **fittings,
                }
            ),
        )

    def work_by_itself(self, name, takes):
        """Let a worker end each run at once; the next of `takes` says how many seconds later that is on the clock."""
        takes = iter(takes)

        def at_once(given):
            self.now_s += next(takes)
            return [None] * len(given.pictures)

        self.workers[name].at_once = at_once

    @property
    def tickets(self):
        return [each for each in gc.get_objects() if isinstance(each, Ticket) and each.future in self.futures]

    def is_up(self, name):
        return self.engine._roster.seats[name].is_up

    def submit(self, stream=None, within_s=None, **how):
        """Send the next picture; its future."""
        number = len(self.futures)
        due_s = None if within_s is None else self.now_s + within_s
        future = self.engine.submit(picture(number), stream=stream, deadline_s=due_s, **how)
        self.futures.append(future)
        future.add_done_callback(lambda _: self.settled.append(number))
        return future

    def wait(self, seconds):
        """Let time go by, with all that is due meanwhile."""
        until_s = self.now_s + seconds
        while True:
            next_s = min([self.engine._desk.tick(), *(at_s for at_s, _ in self.planned)])
            if next_s > until_s:
                break
            self.now_s = max(next_s, self.now_s)
            due = [entry for entry in self.planned if entry[0] <= self.now_s]
            self.planned = [entry for entry in self.planned if entry[0] > self.now_s]
            for _, do in due:
                do()
        self.now_s = until_s
        self.engine._desk.tick()

    def done(self, name):
        """End a worker's oldest run well."""
        self.workers[name].end(numbered)

    def refuse(self, name, *, does=True):
        """Let a worker open no model any more, or again."""
        self.workers[name].refuses = {"*": DeviceError("it is told to refuse")} if does else {}

    def swap(self, *, proven=True):
        """Swap to another model, which may be refused, and is where it is not proven."""
        self.swaps += 1
        engine = self.engine
        new = Offer(WorkerModel(f"model@{self.swaps}", "other.onnx"))

        def proof():
            if not proven:
                raise ModelError("it is told to be worse")

        try:
            engine._swapper.swap(engine._offer, new, proof)
        except LinesideError:
            return
        engine._offer = new

    def work(self, rounds=2000):
        """Let every device answer until the last picture is through; no more are taken."""
        for _ in range(rounds):
            busy = [name for name, worker in self.workers.items() if worker.given]
            if self.engine.drain(0):
                return
            for name in busy:
                if self.workers[name].given:
                    self.done(name)
            self.wait(0.01)
        raise AssertionError("a picture does not come through")

    def finish(self):
        """Let every device be well, and everything end."""
        for name in self.workers:
            self.refuse(name, does=False)
        self.work()
        for name, worker in self.workers.items():
            while worker.given:  # probes, which nobody waits for
                self.done(name)
        self.engine.close(timeout_s=0)
