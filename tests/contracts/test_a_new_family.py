"""The worked example of docs/how-to/model-family.md works, as another package would bring it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contracts.graph_edits import write
from contracts.lookalikes import shares
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.models.probe import planar, probe_picture
from lineside.models.spec import Conventions
from lineside.testing.graphs import anchor_free

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "model-family.md"
READ = """
import json, sys
import numpy as np
from lineside.core.errors import LinesideError
from lineside.engine import run_once
from lineside.models.facts import ModelFacts
from lineside.models.card import ModelCard
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from lineside.models.recognise import family
from lineside.postprocess.candidates import Selection
try:
    facts = ModelFacts(family=sys.argv[2]) if len(sys.argv) > 2 else None
    reading = read_model(ModelFile.read(sys.argv[1]), facts=facts, run=run_once)
except LinesideError as refusal:
    print(json.dumps({"refusal": type(refusal).__name__, "text": str(refusal)}))
else:
    card = ModelCard.of(reading)
    found = family(card.family).decode(reading.answer, card.head, Selection(0.02))
    rows = np.column_stack([found.xyxy, found.confidence, found.class_id]).tolist()
    print(json.dumps({"family": card.family, "sureness": card.sureness, "rows": rows}))
"""


def _install(folder, **modules):
    """A package as pip would leave it: the modules, and what names their entry points."""
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    facts = folder / "acme_heads-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-heads\nVersion: 1.0\n")
    points = "".join(f"{name} = {name}\n" for name in modules)
    (facts / "entry_points.txt").write_text(f"[lineside.models.families]\n{points}")


def _read(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def package(tmp_path):
    example = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    _install(tmp_path, share_grid=example.group(1))
    return tmp_path


def test_the_example_reads_its_head(package):
    path = write(shares(), package / "model.onnx")
    found = _read(package, path)
    assert (found["family"], found["sureness"]) == ("share_grid", 0.9)
    planes = planar(probe_picture(Size(128, 160)), Conventions())
    table = run_once(path.read_bytes(), {"images": planes.astype(np.float32) / 255})[0][0].astype(np.float64)
    expected = []
    for column in table.T:
        x, y, w, h = column[:4] * (160, 128, 160, 128)
        if column[4:].max() > 0.02:
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            expected.append((*box, column[4:].max(), int(column[4:].argmax())))
    rows = np.array(found["rows"])
    expected = np.array(expected)
    assert len(rows) == len(expected) > 0
    assert np.allclose(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)], atol=1e-4)


@pytest.mark.parametrize("alias", ["share_grid", "tf-yolo", "TFLite-YOLO"])
def test_the_example_can_be_asked_for(alias, package):
    assert _read(package, write(shares(), package / "model.onnx"), alias)["family"] == "share_grid"


def test_the_example_leaves_other_heads_alone(package):
    path = write(anchor_free(), package / "model.onnx")
    assert _read(package, path)["family"] == "yolov8"
    assert _read(package, path, "share_grid")["refusal"] == "ConventionError"


def test_two_families_that_explain_one_head_are_both_named(tmp_path):
    _install(tmp_path, yolov8_again="from lineside.models.families.yolov8 import *\nALIASES = ()\n")
    path = write(anchor_free(), tmp_path / "model.onnx")
    found = _read(tmp_path, path)
    assert found["refusal"] == "AmbiguousHeadError"
    for part in ("more than one family explains the head", "yolov8 (99%", "yolov8_again (99%", "--family"):
        assert part in found["text"]
    assert _read(tmp_path, path, "yolov8_again")["family"] == "yolov8_again"
