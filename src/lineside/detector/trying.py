"""The small model that comes with lineside, on each device of this machine: whether it runs, where really, and how fast."""

from __future__ import annotations

from contextlib import closing
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lineside.core.errors import DeviceError, LinesideError
from lineside.core.placement import placements
from lineside.detector.opening import Where, open_model
from lineside.engine.aside import aside
from lineside.engine.speed import Speed, interleaved
from lineside.models.probe import planar, probe_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lineside.detector.opening import OpenModel

MODEL = "shipped:plant"
"""What is run."""


def speeds(devices: Sequence[str], *, limit_s: float = 120.0) -> Iterator[tuple[str, Speed]]:
    """What each device does with the small model, measured in turns with the others, in a process of its own.

    Args:
        devices: Placements, such as `cuda:0`.
        limit_s: How long one of them may take to open, in seconds.
    """
    return aside(_speeds, devices, limit_s=limit_s, failed=lambda _, why: Speed(None, fault=why))


def outcome(devices: str, *, limit_s: float = 1800.0) -> dict[str, Any]:
    """The truth report of the first device of a list that works, in a process of its own.

    Args:
        devices: The list, best first.
        limit_s: How long it may take, in seconds; engines may have to be built.

    Raises:
        SettingsError: The list, or an option in it, is not accepted.
        LinesideError: None of them works.
    """
    placements(devices)
    answers = aside(
        _outcome, [devices], limit_s=limit_s, failed=lambda _, why: DeviceError(f"{devices}: {why}")
    )
    with closing(answers):
        report = next(answers)[1]
    if isinstance(report, LinesideError):
        raise report
    found: dict[str, Any] = report
    return found


def _outcome(lists: Sequence[str]) -> Iterator[str | tuple[str, Any]]:
    for devices in lists:
        yield devices
        try:
            opened = open_model(MODEL, Where(placements(devices)))
            run = _run_of(opened)
        except LinesideError as refusal:
            yield devices, refusal
            continue
        for word in interleaved({devices: run}, clock=perf_counter):
            if not isinstance(word, str):
                yield devices, opened.truth.to_dict() | {"p50_ms": word[1][0] * 1e3, "runs": word[1][1]}


def _speeds(devices: Sequence[str]) -> Iterator[str | tuple[str, Speed]]:
    opened: dict[str, OpenModel] = {}
    runs: dict[str, Callable[[], object]] = {}
    for device in devices:
        yield device
        try:
            opened[device] = open_model(MODEL, Where(placements(device)))
            runs[device] = _run_of(opened[device])
        except LinesideError as refusal:
            yield device, Speed(None, fault=f"{refusal} [{refusal.code}]")
    for word in interleaved(runs, clock=perf_counter):
        if isinstance(word, str):
            yield word
            continue
        device, (p50_s, count) = word
        truth = opened[device].truth
        share = None if truth.placing is None else truth.placing.share
        yield device, Speed(p50_s * 1e3, count, share, truth.precision)


def _run_of(opened: OpenModel) -> Callable[[], object]:
    """One run on the test picture; it has run once."""
    card = opened.card
    planes = planar(probe_picture(card.input.size), card.conventions)
    run = opened.session.bind(card.input.feeds(planes), fixed_shapes=False).run
    run()
    return run
