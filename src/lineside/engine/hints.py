"""Hints about settings: what is known against an entry of a list of devices, and against several at once.

The hints about model files are a folder, `models/hints/`; these look at no file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineside.models.lint import Hint, Severity, in_order, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineside.engine.rungs import Rung

_OFF = "0"
_ALL = "ORT_ENABLE_ALL"


def hints(rungs: Sequence[Rung], *, cores: int, sessions: int | None = None) -> tuple[Hint, ...]:
    """What is known against a list of devices as it is written, the worst first.

    Args:
        rungs: The entries, checked.
        cores: Processors that this process may use.
        sessions: How many sessions run side by side: 1 where the list is a ladder, of which one entry runs; `None` where all
            of them run.
    """
    found = [hint for rung in rungs for hint in of_entry(rung, cores=cores)]
    count = len(rungs) if sessions is None else sessions
    return in_order([*found, *_of_several(rungs, count, cores)])


def of_entry(rung: Rung, *, cores: int) -> tuple[Hint, ...]:
    """What is known against one entry.

    Args:
        rung: The entry, checked.
        cores: Processors that this process may use.
    """
    return in_order([*_of_mode(rung), *_of_threads(rung, cores), *_of_precision(rung)])


def _of_mode(rung: Rung) -> Iterator[Hint]:
    if rung.options.get("execution_mode") == "ORT_PARALLEL":
        yield Hint(
            "parallel_execution",
            Severity.SLOW,
            f"{rung.placement} runs branches side by side",
            "ORT_PARALLEL runs a YOLO at 0.47 of the speed with two threads each, and at 0.6 with one (two cores)",
            "leave execution_mode out",
        )
    level = rung.options.get("graph_optimization_level", _ALL)
    if rung.provider.name == "cpu" and level != _ALL:
        yield Hint(
            "less_optimised",
            Severity.SLOW,
            f"{rung.placement} optimises the graph with {level}",
            "only ORT_ENABLE_ALL has the CPU's own layout of weights: with less a YOLO runs at 0.66 to 0.74 of the speed",
            "leave graph_optimization_level out",
        )


def _of_threads(rung: Rung, cores: int) -> Iterator[Hint]:
    threads = rung.threads or 1
    if rung.provider.name == "cpu" and threads > cores:
        yield Hint(
            "threads_beyond_cores",
            Severity.SLOW,
            f"{rung.placement} has {threads} threads, and this process may use {cores} cores",
            "every layer waits for its last thread, which waits for a core",
            f"intra_op_num_threads={cores}, or leave it out",
        )


def _of_precision(rung: Rung) -> Iterator[Hint]:
    precision = rung.provider.precision_of(rung.options)
    if precision != "float32":
        yield Hint(
            "other_precision",
            Severity.NOTE,
            f"{rung.placement} computes a float32 file in {precision}",
            "scores near a threshold fall on its other side; the test picture alone does not show on which parts",
            "compare the verdicts on pictures of your own before the line runs on it",
        )


def _of_several(rungs: Sequence[Rung], sessions: int, cores: int) -> Iterator[Hint]:
    """What is known against sessions that run side by side on the host's processors."""
    on_host = [rung for rung in rungs if rung.provider.name == "cpu"]
    if sessions < 2 or not on_host:
        return
    each = [rung.threads or cores for rung in on_host]
    total = sum(each) if len(on_host) > 1 else each[0] * sessions
    spinning = [rung for rung in on_host if rung.options.get("allow_spinning") != _OFF]
    idle = [rung for rung in spinning if rung.options.get("force_spinning_stop") == _OFF]
    if idle or (spinning and total > cores):
        entries = named([str(rung.placement) for rung in idle or spinning])
        yield Hint(
            "spinning_sessions",
            Severity.SLOW,
            f"{sessions} sessions with {total} threads in all on {cores} cores; threads of {entries} spin while they wait",
            "they take the cores from each other: two sessions of two spinning threads on two cores did 20 to 22 pictures a "
            "second together, the same without spinning 34, and two of one thread each 36",
            "give each session its share of the cores (cpu:0, cpu:1, …), or allow_spinning=off",
        )
