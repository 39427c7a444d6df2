"""What goes from a trace when there is too much of it: the chain tells first, so that a kill leaves too many and never too few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineside.outputs.retention import FULL_S, TIDY_S
from lineside.outputs.trace.chain import NUMBER
from lineside.outputs.trace.retired import Retired, latest, surplus
from lineside.outputs.trace.segments import ends_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lineside.outputs.trace.pictures import Pictures
    from lineside.outputs.trace.segments import Segment, Segments
    from lineside.outputs.trace.settings import TraceSettings

_NAMED = 500  # files in one record of removed ones


class Tidying:
    """Removes what is beyond the limits of a trace, some of it at a time.

    Args:
        segments: Of its records.
        pictures: Those that are kept.
        settings: The limits.
        tell: Puts a record at the end of the chain; whether it is on the disk.
        warn: Takes a sentence on what people must look at.
    """

    def __init__(
        self,
        segments: Segments,
        pictures: Pictures,
        settings: TraceSettings,
        *,
        tell: Callable[[Mapping[str, Any]], bool],
        warn: Callable[[str], None],
    ) -> None:
        self._segments, self._pictures, self._settings = segments, pictures, settings
        self._tell, self._warn = tell, warn
        self._pictures_s: float | None = None
        self._looked: int | None = None
        self._retired: Retired | None = None

    def step(self, now_s: float) -> bool:
        """Whether records that were beyond a limit are gone: there may be more, which can go at once where no part waits.

        Of pictures some go a step, as looking for them takes long where there are many: the next step is for a later moment.

        Args:
            now_s: Seconds by a clock that nobody sets.

        Raises:
            OutputError: Something cannot be told, read or removed. It is tried again later.
        """
        # Records become too many where a segment ends.
        if self._looked != self._segments.index and self._look_at_records():
            return True
        pause_s = FULL_S if self._pictures.is_full else TIDY_S
        if self._pictures_s is not None and now_s - self._pictures_s < pause_s:
            return False
        self._pictures_s = now_s
        found = self._pictures.surplus()
        if any(found.values()):
            self._pictures_s = None
        for why, names in found.items():
            if not self._remove_pictures(why, names):
                break
        return False

    def _look_at_records(self) -> bool:
        """Whether something is gone: the oldest segment, or before it the pictures of its day, where it is the last of that."""
        self._looked = self._segments.index
        segments = self._segments.all()
        why = surplus(segments, self._settings.record_days, self._settings.record_bytes)
        if why is None:
            return False
        day = segments[0].day
        is_last_of_day = all(one.day != day for one in segments[1:])
        names = self._pictures.of_day(day) if is_last_of_day else []
        is_gone = self._remove_pictures("records", names) if names else self._retire(segments, why)
        if is_gone:
            self._looked = None  # there may be more
        return is_gone

    def _retire(self, segments: Sequence[Segment], why: str) -> bool:
        """Whether the oldest segment was removed, and the chain tells of it."""
        oldest = segments[0]
        if oldest.bytes:
            ends = ends_of(self._segments.path(oldest.name))
            if ends is None:
                self._warn(
                    f"{oldest.name}: its first or last line is no record any more, so it is not removed, and neither is any behind "
                    "it; run lineside verify, and move the file to an archive"
                )
                return False
            before = self._retired
            if before is None and ends[0][NUMBER] > 0:
                before = latest(self._segments.files())
            told = Retired.after(before, oldest.name, *ends)
            is_told = before is not None and (before.last, before.hash) == (told.last, told.hash)
            if not is_told:
                if not self._tell(told.to_record(why)):
                    return False
                self._retired = told
        self._segments.remove(oldest.name)
        return True

    def _remove_pictures(self, why: str, names: Sequence[str]) -> bool:
        """Whether they are gone, and the chain tells of them."""
        for first in range(0, len(names), _NAMED):
            some = list(names[first : first + _NAMED])
            if not self._tell({"kind": "removed", "why": why, "files": some}):
                return False  # the end came while it could not be told
            self._pictures.remove(some)
        return True
