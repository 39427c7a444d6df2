"""One entry of a list of devices, tried: its provider looked for, the model prepared, a session made and proven."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lineside.core.errors import (
    DeviceError,
    DeviceUnavailableError,
    DriverError,
    LinesideError,
    ModelError,
    PluginError,
    SettingsError,
)
from lineside.engine.guards import creating, guarded
from lineside.engine.installed import missing, refuse_conflict
from lineside.engine.memory import resident_bytes
from lineside.engine.ort_session import OrtSession
from lineside.engine.provider import Keeps
from lineside.engine.rungs import Rung, device_of
from lineside.engine.session import SessionRequest
from lineside.engine.verifying import library_fault, verified

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineside.engine.engines import Engines
    from lineside.engine.provider import Provider
    from lineside.engine.reference import Reference
    from lineside.engine.session import Session
    from lineside.engine.truth import Truth

    Clock = Callable[[], float]
    Progress = Callable[[str], None]

REFUSALS = (DeviceError, PluginError, ModelError, SettingsError)
"""What passes an entry over; anything else ends the ladder."""


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


class Attempt:
    """One entry, tried.

    Args:
        rung: The entry.
        model: Prepares the model for it.
        progress: Is told what takes long.
        clock: Monotonic seconds.

    Attributes:
        is_preparing: Whether it is the preparation of the model that fails, where something does.
    """

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
        except REFUSALS as fault:
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
            truth = verified(self._rung, session, prepared, loaded - start, self._clock)
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
            if reason := library_fault(rung.provider):
                raise DriverError(f"{rung.provider.title}: {reason}") from fault
            raise


def _preload(provider: Provider) -> None:
    """Let the loader find the vendor's libraries; the CPU needs none, and a start on it not the code for it."""
    if not provider.divides:
        from lineside.engine import loading

        loading.preload(provider)
