from __future__ import annotations

from pathlib import Path

import pytest

from lineside.core.errors import ModelFileError
from lineside.models import shipped
from lineside.models.file import ModelFile


def test_any_other_path_stays_as_it_is():
    assert shipped.resolve("models/best.onnx") == Path("models/best.onnx")
    assert shipped.resolve(Path("best.onnx")) == Path("best.onnx")


@pytest.mark.parametrize("name", ["plants", "", "../plant", "plant.onnx"])
def test_a_name_that_is_not_shipped_is_refused(name):
    with pytest.raises(ModelFileError, match="comes with lineside"):
        ModelFile.read(f"shipped:{name}")


def test_a_file_of_that_name_goes_before_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("shipped:plant").write_bytes(b"a file")
    assert ModelFile.read("shipped:plant").data == b"a file"
