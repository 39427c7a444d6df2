"""What a model costs on this machine, beside the same network in float32."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from lineside.core.errors import LinesideError
from lineside.engine.hardware import usable_cores
from lineside.engine.measure import Measurement, measure
from lineside.engine.ort_session import run_once
from lineside.engine.providers.cpu import speed_hints
from lineside.models.card import ModelCard
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from lineside.models.surgery import prepare, take_bytes
from lineside.models.twin import float_twin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineside.models.facts import ModelFacts
    from lineside.models.reading import Reading

_FILE, _FLOAT = "file", "float32"
_SAME = 0.1  # shares of the time below which two forms are called equally fast


@dataclass(frozen=True, slots=True)
class Costs:
    """What a model costs.

    Attributes:
        card: Its card.
        measured: Of the model as lineside runs it: with every usable core, then with one thread.
        in_float32: The same of the network in float32; empty where the file is in float32 or cannot be turned.
        advice: What follows from that, one sentence each.
    """

    card: ModelCard
    measured: tuple[Measurement, ...]
    in_float32: tuple[Measurement, ...]
    advice: tuple[str, ...]


def measure_model(
    path: str | Path,
    *,
    facts: ModelFacts | None = None,
    runs: int = 50,
    clock: Callable[[], float] = perf_counter,
) -> Costs:
    """The costs of the model at `path`: prepared as a `Detector` does, run on the test picture.

    Args:
        path: An .onnx file, or `shipped:NAME`.
        facts: Facts set by hand.
        runs: Runs of each form with each number of threads.
        clock: Monotonic seconds.

    Raises:
        ModelError, SettingsError, DeviceError, MissingRuntimeError: As for `Detector`.
    """
    reading = read_model(ModelFile.read(path), facts=facts, run=run_once)
    card = ModelCard.of(reading)
    card = replace(card, warnings=(*card.warnings, *speed_hints(card.precision)))
    prepared, how = prepare(reading, run_once)
    card = replace(card, evidence=(*card.evidence, f"byte input: {how}, proven on the test picture"))
    feeds = reading.subject.picture.feeds(reading.planes)
    models = {_FILE: prepared}
    if (twin := _twin(reading)) is not None:
        models[_FLOAT] = twin
    found = [
        measure(models, feeds, threads=threads, runs=runs, clock=clock)
        for threads in sorted({1, usable_cores()}, reverse=True)
    ]
    measured = tuple(each[_FILE] for each in found)
    in_float32 = tuple(each[_FLOAT] for each in found if _FLOAT in each)
    return Costs(card, measured, in_float32, advice(card, measured, in_float32))


def _twin(reading: Reading) -> bytes | None:
    """The network in float32 with the byte input, or `None` where there is none that runs."""
    subject = reading.subject
    if any(constant.dtype == "float16" for constant in subject.picture.constants):
        return None  # it would want other feeds
    twin = float_twin(subject.model)
    if twin is None:
        return None
    spec = subject.picture
    spec = replace(spec, dtype="float32") if spec.dtype == "float16" else spec
    data: bytes = take_bytes(twin, spec, reading.conventions, fold=True)[0].SerializeToString()
    try:
        run_once(data, spec.feeds(reading.planes))
    except LinesideError:
        return None  # it is only compared with
    return data


def advice(
    card: ModelCard, measured: tuple[Measurement, ...], in_float32: tuple[Measurement, ...]
) -> tuple[str, ...]:
    """What follows from the figures: whether the file's precision pays here, and what to do where it does not.

    Args:
        card: The model's card.
        measured: Of the model.
        in_float32: Of the same network in float32, for the same numbers of threads; or empty.
    """
    found = []
    cure = _cure(card)
    if in_float32:
        share = measured[0].p50_s / max(in_float32[0].p50_s, 1e-9)
        same = "the same network in float32"
        if share < 1 - _SAME:
            found.append(f"{card.precision} pays here: {1 / share:.1f} times as fast as {same}")
        elif share <= 1 + _SAME:
            found.append(f"{card.precision} gains nothing here over {same}. The cure: {cure}")
        else:
            found.append(f"{card.precision} takes {share:.1f} times as long here as {same}. The cure: {cure}")
    elif card.precision != "fp32":
        found.append(
            "the same network in float32 cannot be made of this file, so there is nothing to compare with"
        )
    if card.input.dynamic_size:
        found.append(
            "the file leaves its size open: the time grows with the area; a smaller one is set with --size"
        )
    return tuple(found)


def _cure(card: ModelCard) -> str:
    """What to export instead of a precision that gains nothing."""
    of_precision = ("dynamic_int8", "float16_on_cpu", "s8s8")
    named = (hint.cure for hint in card.hints if hint.code in of_precision)
    return next(named, "an export in float32").partition(". Measure")[0]
