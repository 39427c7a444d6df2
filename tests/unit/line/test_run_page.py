"""docs/run.md names every key of `line.toml`, and its example is right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from lineside.line.settings.document import LineDocument
from lineside.line.settings.reading import LineSettings
from lineside.line.settings.template import Seen, drawn_cameras, template

PAGE = (Path(__file__).parents[3] / "docs" / "run.md").read_text(encoding="utf-8")


def table_of(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := table_of(part))), None)


@pytest.mark.parametrize(
    "table", ["line", "camera", "devices", "recipes", "ejector", "outbox", "trace", "view"]
)
def test_every_key_has_its_row_with_what_the_schema_says(table):
    for name, field in table_of(LineDocument.model_fields[table].annotation).model_fields.items():
        rows = [row for row in PAGE.splitlines() if row.startswith(f"| `{name}` |")]
        assert any(field.description in row for row in rows), name


def test_every_table_has_its_chapter():
    for name in LineDocument.model_fields:
        assert f"[{name}]" in PAGE or name == "schema_"


def test_the_example_is_right():
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert LineSettings.of(tomllib.loads(example), Path("line.toml")).document.line.name == "caps"


@pytest.mark.parametrize(
    "cameras",
    [drawn_cameras(), [Seen("camera-1", "/dev/video0", 'a "camera" \\ with\nodd words')]],
    ids=["drawn", "odd"],
)
@pytest.mark.parametrize("model", ["shipped:plant", 'models\\a "b".onnx'])
def test_the_settings_that_are_written_are_right_and_so_are_their_comments(cameras, model):
    text = template(cameras, model)
    settings = LineSettings.of(tomllib.loads(text), Path("line.toml"))
    assert [c.source for c in settings.document.camera] == [c.address for c in cameras]
    assert settings.document.model.path == model
    keys = re.sub(r"^# ?(?=\w+ =|\[\[?\w+\]\]?)", "", text, flags=re.MULTILINE)
    assert "ejector" in tomllib.loads(keys.replace('[recipes]\nfolder = "recipes"\nproduct = "cap-blue"', ""))
