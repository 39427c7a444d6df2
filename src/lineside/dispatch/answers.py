"""One answer for each picture: in its stream's order, and by its deadline whatever happens."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from lineside.core.verdict import Reason
from lineside.dispatch.actions import Amend, Drop, Forget, Release, Unknown

if TYPE_CHECKING:
    from lineside.dispatch.actions import Action
    from lineside.dispatch.job import Job

_NEVER = float("inf")
_SPARE = 256  # answered pictures that may stay in the heap of deadlines
_MANY_STREAMS = 4096
_SHARE_WEIGHT = 0.05  # of the newest picture in a live stream's share of shown ones


class StreamState:
    """What is known of a stream.

    Attributes:
        came: How many of its pictures came.
        queue: Pictures whose answer has not left, in the order in which they came.
        pending: The live picture that waits for a device.
        share: Share of its live pictures that were shown lately, 0 to 1.
    """

    __slots__ = ("came", "pending", "queue", "share")

    def __init__(self) -> None:
        self.came = 0
        self.queue: deque[Job] = deque()
        self.pending: Job | None = None
        self.share = 1.0


class Answers:
    """Gives answers, and counts them.

    Attributes:
        streams: Each stream by its name.
        open_models: How many pictures of each model are not through yet.
        now_s: The time.
        look_s: The earliest deadline of a picture whose answer has not left; infinite where there is none.
    """

    def __init__(self) -> None:
        self.streams: dict[str, StreamState] = {}
        self.open_models: defaultdict[str, int] = defaultdict(int)
        self.unknown: Counter[Reason] = Counter()
        self.arrived = self.released = self.dropped = self.superseded = self.amended = self.forgotten = 0
        self.now_s = float("-inf")
        self.look_s = float("inf")
        self._owed = 0
        self._most_streams = _MANY_STREAMS
        self._due: list[tuple[float, int, Job]] = []

    def stream_of(self, job: Job) -> StreamState:
        """The state of the job's stream."""
        return self._state(job.request.stream.name)

    def came(self, name: str) -> int:
        """How many pictures of a stream came, since it was last forgotten."""
        state = self.streams.get(name)
        return 0 if state is None else state.came

    def _state(self, name: str) -> StreamState:
        state = self.streams.get(name)
        if state is None:
            if len(self.streams) >= self._most_streams:
                self._forget_streams()
            state = self.streams[name] = StreamState()
        return state

    def _forget_streams(self) -> None:
        """Forget the streams of which nothing is open: a name for each part would otherwise stay for good."""
        self.streams = {
            name: state
            for name, state in self.streams.items()
            if state.queue or (state.pending is not None and not state.pending.gone)
        }
        self._most_streams = max(_MANY_STREAMS, 2 * len(self.streams))

    def enter(self, job: Job) -> StreamState:
        """Owe a job its answer from here on."""
        stream = job.request.stream
        state = self._state(stream.name)
        state.came += 1
        if stream.ordered:
            state.queue.append(job)
        self.arrived += 1
        self._owed += 1
        self.open_models[job.model] += 1
        if job.deadline_s != _NEVER:
            heappush(self._due, (job.deadline_s, self.arrived, job))
            if len(self._due) > _SPARE + 4 * self._owed:  # answered long before their deadlines
                self._due = [entry for entry in self._due if not entry[2].released]
                heapify(self._due)
            self.look_s = self._due[0][0]
        return state

    def take_due(self, now_s: float, *, inclusive: bool) -> list[Job]:
        """Pictures whose answer must leave now, with those before them in their streams, unless it has been given."""
        found: list[Job] = []
        streams: dict[str, set[Job]] = {}
        due = self._due
        while due and (due[0][0] < now_s or (inclusive and due[0][0] <= now_s)):
            job = heappop(due)[2]
            if job.released:
                continue
            if job.request.stream.ordered:
                streams.setdefault(job.request.stream.name, set()).add(job)
            else:
                found.append(job)
        self.look_s = due[0][0] if due else _NEVER
        for name, jobs in streams.items():
            for other in self.streams[name].queue:
                if not other.answered:
                    found.append(other)
                jobs.discard(other)
                if not jobs:
                    break
        return found

    def settle(self, job: Job, result: object, device: str, out: list[Action]) -> None:
        """Take a result for a picture; the first counts, and after the answer it is an amendment."""
        if job.answered:
            if job.gone or not job.late:
                return
            if job.released:
                self.amended += 1
                out.append(Amend(job.request, result, device))
                self._close(job)
                return
            job.late, job.unknown = False, None  # UNKNOWN was decided, and nobody has been told yet
        job.result, job.device = result, device
        self._answer(job, out)

    def refuse(
        self, job: Job, reason: Reason, detail: str, out: list[Action], *, pending: bool = False
    ) -> None:
        """Answer UNKNOWN, or drop a live picture.

        Args:
            job: The picture.
            reason: Why.
            detail: As a sentence.
            out: Where actions go.
            pending: It is still looked at.
        """
        if job.gone:
            return
        if job.answered:
            if job.late and not pending:
                self._give_up(job, detail, out)
            return
        job.late = pending and job.judged
        job.unknown = Unknown(job.request, reason, detail, job.late)
        self._answer(job, out)

    def supersede(self, job: Job, out: list[Action]) -> None:
        """Drop a live picture for a newer one of its stream."""
        self.superseded += 1
        self.refuse(job, Reason.OVERLOAD, "a newer picture of its stream came", out)

    def _give_up(self, job: Job, detail: str, out: list[Action]) -> None:
        job.late = False
        if job.released:
            self.forgotten += 1
            out.append(Forget(job.request, detail))
            self._close(job)
        elif job.unknown is not None:
            job.unknown = Unknown(job.request, job.unknown.reason, job.unknown.detail)

    def _answer(self, job: Job, out: list[Action]) -> None:
        job.answered = True
        stream = job.request.stream
        if not stream.ordered:
            if not job.released:
                self._leave(job, out)
            return
        queue = self.streams[stream.name].queue
        while queue and queue[0].answered:
            self._leave(queue.popleft(), out)

    def _leave(self, job: Job, out: list[Action]) -> None:
        job.released = True
        self._owed -= 1
        due = self._due
        if due and due[0][2].released:
            while due and due[0][2].released:
                heappop(due)
            self.look_s = due[0][0] if due else _NEVER
        unknown = job.unknown
        if (
            unknown is None and job.deadline_s < self.now_s
        ):  # it waited for those before it, and nobody ticked
            detail = "its answer could not leave by its deadline"
            job.late = job.judged
            job.unknown = unknown = Unknown(job.request, Reason.LATE, detail, job.late)
        if unknown is None:
            self.released += 1
            out.append(Release(job.request, job.result, job.device))
        elif job.judged:
            self.unknown[unknown.reason] += 1
            out.append(unknown)
        else:
            self.dropped += 1
            out.append(Drop(job.request, unknown.reason, unknown.detail))
        if not job.judged:
            state = self.stream_of(job)
            state.share += _SHARE_WEIGHT * ((unknown is None) - state.share)
        if not job.late:
            self._close(job)
        elif job.device:  # its result is there already
            self.settle(job, job.result, job.device, out)

    def _close(self, job: Job) -> None:
        job.gone = True
        job.result = None
        self.open_models[job.model] -= 1
