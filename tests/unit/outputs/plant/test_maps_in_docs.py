"""The maps that the documentation shows are those that the code packs by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lineside.core import plugins
from lineside.outputs.plant.link import KINDS
from lineside.outputs.plant.maps import codes_markdown, map_of, markdown

PAGE = Path(__file__).parents[4] / "docs" / "plc.md"


def shown(name):
    """The table between a page's two marks."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- begin {name} -->\n(.*?)<!-- end {name} -->", text, re.DOTALL)
    assert found, f"docs/plc.md has no marks for {name}"
    return found.group(1).strip()


@pytest.mark.parametrize("kind", plugins.own(KINDS))
def test_the_map_of_each_protocol_is_in_the_documentation(kind):
    assert shown(f"map {kind}") == markdown(kind).strip(), "run tools/plant_maps.py"


def test_the_numbers_are_in_the_documentation():
    assert shown("codes") == codes_markdown().strip()


def test_settings_move_the_signals():
    rows = {row.name: row.place for row in map_of("s7", {"db": 7, "status_byte": 60})}
    assert rows["trigger"] == "DB7.DBX1.0"
    assert rows["ready"] == "DB7.DBX61.0"
    assert rows["sequence"] == "DB7.DBD68"
    assert {row.name: row.place for row in map_of("gpio", {"ready": 17})}["ready"] == "line 17"
