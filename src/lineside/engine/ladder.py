"""The ladder: the first entry of a list of devices that truly works, and why none before it does.

ONNX Runtime's own list of providers is no ladder: by provider it raises or falls to the CPU in silence. So each entry is tried
alone, proven, and kept or passed over with its reason.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from lineside.core.errors import (
    DeviceDemotedError,
    DeviceUnavailableError,
    LinesideError,
    RuntimeConflictError,
    SettingsError,
)
from lineside.engine.attempt import REFUSALS, Attempt
from lineside.engine.provider import provider_of
from lineside.engine.rungs import rungs
from lineside.engine.truth import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineside.core.placement import Placement
    from lineside.engine.attempt import Clock, Opened, Prepared, Progress
    from lineside.engine.rungs import Find, Rung

DEMOTIONS = ("prefer", "require")
"""What may be done where the first entry does not work: start on the next one and say so, or refuse to start."""


def open_session(
    model: Callable[[Rung], Prepared],
    placements: Sequence[Placement],
    *,
    threads: int | None = None,
    demotion: str = "prefer",
    progress: Progress | None = None,
    find: Find = provider_of,
    clock: Clock = perf_counter,
) -> Opened:
    """A session on the first entry of the list that truly works.

    An entry works if its provider is there, the session can be made, enough of the graph runs on it, and it answers the
    test picture as the CPU does.

    Args:
        model: Prepares the model for an entry. What it raises is the model's fault, and ends the ladder.
        placements: The list, best first.
        threads: Threads of one run on the CPU, where an entry does not say.
        demotion: `prefer` takes a later entry and says so; `require` refuses to start without the first.
        progress: Is told what takes long.
        find: The provider of an entry.
        clock: Monotonic seconds.

    Raises:
        SettingsError: The list, an option or `demotion` is not accepted. Nothing was tried.
        RuntimeConflictError: Two onnxruntime wheels are installed together.
        DeviceDemotedError: The first entry does not work, and it is required.
        LinesideError: No entry works: the reason of a single one, or one error that names them all.
    """
    if demotion not in DEMOTIONS:
        raise SettingsError(f'demotion: expected {" or ".join(DEMOTIONS)}; got "{demotion}"')
    refusals: list[Refusal] = []
    for rung in rungs(placements, threads, find):
        attempt = Attempt(rung, model, progress or _nobody, clock)
        try:
            opened = attempt.open()
        except RuntimeConflictError:
            raise
        except REFUSALS as refusal:
            if attempt.is_preparing:
                raise
            refusals.append(Refusal(str(rung.placement), refusal))
            continue
        asked = tuple(map(str, placements))
        opened = replace(opened, truth=replace(opened.truth, asked=asked, refusals=tuple(refusals)))
        if refusals and demotion == "require":
            opened.session.close()
            raise DeviceDemotedError(
                f"{placements[0]} is required and does not work; {rung.placement} would. {_listed(refusals)}"
            ) from refusals[0].error
        return opened
    raise _none_works(refusals)


def _nobody(_: str) -> None:
    """Nobody listens."""


def _listed(refusals: Sequence[Refusal]) -> str:
    return f"Passed over: {'; '.join(map(str, refusals))}"


def _none_works(refusals: Sequence[Refusal]) -> LinesideError:
    """The error where the whole list was passed over."""
    if len(refusals) == 1:
        return refusals[0].error
    kinds = {type(refusal.error) for refusal in refusals}
    kind = kinds.pop() if len(kinds) == 1 else DeviceUnavailableError
    error = kind(f"no device of the list works. {_listed(refusals)}")
    error.__cause__ = refusals[0].error
    return error
