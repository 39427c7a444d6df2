"""The worked example of docs/how-to/provider.md does what the page says, as another package would bring it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "provider.md"
ASK = """
import json, sys
from lineside.core.errors import LinesideError
from lineside.core.placement import Placement
from lineside.engine.rungs import rungs
from lineside.engine.provider import provider
acme = provider("acme")
try:
    (rung,) = rungs((Placement.parse(sys.argv[1]),), None)
    told = [dict(rung.options), acme.precision_of(rung.options), len(acme.find_devices())]
except LinesideError as refusal:
    told = [type(refusal).__name__, str(refusal)]
print(json.dumps([told, [acme.classify(text).name for text in sys.argv[2:]]]))
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a process with the example installed as pip would leave it."""
    folder = tmp_path_factory.mktemp("acme")
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "acme_npu.py").write_text(code[1], encoding="utf-8")
    facts = folder / "acme_npu-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-npu\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[lineside.engine.providers]\nacme = acme_npu\n")

    def asked(placement, *texts):
        path = os.pathsep.join((str(folder), *filter(None, sys.path)))
        done = subprocess.run(
            [sys.executable, "-c", ASK, placement, *texts],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        return json.loads(done.stdout)

    return asked


def test_its_options_are_checked_and_what_lineside_sets_is_added(ask):
    (options, precision, devices), _ = ask("acme:0?half=on&tile_limit=2MiB")
    assert options == {"power": "high", "half": "1", "tile_limit": "2097152"}
    assert precision == "float16"
    assert devices == 0


def test_a_misspelt_option_is_refused_as_the_page_says(ask):
    (kind, message), _ = ask("acme:0?powr=high")
    assert kind == "UnknownNameError"
    assert 'did you mean "power"?' in message


def test_its_faults_are_understood(ask):
    _, kinds = ask("acme", "ACME-17: gone", "error ACME-4", "acmenpu.ko is not loaded", "ACME-42")
    assert kinds == ["LOST", "OUT_OF_MEMORY", "DRIVER", "DEVICE"]
