"""A scheduler with its promises watched: every event goes through a rig, which checks what comes out."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from lineside.core.delivery import Delivery
from lineside.dispatch.actions import (
    Amend,
    DeadlineTooShort,
    Drained,
    Drop,
    Forget,
    HealthChanged,
    Probe,
    Release,
    Retire,
    Run,
    Terminate,
    Unknown,
)
from lineside.dispatch.events import (
    BatchDone,
    BatchFailed,
    Drain,
    FrameArrived,
    ModelLoaded,
    Tick,
    WorkerLost,
    WorkerUp,
)
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.scheduler import Scheduler
from lineside.dispatch.words import Fault, Health, Request, Stream

FAST = ServiceTimes.linear(0.001, 0.001, 8)
SLOW = ServiceTimes.linear(0.002, 0.005, 4)
PART = Stream("part")
VIEW = Stream("view", delivery=Delivery.LATEST)
ROLES = ("model", "caps")


class Rig:
    """Feeds a scheduler, and fails where it breaks a promise.

    Args:
        profiles: For each device the service times of each model.
        settings: Of the scheduler.
        routing: The policy.
    """

    def __init__(self, profiles, *, settings=None, routing="earliest_completion"):
        self.scheduler = Scheduler(list(profiles), roles=ROLES, settings=settings, routing=routing)
        self.profiles = profiles
        self.now_s = 0.0
        self.requests = []
        self.answers = {}
        self.after = {}
        self.running = {}
        self.loaded = defaultdict(set)
        self.given_up = defaultdict(list)
        self.health = dict.fromkeys(profiles, Health.QUARANTINED)
        self.roles = {}
        self.model_of = {}
        self.retired = set()
        self.drained = False
        self.short = []
        self.order = defaultdict(list)
        self.log = []
        self.sequence = Counter()

    def start(self):
        for device, profiles in self.profiles.items():
            self.send(WorkerUp(device, profiles))
        return self

    def send(self, event, at_s=None):
        """Hand an event over at a time, by default now; the actions."""
        self.now_s = self.now_s if at_s is None else at_s
        if isinstance(event, BatchDone | BatchFailed):
            run = self.running.get(event.device)
            if run is not None and run.run == event.run:
                del self.running[event.device]
        if isinstance(event, WorkerLost | WorkerUp):
            self.running.pop(event.device, None)
            self.given_up[event.device].clear()
        match event:
            case WorkerUp(device, profiles):
                self.loaded[device] = set(profiles)
            case ModelLoaded(device, model):
                self.loaded[device].add(model)
        actions = self.scheduler.handle(event, self.now_s)
        for action in actions:
            self._check(action)
        self.log += actions
        self._check_queues()
        overdue = [r for r in self.requests if r.deadline_s <= self.now_s and r not in self.answers]
        assert not overdue, f"{len(overdue)} without an answer at their deadline"
        return actions

    def frame(self, stream=PART, *, within_s=0.02, at_s=None, payload=None):
        """Let a picture come; the request."""
        self.now_s = self.now_s if at_s is None else at_s
        request = Request(stream, self.sequence[stream.name], self.now_s + within_s, payload)
        self.sequence[stream.name] += 1
        self.requests.append(request)
        self.model_of[request] = self.roles.get(stream.model, stream.model)
        self.send(FrameArrived(request))
        return request

    def tick(self, at_s):
        """Let time go by, with all the ticks that the scheduler asks for; the actions."""
        actions = []
        for _ in range(10_000):
            wake_s = self.scheduler.wake_s
            if wake_s > at_s:
                break
            actions += self.send(Tick(), max(wake_s, self.now_s))
        else:
            raise AssertionError("ticks without end")
        return actions + self.send(Tick(), at_s)

    def done(self, device, at_s=None):
        """Let a device's run end well; each result is its request's own."""
        run = self.running[device]
        results = [("result", r) for r in run.requests] if isinstance(run, Run) else ()
        return self.send(BatchDone(device, run.run, results), at_s)

    def fail(self, device, at_s=None, fault=Fault.DEVICE, detail="broken"):
        return self.send(BatchFailed(device, self.running[device].run, fault, detail), at_s)

    def lose(self, device, at_s=None):
        return self.send(WorkerLost(device, "gone"), at_s)

    def up(self, device, at_s=None, only=None):
        """Let a worker be ready, with all models or with some."""
        wanted = self.profiles[device].keys() - self.retired
        loaded = {m: self.profiles[device][m] for m in wanted if only is None or m in only}
        return self.send(WorkerUp(device, loaded), at_s)

    def load(self, device, model):
        """Let a worker that is up have one more model."""
        return self.send(ModelLoaded(device, model, self.profiles[device][model]))

    def finish(self):
        """Bring every device back, take nothing more, and let everything end."""
        for device in self.profiles:
            if device not in self.running:
                self.up(device)
        self.send(Drain())
        for _ in range(20_000):
            if self.drained:
                break
            if self.running:
                device = min(self.running, key=lambda d: self.running[d].run)
                self.done(device, self.now_s + 0.001)
                continue
            if lacking := [
                name
                for name in self.profiles
                if self.profiles[name].keys() - self.retired - self.loaded[name]
            ]:
                for name in lacking:  # a worker had come up with some of its models
                    self.up(name)
                continue
            wake_s = self.scheduler.wake_s
            assert wake_s < float("inf"), "not drained, and nothing to wait for"
            self.send(Tick(), max(wake_s, self.now_s))
            for device, health in self.health.items():
                if health is Health.QUARANTINED and device not in self.running:
                    self.up(device)
        assert self.drained
        self.check_all()

    def check_all(self):
        """What holds when everything is through."""
        assert set(self.answers) == set(self.requests)
        for request, answer in self.answers.items():
            pending = isinstance(answer, Unknown) and answer.pending
            assert pending == (request in self.after)
        statistics = self.scheduler.statistics()
        kinds = Counter(type(answer) for answer in self.answers.values())
        assert statistics.arrived == len(self.requests)
        assert statistics.released == kinds[Release]
        assert sum(statistics.unknown.values()) == kinds[Unknown]
        assert statistics.dropped == kinds[Drop]
        assert statistics.open == statistics.late_waiting == 0
        assert statistics.amended + statistics.forgotten == len(self.after)

    def of(self, kind):
        """All actions of a kind up to now."""
        return [action for action in self.log if isinstance(action, kind)]

    def _check_queues(self):
        """A picture that waits does so in one place, and runs nowhere."""
        commons = self.scheduler._commons
        hopeful = [job for queue in commons.hopeful.values() for job in queue.jobs]
        late = [job for queue in commons.late.values() for job in queue]
        assert (commons.count, commons.late_count) == (len(hopeful) + len(late), len(late))
        queued = []
        for device in self.scheduler._fleet.devices.values():
            lanes = [job for lane in device.lanes.values() for job in lane.judged.jobs + lane.live.jobs]
            assert device.waiting == len(lanes)
            queued += lanes
        waiting = queued + hopeful + late
        assert len(set(waiting)) == len(waiting), "a picture waits twice"
        assert not any(job.runs or job.gone for job in waiting), "a picture that runs or is through waits"

    def _check(self, action):
        match action:
            case Run() | Probe():
                self._check_run(action)
            case Release() | Unknown() | Drop():
                self._check_answer(action)
            case Amend() | Forget():
                answer = self.answers[action.request]
                assert isinstance(answer, Unknown)
                assert answer.pending
                assert action.request not in self.after
                self.after[action.request] = action
                if isinstance(action, Amend) and action.result is not None:
                    assert action.result == ("result", action.request)
            case HealthChanged():
                assert self.health[action.device] is not action.health
                self.health[action.device] = action.health
            case Terminate():
                self.running.pop(action.device, None)
                self.given_up[action.device].clear()
            case Retire():
                self._retire(action.model)
            case DeadlineTooShort():
                assert action not in self.short
                self.short.append(action)
            case Drained():
                self.drained = True
            case _:  # Cancel
                run = self.running.pop(action.device)
                assert run.run == action.run
                self.given_up[action.device].append(run)

    def _retire(self, model):
        self.retired.add(model)
        for loaded in self.loaded.values():
            loaded.discard(model)

    def _check_run(self, action):
        device = action.device
        assert device not in self.running, "two runs on one device"
        assert not self.given_up[device], "a run on a device whose last one is not back"
        if isinstance(action, Run):
            assert self.health[device] is Health.HEALTHY
            assert action.requests
            assert {self.model_of[r] for r in action.requests} == {action.model}
            assert len(action.requests) <= self.profiles[device][action.model].max_batch
        assert action.model in self.loaded[device]
        assert action.model not in self.retired
        self.running[device] = action

    def _check_answer(self, action):
        request = action.request
        assert request not in self.answers, "two answers"
        self.answers[request] = action
        stream = request.stream
        if stream.ordered:
            assert request.sequence == len(self.order[stream.name]), "not in the stream's order"
            self.order[stream.name].append(request)
        assert not (isinstance(action, Drop) and stream.delivery is Delivery.EVERY_PART)
        if isinstance(action, Release):
            assert self.now_s <= request.deadline_s or math.isinf(request.deadline_s)
            if action.result is not None:
                assert action.result == ("result", request)
