"""What is worth measuring: a file, a provider with its settings, an input size, threads and a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lineside.core.geometry import Size
from lineside.core.placement import Placement
from lineside.engine.provider import provider_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lineside.engine.provider import Provider
    from lineside.models.card import ModelCard

BATCHES = (1, 2, 4)
"""Pictures of a run that are tried where the file leaves its batch open."""

SHARES = (1.0, 0.8, 0.65, 0.5)
"""Shares of the file's own input size that are tried where it leaves its size open."""

_STEP_PX = 32


@dataclass(frozen=True, slots=True)
class Form:
    """What answers depend on: the file, what computes it and how, and the input size.

    Attributes:
        path: The model's file.
        placement: Where it runs, without threads.
        size: The input size; `None` for the file's own.
    """

    path: Path
    placement: Placement
    size: Size | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run a model.

    Attributes:
        form: What its answers depend on.
        threads: Threads of a run on the host; `None` leaves them to the provider.
        batch: Pictures of a run.
    """

    form: Form
    threads: int | None = None
    batch: int = 1

    @property
    def placement(self) -> Placement:
        """Where and how it runs, with its threads: what a `Detector` is opened with."""
        option = provider_of(self.form.placement).thread_option
        if self.threads is None or not option:
            return self.form.placement
        options = dict(self.form.placement.options) | {option: str(self.threads)}
        return replace(self.form.placement, options=tuple(options.items()))

    @property
    def name(self) -> str:
        """The candidate for people, and nothing else has that name."""
        parts = [f"{self.form.path.name} on {self.placement}"]
        if self.form.size is not None:
            parts.append(f"at {self.form.size}")
        if self.batch > 1:
            parts.append(f"{self.batch} at a time")
        return " ".join(parts)


def forms(
    paths: Sequence[Path], placements: Sequence[Placement], sizes: Sequence[Size | None]
) -> tuple[Form, ...]:
    """Every file on every device, in every variant that its provider is worth tuning in, at every size.

    A setting that a placement names is not varied.

    Args:
        paths: The model's file first, then others of the same network.
        placements: The devices.
        sizes: Input sizes; `None` for the file's own.
    """
    made: dict[Form, None] = {}
    for placement in placements:
        for variant in _variants(placement, provider_of(placement)):
            made |= {Form(path, variant, size): None for path in paths for size in sizes}
    return tuple(made)


def candidates(form: Form, *, cores: int, batches: Sequence[int], callers: int = 1) -> tuple[Candidate, ...]:
    """Every number of threads and pictures a run for a form.

    Args:
        form: The form.
        cores: Cores that this process may use.
        batches: Pictures of a run.
        callers: Callers that run side by side, and share the cores.
    """
    option = provider_of(form.placement).thread_option
    fixed = not option or option in form.placement.settings
    counts: Sequence[int | None] = (None,) if fixed else _thread_counts(cores, callers)
    return tuple(Candidate(form, threads, batch) for batch in batches for threads in counts)


def sizes_of(card: ModelCard) -> tuple[Size | None, ...]:
    """Input sizes to try: the file's own, and smaller ones of the same shape where it leaves its size open."""
    if not card.input.dynamic_size:
        return (None,)
    own = card.input.size
    step = max((*card.head.strides, _STEP_PX))
    scaled = [
        Size(*(max(round(side * share / step), 1) * step for side in (own.height, own.width)))
        for share in SHARES[1:]
    ]
    return (None, *dict.fromkeys(size for size in scaled if size != own))


def _thread_counts(cores: int, callers: int) -> tuple[int, ...]:
    share = max(cores // callers, 1)
    return tuple(sorted({1, max(share // 2, 1), share}, reverse=True))


def _variants(placement: Placement, provider: Provider) -> tuple[Placement, ...]:
    """A placement in each variant of its provider that contradicts nothing that the placement says."""
    said = placement.settings
    found = []
    for text in provider.variants:
        more = Placement.parse(f"{provider.name}?{text}").options if text else ()
        if not any(name in said for name, _ in more):
            found.append(replace(placement, options=(*placement.options, *more)))
    return tuple(found) or (placement,)


def ready(every: Sequence[Provider], is_missing: Callable[[Provider], str]) -> tuple[Placement, ...]:
    """The devices of this machine that an installed provider finds, the CPU first.

    Args:
        every: Providers.
        is_missing: What is missing for one; an empty text if nothing.
    """
    found = [Placement("cpu")]
    for provider in every:
        if provider.name != "cpu" and not is_missing(provider):
            found += [Placement(provider.name, device.index) for device in provider.find_devices()]
    return tuple(found)
