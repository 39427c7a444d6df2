"""The ladder: the first entry of a list of devices that truly works, and why none before it does.

ONNX Runtime's own list of providers is no ladder: by provider it raises or falls to the CPU in silence. So each entry is tried
alone, proven, and kept or passed over with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import (
    DeviceDemotedError,
    DeviceError,
    DeviceUnavailableError,
    DriverError,
    LinesideError,
    ModelError,
    PluginError,
    RuntimeConflictError,
    SettingsError,
)
from lineside.engine.guards import creating, guarded
from lineside.engine.installed import missing, refuse_conflict
from lineside.engine.memory import resident_bytes
from lineside.engine.ort_session import OrtSession
from lineside.engine.placing import Placing
from lineside.engine.provider import Keeps, provider_of
from lineside.engine.rungs import Rung, device_of, rungs
from lineside.engine.session import SessionRequest
from lineside.engine.truth import Probe, Refusal, Truth, refuse_misplaced, refuse_other_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lineside.core.placement import Placement
    from lineside.engine.engines import Engines
    from lineside.engine.provider import Provider
    from lineside.engine.reference import Reference
    from lineside.engine.rungs import Find
    from lineside.engine.session import Session

    Clock = Callable[[], float]
    Progress = Callable[[str], None]

DEMOTIONS = ("prefer", "require")
"""What may be done where the first entry does not work: start on the next one and say so, or refuse to start."""

_REPEATED_S = 1.0
_REFUSALS = (DeviceError, PluginError, ModelError, SettingsError)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A model as a provider takes it.

    Attributes:
        model: A path or bytes.
        optimised: Whether it is ONNX Runtime's optimised graph for this very CPU.
        engines: Where the provider keeps its own files of it; `None` for nowhere.
        reference: The CPU's answer to the test picture; `None` where the session is the CPU's own.
        from_cache: Whether it was on disk already.
        discard: Throws away what is on disk of it.
    """

    model: Path | bytes
    optimised: bool = False
    engines: Engines | None = None
    reference: Reference | None = None
    from_cache: bool = False
    discard: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open session.

    Attributes:
        session: The session.
        truth: The report on it.
    """

    session: Session
    truth: Truth


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
        attempt = _Attempt(rung, model, progress or _nobody, clock)
        try:
            opened = attempt.open()
        except RuntimeConflictError:
            raise
        except _REFUSALS as refusal:
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


class _Attempt:
    """One entry, tried."""

    def __init__(
        self, rung: Rung, model: Callable[[Rung], Prepared], progress: Progress, clock: Clock
    ) -> None:
        self.is_preparing = False
        self._rung = rung
        self._model = model
        self._progress = progress
        self._clock = clock

    def open(self) -> Opened:
        """The session, proven.

        Raises:
            LinesideError: It does not work.
        """
        provider = self._rung.provider
        if lacking := missing(provider):
            refuse_conflict()
            raise DeviceUnavailableError(lacking)
        _preload(provider)
        self._rung = replace(self._rung, device=device_of(self._rung))
        prepared = self._prepared()
        try:
            return self._proven(prepared)
        except _REFUSALS as fault:
            if not self._throw_away(prepared, fault):
                raise
        return self._proven(self._prepared())

    def _prepared(self) -> Prepared:
        self.is_preparing = True
        prepared = self._model(self._rung)
        self.is_preparing = False
        return prepared

    @staticmethod
    def _throw_away(prepared: Prepared, fault: LinesideError) -> bool:
        """Whether something on disk may be to blame; it is removed then, and the entry tried once more without it."""
        engines = prepared.engines
        if not prepared.from_cache or isinstance(fault, DriverError | DeviceUnavailableError):
            return False
        if engines is not None and not engines.is_empty:
            engines.discard()
            return True
        if isinstance(fault, ModelError):
            prepared.discard()
            return True
        return False

    def _proven(self, prepared: Prepared) -> Opened:
        try:
            return self._with_truth(prepared)
        finally:
            if prepared.engines is not None:
                prepared.engines.release()

    def _with_truth(self, prepared: Prepared) -> Opened:
        rung, before = self._rung, resident_bytes(settle=False)
        start = self._clock()
        with creating:
            session = self._make(prepared)
        loaded = self._clock()
        try:
            truth = self._verified(session, prepared, loaded - start)
        except LinesideError:
            session.close()
            raise
        after = resident_bytes(settle=False)
        added = None if before is None or after is None else max(after - before, 0)
        if prepared.engines is not None:
            prepared.engines.prove()
        return Opened(guarded(session, rung.provider, rung.physical), replace(truth, memory_bytes=added))

    def _make(self, prepared: Prepared) -> Session:
        rung = self._rung
        folder = None if prepared.engines is None else prepared.engines.begin()
        builds = rung.provider.keeps in {Keeps.ENGINE, Keeps.CONTEXT}
        if builds and (folder is None or prepared.engines is None or prepared.engines.is_empty):
            self._progress(f"building the engine for {rung.placement}; this can take minutes")
        request = SessionRequest(
            prepared.model, rung.options, rung.placement.device, rung.threads, folder, prepared.optimised
        )
        opener = rung.provider.open
        if opener is not None:
            return opener(request)
        try:
            return OrtSession(rung.provider, request)
        except DriverError as fault:  # the runtime names no library, its loader does
            if reason := _reason(rung.provider):
                raise DriverError(f"{rung.provider.title}: {reason}") from fault
            raise

    def _verified(self, session: Session, prepared: Prepared, load_s: float) -> Truth:
        rung, provider, start = self._rung, self._rung.provider, self._clock()
        placing = Placing.of(session.placed_nodes(), provider.runtime_name, lambda: _wires(prepared.model))
        if placing is not None and not placing.nodes.get(provider.runtime_name):
            # ONNX Runtime says why in its log alone, and goes on without the provider.
            refuse_conflict()
            if reason := _reason(provider):
                raise DriverError(f"{provider.title}: {reason}")
        refuse_misplaced(provider, placing)
        precision = session.precision or provider.precision_of(rung.options)
        probe, warm_up_s = None, 0.0
        if prepared.reference is not None:
            probe, warm_up_s = self._probe(session, prepared.reference, precision)
            refuse_other_answer(provider, precision, probe)
        return Truth(
            asked=(),
            got=str(rung.placement),
            title=provider.title,
            device="" if rung.device is None else rung.device.name,
            refusals=(),
            notices=(*rung.notices, *_doubts(probe, placing)),
            placing=placing,
            precision=precision,
            probe=probe,
            threads=session.threads,
            load_s=load_s,
            warm_up_s=warm_up_s,
            memory_bytes=None,
            verified_s=self._clock() - start - warm_up_s,
            from_cache=prepared.from_cache,
        )

    def _probe(self, session: Session, reference: Reference, precision: str) -> tuple[Probe, float]:
        """The test picture's answer beside the CPU's, and how long the first run took."""
        from lineside.engine.reference import differ

        # The first run is of another picture in the same buffer, so that a device that keeps what it saw when the buffer was
        # bound, and judges that for ever, is found out.
        feeds = {
            name: np.ascontiguousarray(array[..., ::-1]) if array.ndim == 4 else array.copy()
            for name, array in reference.feeds.items()
        }
        binding = session.bind(feeds, fixed_shapes=False)
        start = self._clock()
        binding.run()
        warm_up_s = self._clock() - start
        for name, array in reference.feeds.items():
            np.copyto(feeds[name], array)
        answer = [output.copy() for output in binding.run()]
        repeat = differ(answer, binding.run()) if warm_up_s <= _REPEATED_S else None
        deviation = reference.deviation(answer)
        return Probe(deviation, reference.tolerance(precision), repeat, reference.size), warm_up_s


def _preload(provider: Provider) -> None:
    """Let the loader find the vendor's libraries; the CPU needs none, and a start on it not the code for it."""
    if not provider.divides:
        from lineside.engine import loading

        loading.preload(provider)


def _reason(provider: Provider) -> str:
    from lineside.engine import loading

    return loading.reason(provider)


def _wires(model: Path | bytes) -> Any:
    from lineside.models.wiring import wiring  # imports onnx: only where nodes run elsewhere

    return wiring(model)


def _doubts(probe: Probe | None, placing: Placing | None) -> tuple[str, ...]:
    """What the checks leave open."""
    doubts = []
    if probe is not None and not probe.numbers:
        doubts.append("the test picture gives no numbers to compare, so its answers are not proven")
    if probe is not None and probe.repeat:
        doubts.append(f"two runs of one picture differ by up to {probe.repeat:.2g}")
    if placing is None:
        doubts.append("its runtime keeps no record of where nodes run")
    return tuple(doubts)
