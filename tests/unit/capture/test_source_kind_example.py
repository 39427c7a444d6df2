"""The worked example of docs/how-to/source-kind.md does what the page says."""

from __future__ import annotations

import re
import types
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from lineside.capture.pictures import Reading
from lineside.capture.sources import Unreadable
from lineside.core.errors import SourceError
from lineside.core.frame import Frame

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "source-kind.md"


@pytest.fixture
def kind():
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("zip_source")
    exec(compile(code[1], str(PAGE), "exec"), module.__dict__)
    return module


def test_an_archive_gives_one_outcome_a_picture(kind, tmp_path):
    path = tmp_path / "parts.zip"
    picture = cv2.imencode(".png", np.full((8, 9, 3), 7, np.uint8))[1].tobytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (("a.png", picture), ("b.png", b"no picture"), ("c.png", picture)):
            archive.writestr(name, data)
    assert kind.claims(str(path))
    (source,) = kind.open_sources(str(path), Reading())
    outcomes = list(source)
    source.close()
    assert source.count == 3
    assert [type(o) for o in outcomes] == [Frame, Unreadable, Frame]
    assert outcomes[2].image.shape == (8, 9, 3)


def test_a_file_that_is_no_archive_is_refused_by_name(kind, tmp_path):
    path = tmp_path / "no.zip"
    path.write_text("no archive")
    with pytest.raises(SourceError, match=r"no\.zip"):
        kind.open_sources(str(path), Reading())
