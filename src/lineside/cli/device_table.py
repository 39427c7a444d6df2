"""The report on a session as a table: what was asked for, what runs, and how that was proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineside.engine.placing import Placing
    from lineside.engine.truth import Probe, Truth


def show_truth(truth: Truth) -> None:
    """The report on stdout."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="device", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _rows(truth):
        table.add_row(name, escape(value))
    Console().print(table)


def _rows(truth: Truth) -> Iterator[tuple[str, str]]:
    yield "asked for", ", ".join(truth.asked)
    device = f", {truth.device}" if truth.device else ""
    yield "runs on", f"{truth.got}: {truth.title}{device}"
    for refusal in truth.refusals:
        yield "passed over", str(refusal)
    if truth.placing is not None:
        yield from _placing(truth.placing)
    yield "precision", truth.precision
    yield "test picture", _probe(truth.probe)
    yield "threads", str(truth.threads)
    prepared = "prepared before" if truth.from_cache else "prepared now"
    yield (
        "start",
        (
            f"loaded in {truth.load_s * 1e3:.0f} ms, first run {truth.warm_up_s * 1e3:.0f} ms, checked in "
            f"{truth.verified_s * 1e3:.0f} ms, {prepared}"
        ),
    )
    if truth.memory_bytes is not None:
        yield "memory", f"{truth.memory_bytes / 2**20:.0f} MiB of the host"
    for notice in truth.notices:
        yield "notice", notice


def _placing(placing: Placing) -> Iterator[tuple[str, str]]:
    nodes = ", ".join(f"{count} on {name}" for name, count in placing.nodes.items())
    yield "nodes", f"{nodes} ({placing.share:.0%} where asked)"
    yield "copies", f"{placing.copies} tensors a run between devices inside the graph"
    if placing.elsewhere is not None:
        yield "largest elsewhere", str(placing.elsewhere)


def _probe(probe: Probe | None) -> str:
    if probe is None:
        return "the CPU is what others are compared with"
    match probe.repeat:
        case None:
            again = "not repeated, as a run takes too long"
        case 0.0:
            again = "two runs equal bit by bit"
        case repeat:
            again = f"two runs differ by up to {repeat:.2g}"
    return (
        f"off the CPU's answer by {probe.deviation:.2g} of what swapped colours change, at most {probe.tolerance:g}; "
        f"{probe.numbers} numbers compared; {again}"
    )
