"""What `lineside track` tells: a table of counts, one JSON document, or CSV rows."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import typer

from lineside.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lineside.cli.track_run import TrackRun
    from lineside.core.errors import LinesideError
    from lineside.core.frame import Frame
    from lineside.tracking.tracks import Tracks

COLUMNS = (
    "source",
    "sequence",
    "time_s",
    "status",
    "track_id",
    "class_id",
    "name",
    "confidence",
    "x1",
    "y1",
    "x2",
    "y2",
    "truncated",
    "message",
)
"""The header of the CSV table: that of `lineside detect` and the id."""


@dataclass(frozen=True, slots=True)
class Form:
    """In which form the result is told, and where: on stdout, or in a file."""

    kind: Literal["table", "json", "csv"]
    output: Path | None

    @classmethod
    def chosen(cls, *, as_json: bool, as_csv: bool, output: Path | None) -> Form:
        """The form that the options ask for.

        Raises:
            SettingsError: They contradict each other.
        """
        if as_json and as_csv:
            raise SettingsError("expected one of --json and --csv; got both")
        if output is not None and not (as_json or as_csv):
            raise SettingsError("--output: say in which form: --json or --csv")
        return cls("json" if as_json else "csv" if as_csv else "table", output)


@dataclass(slots=True)
class Entry:
    """One confirmed object: its class by now, its first and last frame, and in how many it was seen as that."""

    name: str
    class_id: int
    first: int
    last: int
    frames: int = 0


@dataclass(slots=True)
class Roster:
    """Every object that got an id, by id."""

    entries: dict[int, Entry] = field(default_factory=dict)

    def update(self, tracks: Tracks) -> None:
        """Note the objects of a frame."""
        found = tracks.detections
        rows = zip(tracks.track_id.tolist(), found.class_id.tolist(), tracks.first_at.tolist(), strict=True)
        for track_id, class_id, first_at in rows:
            if track_id < 0:
                continue
            name, at = found.names[class_id], int(tracks.at)
            entry = self.entries.setdefault(track_id, Entry(name, class_id, int(first_at), at))
            entry.name, entry.class_id, entry.last = name, class_id, at
            entry.frames += 1

    @property
    def counts(self) -> Counter[str]:
        """How many objects there were, by class name."""
        return Counter(entry.name for entry in self.entries.values())


class Rows:
    """The CSV rows of a run: one an object a frame, and one for each frame without any."""

    def __init__(self, stream: Any) -> None:
        self._rows = None if stream is None else csv.writer(stream, lineterminator="\n")
        if self._rows is not None:
            self._rows.writerow(COLUMNS)

    @classmethod
    @contextmanager
    def opened(cls, form: Form) -> Iterator[Rows]:
        """The rows on stdout or in a file that appears when the block ends well; none where CSV is not asked for.

        Raises:
            OutputError: The file cannot be written.
        """
        from lineside.outputs.files import replacing

        with ExitStack() as stack:
            stream: Any = None
            if form.kind == "csv" and form.output is None:
                stream = sys.stdout
                if isinstance(stream, io.TextIOWrapper):
                    stream.reconfigure(errors="backslashreplace")
            elif form.kind == "csv" and form.output is not None:
                temporary = stack.enter_context(replacing(form.output))
                stream = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            yield cls(stream)

    def write(self, frame: Frame, tracks: Tracks) -> None:
        """The rows of a frame that was looked at."""
        if self._rows is None:
            return
        about = [frame.stream, frame.sequence, "" if frame.time_s is None else frame.time_s]
        value = tracks.to_dict()
        truncated = "true" if value["truncated"] else "false"
        if not value["detections"]:
            self._rows.writerow([*about, "empty", *[""] * 8, truncated, ""])
        for d in value["detections"]:
            track_id = "" if d["track_id"] is None else d["track_id"]
            told = [track_id, d["class_id"], d["name"], d["confidence"], *d["xyxy"]]
            self._rows.writerow([*about, "ok", *told, truncated, ""])

    def write_error(self, stream: str, sequence: int, error: LinesideError) -> None:
        """The row of a frame that could not be looked at."""
        if self._rows is not None:
            self._rows.writerow([stream, sequence, "", error.code, *[""] * 9, str(error)])


def show(run: TrackRun, form: Form, save: Path | None) -> None:
    """Tell the result of a run in the form that was asked for; beside JSON and CSV the sums go to stderr.

    Raises:
        OutputError: The document cannot be written.
    """
    from lineside.cli.detect_report import Summary, show_summary

    if form.kind == "table":
        _show_table(run)
    elif form.kind == "json":
        _write(json.dumps(document(run), indent=2, allow_nan=False), form.output)
    is_aside = form.kind != "table"
    objects = len(run.roster.entries)
    show_summary(Summary(run.frames, run.failed, objects, tuple(run.timings), save), to_stderr=is_aside)
    if run.tracker.fleeting:
        typer.echo(
            f"{run.tracker.fleeting} more were seen in fewer than {run.tracker.settings.confirm_frames} frames in a "
            "row and have no id. Where these are parts, they move too far from frame to frame: say --motion.",
            err=is_aside,
        )


def document(run: TrackRun) -> dict[str, Any]:
    """The result as a value that `json.dumps` takes, in the schema of `docs/tracking.md`."""
    fps, truth = run.fps, run.detector.truth
    return {
        "source": run.source.name,
        "device": None if truth is None else truth.to_dict(),
        "frames": run.frames,
        "failed": run.failed,
        "fps": fps,
        "objects": dict(run.roster.counts),
        "fleeting": run.tracker.fleeting,
        "lines": [{"line": c.line, "in": dict(c.inward), "out": dict(c.outward)} for c in run.lines],
        "zones": [
            {
                "zone": zone.polygon,
                "entered": dict(zone.entered),
                "left": dict(zone.left),
                "present": dict(Counter(zone.present.values())),
                "mean_dwell_s": _seconds(_mean_dwell(zone), fps),
                "longest_dwell_s": _seconds(zone.longest_frames if zone.left else None, fps),
            }
            for zone in run.zones
        ],
        "tracks": [
            {
                "track_id": track_id,
                "class_id": entry.class_id,
                "name": entry.name,
                "first": entry.first,
                "last": entry.last,
                "frames": entry.frames,
            }
            for track_id, entry in sorted(run.roster.entries.items())
        ],
    }


def _mean_dwell(zone: Any) -> float | None:
    visits = zone.left.total()
    return zone.dwell_frames / visits if visits else None


def _seconds(frames: float | None, fps: float | None) -> float | None:
    return None if frames is None or fps is None else round(frames / fps, 3)


def _write(text: str, output: Path | None) -> None:
    from lineside.outputs.files import replacing

    if output is None:
        typer.echo(text)
        return
    with replacing(output) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _show_table(run: TrackRun) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    table.add_column("where", overflow="fold")
    table.add_column("class", overflow="fold")
    for name in ("objects", "in", "out", "now inside", "mean stay"):
        table.add_column(name, justify="right")
    for label, count in sorted(run.roster.counts.items()) or [("[dim]none[/]", 0)]:
        table.add_row("the stream", label if not count else escape(label), str(count))
    for line in run.lines:
        where = "line " + ",".join(f"{v:g}" for v in line.line)
        for label in sorted(line.inward | line.outward) or [""]:
            table.add_row(where, escape(label), "", str(line.inward[label]), str(line.outward[label]))
            where = ""
    for zone in run.zones:
        where = "zone " + " ".join(f"{x:g},{y:g}" for x, y in zone.polygon)
        mean, present = _seconds(_mean_dwell(zone), run.fps), Counter(zone.present.values())
        stay = "" if mean is None else f"{mean:.1f} s"
        for label in sorted(zone.entered) or [""]:
            counts = (zone.entered[label], zone.left[label], present[label])
            table.add_row(where, escape(label), "", *map(str, counts), stay)
            where = stay = ""
    Console().print(table)
