"""Records read back: those of a serial number, or of a range of parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lineside.core.errors import OutputError, SettingsError
from lineside.outputs.trace.chain import NUMBER, unsealed
from lineside.outputs.trace.segments import read_lines, segment_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def sound_records(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of a trace that say what their hash was made of, in the order of the chain; others are passed by.

    Raises:
        OutputError: There is no trace, or it cannot be read.
    """
    files = segment_files(folder)
    if not files:
        raise OutputError(f"{folder}: expected the folder of a trace, with a folder segments; found none")
    for path in files:
        try:
            for line in read_lines(path):
                if (record := unsealed(line)) is not None:
                    yield record
        except OutputError:
            if path.exists():
                raise  # else a line that runs removed it meanwhile: its records are gone


def chosen_parts(folder: Path, which: str, run: str | None = None) -> list[dict[str, Any]]:
    """The records of parts that a text names, in the order of the chain.

    Args:
        folder: The trace's.
        which: `all`; `100..200`, the parts with these numbers; a serial number; or one part's number.
        run: Only of this run. Without it, numbers of parts mean those of the latest run, and serial numbers all.

    Raises:
        SettingsError: No record is meant by it.
        OutputError: There is no trace, or it cannot be read.
    """
    numbers = _numbers(which)
    begin = count = 0
    named: list[dict[str, Any]] = []
    numbered: list[dict[str, Any]] = []
    latest = ""
    for place, record in enumerate(sound_records(folder)):  # a trace may be larger than the memory
        begin = begin if place else record[NUMBER]
        if record.get("kind") != "part" or (run is not None and run_of(record) != run):
            continue
        count += 1
        if run_of(record) != latest:
            latest, numbered = run_of(record), []
        if which == "all" or str(record.get("serial", "")) == which:
            named.append(record)
        if record["part"] in numbers:
            numbered.append(record)
    found = named or numbered
    if not found:
        raise SettingsError(
            f'{folder}: no part is meant by "{which}"{"" if run is None else f" in the run {run}"}; expected a serial number, '
            f"a part's number, a range as 100..200, or all. The trace holds {count} parts"
            + (f" and begins with record {begin}: older ones were removed." if begin else ".")
        )
    return found


def _numbers(which: str) -> range:
    """The numbers of parts that a text may mean; none where it is no number and no range."""
    if (span := _RANGE.fullmatch(which)) is not None:
        return range(int(span.group(1)), int(span.group(2)) + 1)
    return range(int(which), int(which) + 1) if which.isdecimal() else range(0)


def late_records(folder: Path, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What became known of some parts after their answers, in the order of the chain.

    Args:
        folder: The trace's.
        parts: The parts' records.

    Raises:
        OutputError: There is no trace, or it cannot be read.
    """
    wanted = {(run_of(record), record["part"]) for record in parts}
    return [
        record
        for record in sound_records(folder)
        if record.get("kind") == "late" and (run_of(record), record.get("part")) in wanted
    ]


def run_of(record: dict[str, Any]) -> str:
    """The run that a part belongs to."""
    return str(record.get("about", {}).get("run"))
