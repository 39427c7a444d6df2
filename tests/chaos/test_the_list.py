"""`docs/chaos.md` is what the tests do."""

from __future__ import annotations

from pathlib import Path

from chaos_faults import FAULTS
from chaos_other_lines import FREE, WIRED

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"
LEAST = 24
ALL = [*FAULTS, *WIRED, *FREE]


def row(fault):
    reasons = ", ".join(f"`{reason}`" for reason in fault.reasons) or "none is affected"
    return f"| {fault.title} | {reasons} | {' '.join(fault.about.split())} |"


def test_the_page_lists_each_fault_as_it_is_tested():
    text = PAGE.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [line for line in rows if line in {row(fault) for fault in ALL}] == [row(f) for f in ALL]
    assert len(rows) == len(ALL) + 2, "two heads, and a row for each fault"
    assert len(ALL) >= LEAST
