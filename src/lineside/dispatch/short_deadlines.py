"""Deadlines that no device can keep, where pictures bring them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lineside.dispatch.actions import DeadlineTooShort

if TYPE_CHECKING:
    from lineside.dispatch.actions import Action
    from lineside.dispatch.answers import Answers
    from lineside.dispatch.fleet import Fleet
    from lineside.dispatch.job import Job

EXAMPLE = "such as time.monotonic() + 0.02"
_MEANT = f". `deadline_s` is a moment of the engine's clock, {EXAMPLE}, and no number of seconds from now"
_KEPT = 4096  # streams: whoever names one for each part would have them all kept for ever
_IN_A_ROW = 3  # one that was held up on its way says nothing of its stream's deadline


class _Seen(NamedTuple):
    """The last picture of a stream that came too late for any device, and how many such came in a row."""

    number: int
    row: int
    left_s: float
    meant: str


class ShortDeadlines:
    """Finds the streams whose pictures ask for answers sooner than the fastest device has one.

    Args:
        fleet: The devices.
        answers: The streams.
    """

    def __init__(self, fleet: Fleet, answers: Answers) -> None:
        self._fleet = fleet
        self._answers = answers
        self._seen: dict[str, _Seen] = {}
        self._told: set[str] = set()

    def why(self, job: Job, out: list[Action]) -> str:
        """The fastest device's figure where even that one, idle, could not have the picture in time; else nothing.

        After some such pictures in a row their stream is told of, once.
        """
        fastest = self._fleet.fastest(job.model)
        left_s = job.deadline_s - job.arrived_s
        if fastest is None or left_s >= fastest[1]:
            return ""
        # Nearer to the clock's zero than to now it was meant from now on, and was not just held up on its way.
        meant = _MEANT if 2 * job.deadline_s < job.arrived_s else ""
        name = job.request.stream.name
        number = self._answers.came(name)
        before = self._seen.get(name)
        if before is None or before.number != number:
            row = 1 + (before.row if before is not None and before.number == number - 1 else 0)
            self._keep(name, _Seen(number, row, left_s, meant))
            if row >= _IN_A_ROW and name not in self._told:
                self._told.add(name)
                out.append(DeadlineTooShort(name, _sentence(name, left_s, meant, fastest)))
        if left_s < 0:
            return f"; it was due {-left_s * 1e3:.1f} ms before it came{meant}"
        return f"; {takes(fastest)}, and {left_s * 1e3:.1f} ms were left"

    def standing(self, model: str) -> tuple[str, ...]:
        """A sentence for each stream whose latest pictures all came too late for the fastest device."""
        fastest = self._fleet.fastest(model)
        return tuple(
            _sentence(name, seen.left_s, seen.meant, fastest)
            for name, seen in self._seen.items()
            if fastest is not None
            and seen.row >= _IN_A_ROW
            and seen.number == self._answers.came(name)
            and seen.left_s < fastest[1]
        )

    def _keep(self, name: str, seen: _Seen) -> None:
        """Keep what was seen of a stream, in place of the one that was seen last the longest ago where there are too many."""
        self._seen.pop(name, None)
        self._seen[name] = seen
        if len(self._seen) > _KEPT:
            oldest = next(iter(self._seen))
            del self._seen[oldest]
            self._told.discard(oldest)

    def begin_anew(self) -> None:
        """Tell of each stream again where need be: another model has other figures."""
        self._seen.clear()
        self._told.clear()


def takes(fastest: tuple[str, float]) -> str:
    """The fastest device's figure, as a part of a sentence."""
    return f"the fastest device, {fastest[0]}, takes {fastest[1] * 1e3:.1f} ms for one picture at best"


def _sentence(stream: str, left_s: float, meant: str, fastest: tuple[str, float]) -> str:
    who = f"{stream}: its" if stream else "bare"
    if left_s < 0:
        return f"{who} pictures come {-left_s * 1e3:.1f} ms after their answer is due, so none has one{meant}"
    return f"{who} pictures come {left_s * 1e3:.1f} ms before their answer is due; {takes(fastest)}, so none has one"
