"""A deadline that no device seemed to keep when it was measured, tried with single pictures before it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.dispatch.short_deadlines import takes

if TYPE_CHECKING:
    from collections.abc import Callable

    Fastest = Callable[[], tuple[str, float] | None]

RUNS = 20
"""So many runs are tried at most."""

LIMIT_S = 3.0
"""After so many seconds no further one is begun, and the one under way is not waited for."""


def refuse_short(
    deadline_s: float | None,
    model: str,
    *,
    fastest: Fastest,
    run: Callable[[float], bool],
    clock: Callable[[], float],
) -> None:
    """Refuse a deadline that the fastest device does not keep with nothing else to do.

    What was measured when the model was opened may have been measured beside other programs. So single pictures are run before it is
    refused, until one is done in time.

    Args:
        deadline_s: Seconds from a picture to its answer; `None` refuses nothing.
        model: What the message calls the model.
        fastest: That device and the seconds of the shortest run of one picture that was seen there; `None` refuses nothing.
        run: Runs one picture on the device that is done first, and waits for it so many seconds at most; whether it ended.
        clock: Monotonic seconds.

    Raises:
        SettingsError: No run kept it.
    """
    best = fastest()
    if deadline_s is None or best is None or deadline_s >= best[1]:
        return
    tried, ends_s = 0, clock() + LIMIT_S
    while tried < RUNS and (left_s := ends_s - clock()) > 0:
        tried += 1
        ended = run(left_s)
        best = fastest() or best
        if deadline_s >= best[1]:
            return
        if not ended:
            break
    raise SettingsError(
        f"deadline_s: {deadline_s * 1e3:g} ms: {takes(best)} with {model}; after the measurement {tried} more "
        f"run{'' if tried == 1 else 's'} of single pictures {'was' if tried == 1 else 'were'} tried, and none kept it. "
        "Allow more than that, or take a faster device or a smaller model"
    )


def tight(deadline_s: float | None, *, fastest: Fastest, usual: Fastest) -> str:
    """A sentence where a device has been seen to keep a deadline, and none usually does; else nothing.

    Args:
        deadline_s: Seconds from a picture to its answer, or `None`.
        fastest: As for `refuse_short`.
        usual: The device that usually is done first with one picture, and its seconds.
    """
    best, normal = fastest(), usual()
    if deadline_s is None or best is None or normal is None or not best[1] <= deadline_s < normal[1]:
        return ""
    return (
        f"deadline_s: {deadline_s * 1e3:g} ms: a run of one picture usually takes {normal[1] * 1e3:.1f} ms on {normal[0]}, the shortest "
        f"took {best[1] * 1e3:.1f} ms on {best[0]}, so many pictures will be late. Allow more than that, let nothing else run there, or "
        "take a faster device or a smaller model"
    )
