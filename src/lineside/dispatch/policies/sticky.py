"""`sticky`: each stream to a device of its own, by its name. For comparison."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from lineside.dispatch.job import Job
    from lineside.dispatch.lane import Lane


class Sticky:
    """A hash of the stream chooses among the healthy devices; a slow device gets as many streams as a fast one."""

    def pick(self, job: Job, lanes: Sequence[Lane], now_s: float) -> Lane | None:  # noqa: ARG002 # it looks at less than others
        """The lane that the name of the stream falls on."""
        return lanes[zlib.crc32(job.request.stream.name.encode()) % len(lanes)]


def make(dice: random.Random) -> Sticky:  # noqa: ARG001 # it throws none
    """The policy."""
    return Sticky()
