"""One device: what it runs, what waits for it, and how far it is trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.batch_limit import BatchLimit
from lineside.dispatch.lane import Lane
from lineside.dispatch.statistics import DeviceStatistics
from lineside.dispatch.words import Health

if TYPE_CHECKING:
    from lineside.dispatch.alarms import Alarm
    from lineside.dispatch.job import Job
    from lineside.dispatch.profile import ServiceTimes

_HEALTHY = Health.HEALTHY


class Running:
    """The one run that a device is committed to. Without jobs it is a probe.

    Attributes:
        started_s: When it began; what the whole machine stood still since then does not count.
        overslept_s: When that was last noticed, or `None`.
    """

    __slots__ = (
        "expected_s",
        "jobs",
        "lane",
        "number",
        "overslept_s",
        "profile_s",
        "started_s",
    )

    def __init__(self, number: int, lane: Lane, jobs: list[Job], now_s: float) -> None:
        self.number = number
        self.lane = lane
        self.jobs = jobs
        self.started_s = now_s
        self.profile_s = lane.times.seconds[len(jobs) or 1]
        self.expected_s = self.profile_s * lane.pace.ratio
        self.overslept_s: float | None = None


class Device:
    """What the scheduler knows of one device.

    Attributes:
        name: Its name.
        lanes: Its queues by model.
        shared: More than one model is loaded.
        health: How far it is trusted.
        waiting: Pictures that wait for it.
        running: Its run, or `None`.
        started_s: When that began.
        ready_s: When it is expected to end; in the past where the device is idle or overdue.
        idle_since_s: When its last run ended.
        stuck: A run that was given up has not come back, so nothing new may be sent.
        alive: It has a worker.
        again_s: When it is filled again, for late pictures.
        armed_s: When its run is to be looked at next; infinite where nothing is planned.
        look: The alarm for that.
        seldom: It had run nothing for longer than a look waits when its run began.
        blamed: Why pictures that only it could have had are UNKNOWN while it is out of service.
        faulty_since_s: When the first of its faults was that have followed each other since, or `None`.
        healthy_since_s: When it came into service.
        cool_down_s: Seconds of the last cool-down.
        cooling: The alarm for its end.
        forgiven: Its last run failed, and it was held to be the picture's fault.
        recycle: Why its worker is to be replaced when its run has ended, or `None`.
        batch_limit: How large its batches may be after it ran out of memory.
        refreshing: It is to be looked at because it was slow.
        probes_left: Good probes that are still wanted.
    """

    __slots__ = (
        "again_s", "alive", "armed_s", "batch_limit", "batches", "blamed", "busy_s", "cool_down_s", "cooling", "faults", "faulty_since_s", "forgiven", "frames", "health", "healthy_since_s", "idle_since_s",
        "lanes", "look", "memory_bytes", "name", "probes_left", "ready_s", "recycle", "refreshing", "running", "seldom", "shared",
        "started_s", "stuck", "turns", "waiting",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.lanes: dict[str, Lane] = {}
        self.shared = False
        self.health = Health.QUARANTINED
        self.waiting = 0
        self.running: Running | None = None
        self.started_s = 0.0
        self.ready_s = float("-inf")
        self.idle_since_s = 0.0
        self.stuck: int | None = None
        self.alive = False
        self.armed_s = float("inf")
        self.look: Alarm | None = None
        self.seldom = False
        self.again_s = float("-inf")
        self.refreshing = False
        self.blamed = Reason.DEVICE_LOST
        self.faulty_since_s: float | None = None
        self.healthy_since_s = 0.0
        self.cool_down_s = 0.0
        self.cooling: Alarm | None = None
        self.forgiven = False
        self.probes_left = 0
        self.batch_limit = BatchLimit()
        self.memory_bytes = 0
        self.recycle: str | None = None
        self.turns = 0
        self.batches = 0
        self.frames = 0
        self.busy_s = 0.0
        self.faults = 0

    def load(self, model: str, times: ServiceTimes) -> None:
        """Let a model run here; what is known of its pace starts anew."""
        old = self.lanes.get(model)
        lane = self.lanes[model] = Lane(self, model, times)
        lane.limit(self.batch_limit.most)
        if old is not None:
            lane.judged, lane.live = old.judged, old.live
            for job in lane.judged.jobs + lane.live.jobs:
                job.lane = lane
        self.shared = len(self.lanes) > 1

    def grow(self, run: Running, now_s: float) -> None:
        """After a run that ended well: have larger batches again where it is time, and it was as large as they may be."""
        full = max((lane.full.max_batch for lane in self.lanes.values()), default=1)
        if len(run.jobs) >= run.lane.best and self.batch_limit.grows(full, now_s):
            for lane in self.lanes.values():
                lane.limit(self.batch_limit.most)

    def unload(self, model: str) -> None:
        """Let a model run here no more."""
        lane = self.lanes.pop(model, None)
        self.waiting -= 0 if lane is None else len(lane)
        self.shared = len(self.lanes) > 1

    @property
    def is_idle(self) -> bool:
        """It is healthy and has no run."""
        return self.running is None and self.health is _HEALTHY

    def begin(self, run: Running) -> None:
        """Commit the device to a run."""
        self.running = run
        self.started_s = run.started_s
        self.ready_s = run.started_s + run.expected_s
        self.turns += 1

    def oversleep(self, late_s: float, now_s: float) -> None:
        """Do not count so many seconds of the run under way, in which nobody could have seen it end."""
        run = self.running
        if run is not None:
            run.started_s += late_s
            run.overslept_s = now_s
            self.started_s = run.started_s
            self.ready_s += late_s

    def end(self, now_s: float) -> Running:
        """The run, which is over."""
        run, self.running = self.running, None
        assert run is not None
        self.ready_s = self.idle_since_s = now_s
        self.busy_s += now_s - run.started_s
        return run

    def statistics(self) -> DeviceStatistics:
        """The device up to now."""
        ratios = [lane.pace.ratio for lane in self.lanes.values()]
        return DeviceStatistics(
            name=self.name,
            health=self.health,
            waiting=self.waiting,
            running=0 if self.running is None else len(self.running.jobs),
            ratio=max(ratios, default=1.0),
            batches=self.batches,
            frames=self.frames,
            busy_s=self.busy_s,
            faults=self.faults,
        )
