"""Whether a session is what it was asked to be: where its nodes run, and what it answers to the test picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lineside.core.errors import DriverError
from lineside.engine.installed import refuse_conflict
from lineside.engine.placing import Placing
from lineside.engine.truth import Probe, Truth, refuse_misplaced, refuse_other_answer

if TYPE_CHECKING:
    from pathlib import Path

    from lineside.engine.attempt import Clock, Prepared
    from lineside.engine.provider import Provider
    from lineside.engine.reference import Reference
    from lineside.engine.rungs import Rung
    from lineside.engine.session import Session

_REPEATED_S = 1.0


def verified(rung: Rung, session: Session, prepared: Prepared, load_s: float, clock: Clock) -> Truth:
    """The report on a session that is what was asked for; the refusals before it are not its affair.

    Args:
        rung: The entry that it was made for.
        session: The session.
        prepared: What it was made of.
        load_s: How long that took.
        clock: Monotonic seconds.

    Raises:
        DeviceMismatchError: It is not.
        DriverError: It runs on the CPU alone, because a library of its provider cannot be loaded.
        LinesideError: As its runs.
    """
    provider, start = rung.provider, clock()
    placing = Placing.of(session.placed_nodes(), provider.runtime_name, lambda: _wires(prepared.model))
    if placing is not None and not placing.nodes.get(provider.runtime_name):
        # ONNX Runtime says why in its log alone, and goes on without the provider.
        refuse_conflict()
        if reason := library_fault(provider):
            raise DriverError(f"{provider.title}: {reason}")
    refuse_misplaced(provider, placing)
    precision = session.precision or provider.precision_of(rung.options)
    probe, warm_up_s = None, 0.0
    if prepared.reference is not None:
        probe, warm_up_s = _probe(session, prepared.reference, precision, clock)
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
        verified_s=clock() - start - warm_up_s,
        from_cache=prepared.from_cache,
    )


def _probe(session: Session, reference: Reference, precision: str, clock: Clock) -> tuple[Probe, float]:
    """The test picture's answer beside the CPU's, and how long the first run took."""
    from lineside.engine.reference import differ

    # The first run is of another picture in the same buffer, so that a device that keeps what it saw when the buffer was
    # bound, and judges that for ever, is found out.
    feeds = {
        name: np.ascontiguousarray(array[..., ::-1]) if array.ndim == 4 else array.copy()
        for name, array in reference.feeds.items()
    }
    binding = session.bind(feeds, fixed_shapes=False)
    start = clock()
    binding.run()
    warm_up_s = clock() - start
    for name, array in reference.feeds.items():
        np.copyto(feeds[name], array)
    answer = [output.copy() for output in binding.run()]
    deviation = reference.deviation(answer)
    repeat = None
    if warm_up_s <= _REPEATED_S:
        again = binding.run()
        repeat = differ(answer, again)
        deviation = max(deviation, reference.deviation(again)) if repeat else deviation
    return Probe(deviation, reference.tolerance(precision), repeat, reference.size), warm_up_s


def library_fault(provider: Provider) -> str:
    """Why a library of a provider cannot be loaded; an empty text where nothing is found to be wrong."""
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
