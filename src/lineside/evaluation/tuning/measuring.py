"""A turn of a candidate: some runs of the whole detector over the user's pictures."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lineside.evaluation.tuning.race import Burst

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lineside.detector.detector import Detector
    from lineside.detector.thresholds import Thresholds

Clock = Callable[[], float]

_RUNS = 10


class Stopwatch:
    """Times candidates on the same pictures, with as many callers side by side as the line has.

    Args:
        pictures: Pictures, uint8 BGR; each turn goes on where the last one of that candidate stopped.
        callers: How many callers run side by side.
        clock: Monotonic seconds.
    """

    def __init__(
        self, pictures: Sequence[NDArray[np.uint8]], *, callers: int = 1, clock: Clock = perf_counter
    ) -> None:
        self._pictures = tuple(pictures)
        self._callers = callers
        self._clock = clock
        self._places: dict[tuple[int, int], int] = {}

    def burst(self, detector: Detector, settings: Thresholds, batch: int, runs: int = _RUNS) -> Burst:
        """One turn.

        Args:
            detector: The candidate, open and warm.
            settings: The thresholds of every call.
            batch: Pictures of a run.
            runs: Runs of each caller.

        Raises:
            LinesideError: As `Detector.timed_batch`.
        """

        def caller(number: int) -> list[float]:
            spent = []
            for _ in range(runs):
                images = self._some((id(detector), number), batch)
                start = self._clock()
                detector.timed_batch(images, settings)
                spent.append(self._clock() - start)
            return spent

        start = self._clock()
        if self._callers == 1:
            latencies = caller(0)
        else:
            with ThreadPoolExecutor(self._callers) as pool:
                latencies = [spent for each in pool.map(caller, range(self._callers)) for spent in each]
        return Burst(tuple(latencies), len(latencies) * batch, self._clock() - start)

    def _some(self, who: tuple[int, int], batch: int) -> list[NDArray[Any]]:
        """The next pictures of a caller."""
        place = self._places.get(who, 0)
        self._places[who] = place + batch
        count = len(self._pictures)
        return [self._pictures[(place + i) % count] for i in range(batch)]
