"""The report of a run: a page for people, the same in Markdown, and JSON for programs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from lineside.core.verdict import Verdict
from lineside.line import charts
from lineside.line.page import STYLE
from lineside.outputs.files import make_folder, replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lineside.line.record import PartRow
    from lineside.line.statistics import Statistics

_SHOWN_EVENTS = 60


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that a line must have kept, whatever happened."""

    is_kept: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class SavedPicture:
    """A picture of a part.

    Attributes:
        path: Relative to the report's folder, with forward slashes.
        title: The part and its verdict.
        caption: What is to be seen.
    """

    path: str
    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that a report tells.

    Attributes:
        title: What ran.
        settings: How it ran, by name.
        seconds: How long parts came.
        deadline_s: Seconds from trigger to deadline.
        statistics: The line at its end.
        rows: The parts.
        promises: What the line must have kept.
        pictures: Those that were saved.
        fault: Name, begin and end of what was broken on purpose, in seconds since the first part.
    """

    title: str
    settings: Mapping[str, str]
    seconds: float
    deadline_s: float
    statistics: Statistics
    rows: Sequence[PartRow]
    promises: Sequence[Promise]
    pictures: Sequence[SavedPicture] = field(default_factory=tuple)
    fault: tuple[str, float, float] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return all(promise.is_kept for promise in self.promises)

    def write(self, folder: Path) -> list[Path]:
        """The files that now hold the report: `report.html`, `report.md` and `report.json`.

        Raises:
            OutputError: One of them cannot be written.
        """
        make_folder(folder)
        texts = {
            "report.html": self.to_html(),
            "report.md": self.to_markdown(),
            "report.json": json.dumps(self.to_dict(), indent=2) + "\n",
        }
        for name, text in texts.items():
            with replacing(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="\n")
        return [folder / name for name in texts]

    def to_dict(self) -> dict[str, Any]:
        """A value that `json.dumps` takes, in the schema of `docs/demo.md`."""
        fault = None
        if self.fault is not None:
            name, begin_s, end_s = self.fault
            fault = {"name": name, "begin_s": round(begin_s, 3), "end_s": round(end_s, 3)}
        return {
            "title": self.title,
            "settings": dict(self.settings),
            "seconds": self.seconds,
            "deadline_ms": round(self.deadline_s * 1e3, 3),
            "kept": self.is_kept,
            "promises": [{"kept": p.is_kept, "sentence": p.sentence} for p in self.promises],
            "fault": fault,
            **self.statistics.to_dict(),
            "parts": [_part(row) for row in self.rows],
            "pictures": [p.path for p in self.pictures],
        }

    def to_markdown(self) -> str:
        """The report as Markdown."""
        lines = [f"# {_md(self.title)}", ""]
        lines += [f"- {'kept' if p.is_kept else '**broken**'}: {_md(p.sentence)}" for p in self.promises]
        lines += ["", "| | |", "|---|---|", *(f"| {_md(k)} | {_md(v)} |" for k, v in self._figures())]
        lines += ["", "## Stages", "", "| stage | p50 ms | p99 ms |", "|---|--:|--:|"]
        lines += [
            f"| {stage} | {q.p50_s * 1e3:.2f} | {q.p99_s * 1e3:.2f} |"
            for stage, q in self.statistics.stages.items()
        ]
        lines += [
            "",
            "## Verdict against truth",
            "",
            "| truth | PASS | FAIL | UNKNOWN |",
            "|---|--:|--:|--:|",
        ]
        for truth, row in self.statistics.against.matrix.items():
            lines.append(f"| {truth} | " + " | ".join(str(row[v]) for v in Verdict) + " |")
        if self.statistics.events:
            lines += ["", "## Events", ""]
            lines += [f"- {e.at_s:.1f} s: {_md(e.sentence)}" for e in self.statistics.events[-_SHOWN_EVENTS:]]
        lines += ["", "## Settings", "", "| | |", "|---|---|"]
        lines += [f"| {_md(name)} | {_md(value)} |" for name, value in self.settings.items()]
        if self.pictures:
            lines += ["", "## Pictures", ""]
            lines += [
                f"![{_md(p.title)}]({p.path})\n\n{_md(p.title)}: {_md(p.caption)}\n" for p in self.pictures
            ]
        return "\n".join(lines).rstrip() + "\n"

    def to_html(self) -> str:
        """The report as one page that loads nothing but its own pictures."""
        stats = self.statistics
        kept = "".join(
            f'<li class="{"kept" if p.is_kept else "broken"}">{escape(p.sentence)}</li>'
            for p in self.promises
        )
        sections = [
            f"<section><h2>What the line promised</h2><ul>{kept}</ul></section>",
            _section(
                "Verdicts over time",
                _KEY + charts.verdicts_over_time(self.rows, seconds=self.seconds, fault=self.fault),
            ),
            _section("Time of each stage", charts.stage_times(self.rows, deadline_s=self.deadline_s)),
            _section("Verdict against truth", charts.truth_against_verdict(stats.against.matrix)),
            _section("Figures", _table(self._figures())),
            self._events(),
            self._pictures(),
            _section("Settings", _table(self.settings.items())),
        ]
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head><body><main>"
            f"<h1>{escape(self.title)}</h1>{self._tiles()}{''.join(sections)}</main></body></html>\n"
        )

    def _figures(self) -> list[tuple[str, str]]:
        stats = self.statistics
        against = stats.against
        reasons = ", ".join(f"{n} {reason}" for reason, n in stats.reasons.items())
        return [
            ("parts triggered, answered", f"{stats.triggered}, {stats.answered}"),
            *((str(verdict), str(count)) for verdict, count in stats.verdicts.items()),
            ("reasons of UNKNOWN", reasons or "none"),
            ("escapes", f"{against.escapes} of {against.bad} bad parts"),
            ("overkills", f"{against.overkills} of {against.good} good parts"),
            ("results after the answer", str(stats.late_results)),
            ("inspections that the outputs dropped", str(stats.counts.dropped)),
            ("inspections that could not be written", str(stats.counts.output_faults)),
        ]

    def _tiles(self) -> str:
        stats = self.statistics
        total = stats.stages.get("total")
        tiles = [
            (
                f"{60 * stats.answered / stats.elapsed_s:.0f}" if stats.elapsed_s else "0",
                "parts/min",
                "",
            ),
            (str(stats.verdicts[Verdict.PASS]), "PASS", "pass"),
            (str(stats.verdicts[Verdict.FAIL]), "FAIL", "fail"),
            (str(stats.verdicts[Verdict.UNKNOWN]), "UNKNOWN", ""),
            (str(stats.against.escapes), "escapes", "fail" if stats.against.escapes else ""),
            (str(stats.against.overkills), "overkills", ""),
            (f"{total.p99_s * 1e3:.0f} ms" if total else "none", "p99 to answer", ""),
        ]
        cells = "".join(f'<div class="tile {kind}"><b>{value}</b>{name}</div>' for value, name, kind in tiles)
        return f'<div class="tiles">{cells}</div>'

    def _events(self) -> str:
        events = self.statistics.events[-_SHOWN_EVENTS:]
        if not events:
            return ""
        return _section("Events", _table((f"{e.at_s:.1f} s", e.sentence) for e in events))

    def _pictures(self) -> str:
        if not self.pictures:
            return ""
        figures = "".join(
            f'<figure><a href="{escape(p.path)}"><img loading="lazy" src="{escape(p.path)}" alt="{escape(p.title)}"></a>'
            f"<figcaption><b>{escape(p.title)}</b> {escape(p.caption)}</figcaption></figure>"
            for p in self.pictures
        )
        note = (
            '<p class="faint">Full boxes: what the model saw. White corners: what is truly there; thin ones are '
            "too small to count.</p>"
        )
        return _section("Pictures", f'{note}<div class="pictures">{figures}</div>')


_KEY = (
    '<div class="key"><span><i style="background:var(--pass)"></i>PASS</span>'
    '<span><i style="background:var(--fail)"></i>FAIL</span>'
    '<span><i style="background:var(--unknown)"></i>UNKNOWN</span></div>'
)


def _part(row: PartRow) -> dict[str, Any]:
    return {
        "part": row.part,
        "at_s": round(row.at_s, 3),
        "verdict": str(row.verdict),
        "reason": None if row.reason is None else str(row.reason),
        "detail": row.detail,
        "truth": None if row.truth is None else str(row.truth),
        "total_ms": round(row.seconds["total"][0] * 1e3, 3),
    }


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inner}</section>"


def _table(pairs: Any) -> str:
    rows = "".join(f"<tr><th>{escape(str(k))}</th><td>{escape(str(v))}</td></tr>" for k, v in pairs)
    return f"<table>{rows}</table>"


def _md(text: str) -> str:
    """Text that cannot break out of a Markdown table or start markup."""
    plain = " ".join(str(text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in plain)
