"""The worked example of docs/how-to/nms-kind.md does what the page says, as another package would bring it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "nms-kind.md"
ASK = """
import json, sys
import numpy as np
from lineside.core.errors import LinesideError
from lineside.postprocess.candidates import Candidates
from lineside.postprocess.nms import Suppression, open_nms
boxes, classes = np.array(json.loads(sys.argv[2]), np.float32), np.array(json.loads(sys.argv[3]), np.int32)
confidence = np.linspace(0.9, 0.5, len(boxes), dtype=np.float32)
found = Candidates(boxes, confidence, classes, rows=np.arange(len(boxes)))
try:
    left = open_nms(sys.argv[1])(found, Suppression(0.45, class_aware=True, limit=10))
except LinesideError as refusal:
    print(json.dumps([type(refusal).__name__, str(refusal)]))
else:
    print(json.dumps(left.rows.tolist()))
"""
LONG, PIECE, BESIDE = [0, 0, 100, 10], [60, 1, 90, 9], [95, 0, 140, 10]


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a process with the example installed as pip would leave it."""
    folder = tmp_path_factory.mktemp("acme")
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "acme_inside.py").write_text(code[1], encoding="utf-8")
    facts = folder / "acme_nms-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-nms\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[lineside.postprocess.kinds]\ninside = acme_inside\n")

    def run(kind, classes=(0, 0, 0)):
        command = [sys.executable, "-c", ASK, kind, json.dumps([LONG, PIECE, BESIDE]), json.dumps(classes)]
        environment = os.environ | {"PYTHONPATH": str(folder)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_piece_inside_goes_where_iou_leaves_it(ask):
    assert ask("iou") == [0, 1, 2]
    assert ask("inside") == [0, 2]
    assert ask("inside?share=0.1") == [0]
    assert ask("inside", classes=(0, 1, 0)) == [0, 1, 2]


def test_wrong_settings_and_boxes_are_refused(ask):
    assert ask("inside?share=2") == [
        "SettingsError",
        "nms: inside: share: expected a number above 0 and at most 1; got 2",
    ]
    name, text = ask("inside?part=0.5")
    assert (name, "share" in text) == ("UnknownNameError", True)
    name, text = ask("insde")
    assert (name, '"inside"' in text) == ("UnknownNameError", True)
