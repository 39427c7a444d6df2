"""The worked example of docs/how-to/lint-hint.md does what the page says, as another package would bring it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from contracts.graph_edits import with_input, write
from lineside.testing.graphs import anchor_free

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "lint-hint.md"
ASK = """
import dataclasses, json, sys
from lineside import ModelCard
print(json.dumps([dataclasses.asdict(hint) for hint in ModelCard.read(sys.argv[1]).hints]))
"""


def _pooled(window):
    pads = [window // 2] * 4
    node = helper.make_node("MaxPool", ["outer"], ["inner"], "a pool", kernel_shape=[window] * 2, pads=pads)
    return with_input(anchor_free(), TensorProto.FLOAT, [1, 3, 128, 160], [node])


@pytest.fixture
def ask(tmp_path):
    """Asks a process with the example installed as pip would leave it."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "acme_pooling.py").write_text(code[1], encoding="utf-8")
    facts = tmp_path / "acme_hints-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-hints\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[lineside.models.hints]\nwide_pooling = acme_pooling\n")

    def run(model):
        command = [sys.executable, "-c", ASK, str(write(model, tmp_path / "model.onnx"))]
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_package_brings_a_hint_of_its_own(ask):
    (hint,) = ask(_pooled(13))
    assert (hint["code"], hint["severity"]) == ("wide_pooling", "slow")
    assert hint["seen"] == '1 MaxPool node ("a pool")'
    assert ask(_pooled(5)) == []
