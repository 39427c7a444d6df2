"""The pages of outputs and the trace name every key that can be set, with what it means."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from lineside.core import plugins
from lineside.outputs.keeping import Keep
from lineside.outputs.outbox.settings import OutboxSettings
from lineside.outputs.parcel import KINDS
from lineside.outputs.trace.settings import TraceSettings

DOCS = Path(__file__).parents[3] / "docs"


def section(page, title):
    text = (DOCS / page).read_text("utf-8")
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section {title}"
    return found.group(1)


@pytest.mark.parametrize("kind", plugins.own(KINDS))
def test_every_key_of_a_sink_stands_on_the_page_with_its_meaning(kind):
    told = section("outputs.md", kind)
    schema = importlib.import_module(f"{KINDS}.{kind}").Settings
    for name, field in schema.model_fields.items():
        assert re.search(rf"^\| `{name}` \| .* \| {re.escape(field.description)} \|$", told, re.MULTILINE), (
            name
        )


@pytest.mark.parametrize(
    ("schema", "page", "title"),
    [
        (OutboxSettings, "outputs.md", "The outbox"),
        (Keep, "outputs.md", "The outbox"),
        (TraceSettings, "trace.md", "Settings"),
    ],
)
def test_every_key_of_the_outbox_and_the_trace_stands_on_its_page(schema, page, title):
    told = section(page, title)
    for name, field in schema.model_fields.items():
        assert f"| `{name}` |" in told
        assert field.description in told
