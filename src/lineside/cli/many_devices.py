"""How `lineside detect` runs on several devices at once."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import typer

from lineside.cli.progress import waiting
from lineside.core.errors import LinesideError, SettingsError
from lineside.core.frame import Frame
from lineside.core.placement import placements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from lineside.capture.sources import Outcome
    from lineside.core.detections import Detections
    from lineside.dispatch.engine import Engine
    from lineside.dispatch.front import AskedThresholds
    from lineside.models.facts import ModelFacts

_AHEAD = 3  # pictures under way, and as many that wait, for each device


def wants_all(devices: str | None, *, all_devices: bool, threads: int | None) -> bool:
    """Whether a list of devices means all of them at once: it was said, or it divides the CPU's cores.

    Raises:
        SettingsError: Something else contradicts that.
    """
    if devices is None:
        if all_devices:
            raise SettingsError("--all-devices: name the devices with --devices, such as cuda:0,cuda:1")
        return False
    entries = placements(devices)
    shares = [entry for entry in entries if entry.provider == "cpu" and entry.device is not None]
    wanted = all_devices or len(shares) == len(entries) > 1
    if wanted and threads is not None:
        raise SettingsError("--threads: shares of the CPU have theirs; leave it out, or name one device")
    return wanted


def open_engine(model: str | Path, devices: str, *, demotion: str, facts: ModelFacts | None) -> Engine:
    """The model on all devices; what becomes of one is told on stderr.

    Raises:
        LinesideError: As `Engine`.
    """
    from lineside.dispatch.engine import Engine

    with waiting():
        return Engine(model, devices, demotion=demotion, facts=facts, note=_told)


def _told(code: str, text: str) -> None:
    typer.echo(f"warning: {text} [{code}]", err=True)


def in_order(
    engine: Engine, outcomes: Iterable[Outcome], settings: AskedThresholds
) -> Iterator[tuple[Outcome, Detections | LinesideError | None]]:
    """Each picture with its answer, in the order of the source, while those behind it are under way."""
    ahead: deque[tuple[Outcome, Future[Detections] | None]] = deque()
    most = _AHEAD * max(engine.health().in_service, 1)
    for outcome in outcomes:
        future = engine.submit(outcome.image, **settings.asked) if isinstance(outcome, Frame) else None
        ahead.append((outcome, future))
        if len(ahead) > most:
            yield _answered(*ahead.popleft())
    while ahead:
        yield _answered(*ahead.popleft())


def _answered(
    outcome: Outcome, future: Future[Detections] | None
) -> tuple[Outcome, Detections | LinesideError | None]:
    if future is None:
        return outcome, None
    refusal = future.exception()
    if refusal is None:
        return outcome, future.result()
    if isinstance(refusal, LinesideError):
        return outcome, refusal
    raise refusal
