"""The start of an engine: its workers made, its model read, and every device waited for."""

from __future__ import annotations

import math
import os
import reprlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lineside.core.buffers import picture_bytes
from lineside.core.errors import DeviceUnavailableError, LinesideError, SettingsError
from lineside.dispatch.process_worker import ProcessWorker
from lineside.dispatch.recycling import Recycling
from lineside.dispatch.roster import later
from lineside.dispatch.routing import DEFAULT
from lineside.dispatch.settings import Settings
from lineside.dispatch.short_deadlines import EXAMPLE
from lineside.dispatch.signals import libraries
from lineside.dispatch.slots import Slots
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.units import Unit, UnitOpener, units
from lineside.dispatch.worker import WorkerModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lineside.core.placement import Placement
    from lineside.dispatch.promises import LateResult
    from lineside.dispatch.roster import Later, Roster, Seat
    from lineside.dispatch.signals import Library
    from lineside.dispatch.standing import Bulletin, Note
    from lineside.dispatch.worker import Post, Worker
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts

    Make = Callable[[Post], Worker]

DEMOTIONS = ("prefer", "require")
"""What may be done where a device cannot start: begin with the others and say so, or refuse to begin."""

PICTURE = (1080, 1920, 3)
"""Shape of the largest picture that lies in memory which processes share, unless another is said."""

_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = 80
_SLOTS = 8  # a device: a batch
_START_S = 1800.0  # engines may have to be built


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that an engine is to run.

    Attributes:
        model: What workers open.
        card: What is known of it; `None` for one that is none of ours, which takes any settings.
    """

    model: WorkerModel
    card: ModelCard | None = None


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of an engine, not yet made.

    Attributes:
        workers: For each device how to make its worker, which tells its news there.
        units: What each device is.
        slots: Where pictures lie; `None` where no worker is a process and nobody asked for buffers.
    """

    workers: Mapping[str, Make]
    units: Mapping[str, Unit] = field(default_factory=dict)
    slots: Slots | None = None


@dataclass(frozen=True, slots=True)
class Fittings:
    """How an engine works; its arguments of the same names say what each means.

    Attributes:
        later: Calls something after some seconds, in another thread.
        ticks: Whether it has a thread that lets time go by; a test lets it go by itself.
        libraries: Opens the makers' libraries.
    """

    routing: str = DEFAULT
    settings: Settings | None = None
    demotion: str = "prefer"
    clock: Callable[[], float] = time.monotonic
    note: Note | None = None
    late_result: LateResult | None = None
    later: Later = later
    ticks: bool = True
    deadline_s: float | None = None
    libraries: Callable[[], tuple[dict[str, Library], dict[str, str]]] = libraries

    def __post_init__(self) -> None:
        within_s = 1.0 if self.deadline_s is None else _number(self.deadline_s)
        _expect(isinstance(self.routing, str), "routing", "the name of a policy", self.routing)
        _expect(
            isinstance(self.settings, Settings | None),
            "settings",
            "Settings, or None for the usual ones",
            self.settings,
        )
        if self.demotion not in DEMOTIONS:
            raise SettingsError(f'demotion: expected {" or ".join(DEMOTIONS)}; got "{self.demotion}"')
        _expect(callable(self.clock), "clock", "a function that tells monotonic seconds", self.clock)
        _expect(
            self.note is None or callable(self.note),
            "note",
            "a function of a code and a sentence, or None",
            self.note,
        )
        _expect(
            self.late_result is None or callable(self.late_result),
            "late_result",
            "a function of a picture's name, its result and the device, or None",
            self.late_result,
        )
        _expect(
            within_s is not None and 0 < within_s < math.inf,
            "deadline_s",
            "seconds above 0 from a picture to its answer, such as 0.02, or None",
            self.deadline_s,
        )


def staff(
    devices: str | Placement | Sequence[str | Placement],
    *,
    isolation: str,
    cache: str | Path | None,
    clock: Callable[[], float],
    buffers: int = 0,
    picture_shape: tuple[int, ...] = PICTURE,
    recycling: Recycling | None = None,
) -> Crew:
    """The workers for a list of devices, and where their pictures lie.

    Args:
        devices: The list.
        isolation: What workers live in.
        cache: Folder of prepared models.
        clock: Monotonic seconds.
        buffers: How many pictures sources may hold beside those that are with the workers.
        picture_shape: Of the largest of them.
        recycling: When processes are replaced.

    Raises:
        SettingsError: An argument is of another kind; or as `units` and `Slots`.
    """
    each_bytes = picture_bytes(picture_shape)
    is_count = isinstance(buffers, int) and not isinstance(buffers, bool) and buffers >= 0
    _expect(is_count, "buffers", "a number of pictures, or 0", buffers)
    _expect(
        isinstance(recycling, Recycling | None),
        "recycling",
        "Recycling, or None for the usual one",
        recycling,
    )
    _expect(
        isinstance(cache, str | os.PathLike | None),
        "cache",
        "the path of a folder, or None for the user's",
        cache,
    )
    found = {unit.name: unit for unit in units(devices, isolation)}
    folder = None if cache is None else os.fspath(cache)
    processes = sum(unit.isolation == "process" for unit in found.values())
    count = _SLOTS * processes + buffers
    slots = Slots(count, each_bytes, shared=processes > 0) if count else None
    makers = {name: _maker(unit, folder, clock, slots, recycling) for name, unit in found.items()}
    return Crew(makers, found, slots)


def _maker(
    unit: Unit,
    cache: str | None,
    clock: Callable[[], float],
    slots: Slots | None,
    recycling: Recycling | None,
) -> Make:
    opener = UnitOpener(unit.entries, cache)
    if unit.isolation == "process":
        return lambda post: ProcessWorker(
            unit.name, opener=opener, post=post, slots=slots, recycling=recycling, clock=clock
        )
    return lambda post: ThreadWorker(unit.name, opener=opener, post=post, clock=clock)


def read_offer(path: str | Path, facts: ModelFacts | None, *, name: str) -> Offer:
    """A model that was read and understood, before any device has to do with it.

    Args:
        path: An .onnx file, or `shipped:NAME`.
        facts: Facts set by hand.
        name: What runs name it by.

    Raises:
        ModelError: It is bad.
        SettingsError: The facts are malformed.
    """
    from lineside.engine import run_once
    from lineside.models.card import ModelCard
    from lineside.models.facts import ModelFacts

    _expect(isinstance(path, str | os.PathLike), "model", "the path of an .onnx file", path)
    _expect(isinstance(facts, ModelFacts | None), "facts", "ModelFacts, or None for those of the file", facts)
    card = ModelCard.read(path, facts=facts, run=run_once)
    return Offer(WorkerModel(name, os.fspath(path), facts), card)


def trial_picture(offer: Offer) -> NDArray[np.uint8]:
    """A picture that a model can look at: uint8 BGR (H, W, 3), of its input's size where that is known."""
    from lineside.models.probe import probe_picture

    return np.zeros((32, 32, 3), np.uint8) if offer.card is None else probe_picture(offer.card.input.size)


def wait_for_start(roster: Roster, bulletin: Bulletin, demotion: str) -> None:
    """Wait until every device is in service or has failed to be.

    Raises:
        LinesideError: None is, or one is not and all are required.
    """
    seats = roster.seats.values()
    roster.wait(lambda: all(seat.told for seat in seats), _START_S)
    failed = [seat for seat in seats if not seat.is_up]
    if failed and (demotion == "require" or len(failed) == len(seats)):
        raise _refusal(failed, "no device can start" if len(failed) == len(seats) else "it is required")
    for seat in failed:
        bulletin.say("device.not_started", f"{seat.worker.device} does not start: {_why(seat)}")


def _why(seat: Seat) -> str:
    return seat.lost or f"it has not answered for {_START_S:.0f} s"


def _refusal(failed: Sequence[Seat], what: str) -> LinesideError:
    """One error for all that failed: of their kind where they agree, so that a bad model stays a ModelError."""
    errors = [error for seat in failed for error in seat.refused.values()]
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 and len(errors) == len(failed) else DeviceUnavailableError
    texts = "; ".join(f"{seat.worker.device}: {_why(seat)}" for seat in failed)
    refusal = kind(f"{what}. {texts}")
    if errors:
        refusal.__cause__ = errors[0]
    return refusal


def due_s(deadline_s: float | None) -> float:
    """A deadline on the clock's axis; infinite for none.

    Raises:
        SettingsError: It is no number.
    """
    if deadline_s is None:
        return math.inf
    moment_s = _number(deadline_s)
    if moment_s is None:
        raise _other(
            "deadline_s", f"a moment in seconds of the engine's clock, {EXAMPLE}, or None", deadline_s
        )
    return moment_s


def _number(value: object) -> float | None:
    """A number of seconds; `None` where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 # NaN
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _expect(fits: bool, name: str, expected: str, got: object) -> None:  # noqa: FBT001 # what is to be true comes first
    """Refuse an argument that does not fit.

    Raises:
        SettingsError: It does not.
    """
    if not fits:
        raise _other(name, expected, got)


def _other(name: str, expected: str, got: object) -> SettingsError:
    return SettingsError(f"{name}: expected {expected}; got {_SHORT.repr(got)}")
