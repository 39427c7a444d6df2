"""`lineside health`: whether pictures can be judged at all, and what is usual for a camera."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lineside.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.capture.health.baseline import Baseline
    from lineside.capture.health.gate import HealthGate
    from lineside.capture.health.measures import Measures
    from lineside.capture.sources import FrameSource, Outcome

_UNHEALTHY = 1
_SHOWN = 20


def health(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE…", help="Pictures, folders, patterns, videos.", show_default=False),
    ],
    *,
    learn: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write down what is usual in these pictures.", show_default=False),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is usual, as --learn wrote it.", show_default=False),
    ] = None,
    repeats: Annotated[
        bool, typer.Option("--repeats/--no-repeats", help="Refuse a picture that comes again.")
    ] = True,
    count: Annotated[
        int | None, typer.Option(min=1, help="Look at so many and end.", show_default=False)
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Copies of the refused pictures.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    scale_16bit: options.Scale16Bit = None,
    limit_px: options.LimitPx = None,
) -> None:
    """Look at pictures as the gate before the model does: dead, frozen, dark, white, blurred, moved.

    With --learn the pictures are taken for good ones, and the file says from then on what is usual for this camera. Exit code 1
    says that at least one picture was refused.
    """
    from lineside.capture.health.baseline import load_baseline
    from lineside.capture.health.gate import HealthGate, HealthSettings
    from lineside.capture.sources import open_sources

    gate = HealthGate(HealthSettings(repeats=repeats), None if baseline is None else load_baseline(baseline))
    opened = open_sources(sources, reading=options.reading(limit_px=limit_px, scale_16bit=scale_16bit))
    looked = _Looked(gate, save)
    try:
        looked.look(opened, count)
    finally:
        for source in opened:
            source.close()
    if learn is not None:
        _write(learn, looked.learned())
    if as_json:
        typer.echo(json.dumps(looked.to_dict(), indent=2))
    else:
        _show(looked, learn)
    if looked.refused:
        raise typer.Exit(_UNHEALTHY)


@dataclass(slots=True)
class _Row:
    source: str
    sequence: int
    ailment: str
    detail: str


@dataclass(slots=True)
class _Looked:
    """What was seen so far."""

    gate: HealthGate
    save: Path | None
    measures: list[Measures] = field(default_factory=list)
    refused: list[_Row] = field(default_factory=list)
    pictures: int = 0

    def look(self, sources: Sequence[FrameSource], count: int | None) -> None:
        """Look at the pictures of the sources in turn."""
        from lineside.cli.progress import progress

        counts = [source.count for source in sources]
        known = sum(c for c in counts if c is not None) if None not in counts else None
        total = count if known is None else min(known, count or known)
        with progress("looking", total) as advance:
            for source in sources:
                for outcome in source:
                    if self.pictures == count:
                        return
                    self._one(outcome)
                    advance()

    def _one(self, outcome: Outcome) -> None:
        from lineside.capture.health.measures import measure
        from lineside.capture.sources import Unreadable
        from lineside.core.errors import ImageFormatError

        self.pictures += 1
        if isinstance(outcome, Unreadable):
            self.refused.append(_Row(outcome.stream, outcome.sequence, "unreadable", str(outcome.error)))
            return
        try:
            measures = measure(outcome.image)
        except ImageFormatError as error:
            self.refused.append(_Row(outcome.stream, outcome.sequence, "format", str(error)))
            return
        found = self.gate.judge(measures)
        self.measures.append(measures)
        if found is None:
            return
        self.refused.append(_Row(outcome.stream, outcome.sequence, str(found.ailment), found.detail))
        if self.save is not None:
            from lineside.outputs.folder import OutputFolder

            name = f"{found.ailment}-{Path(outcome.stream.replace(':', '-')).stem}-{outcome.sequence}.png"
            OutputFolder(self.save, inputs=[outcome.stream]).write_picture(name, outcome.image)

    def learned(self) -> Baseline:
        """What is usual in all these pictures.

        Raises:
            SettingsError: Some were refused, or there are too few.
        """
        from lineside.capture.health.baseline import Baseline
        from lineside.core.errors import SettingsError

        if self.refused:
            first = self.refused[0]
            raise SettingsError(
                f"--learn: expected good pictures only; {len(self.refused)} of {self.pictures} were refused, the first is "
                f"{first.source} #{first.sequence}: {first.ailment}, {first.detail}"
            )
        return Baseline.learned(self.measures)

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes."""
        return {
            "pictures": self.pictures,
            "refused": [
                {"source": r.source, "sequence": r.sequence, "ailment": r.ailment, "detail": r.detail}
                for r in self.refused
            ],
        }


def _write(path: Path, baseline: Baseline) -> None:
    from lineside.outputs.files import replacing

    with replacing(path) as temporary:
        temporary.write_text(json.dumps(baseline.to_dict(), indent=1) + "\n", encoding="utf-8")


def _show(looked: _Looked, learn: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout)
    if looked.refused:
        table = Table(title=None, box=None, pad_edge=False)
        for column in ("picture", "what is wrong", "measured"):
            table.add_column(column, overflow="fold")
        for row in looked.refused[:_SHOWN]:
            table.add_row(f"{row.source} #{row.sequence}", row.ailment, row.detail)
        console.print(table, markup=False)
        if len(looked.refused) > _SHOWN:
            console.print(f"… and {len(looked.refused) - _SHOWN} more; --json lists all")
        console.print()
    kinds = Counter(row.ailment for row in looked.refused)
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common()) or "none"
    console.print(f"{looked.pictures} pictures, refused: {told}", highlight=False)
    if learn is not None:
        console.print(f"what is usual: {learn}", markup=False, highlight=False, soft_wrap=True)
