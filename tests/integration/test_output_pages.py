"""The code on the pages of outputs does what the pages say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lineside.core.errors import OutputError, SettingsError
from lineside.outputs.trace.segments import segment_files
from lineside.outputs.trace.settings import TraceSettings
from lineside.outputs.trace.writer import TraceWriter
from parcels import inspection, parcel

DOCS = Path(__file__).parents[2] / "docs"


def block(page, beginning):
    """The block of Python of a page that begins so."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return next(code for code in blocks if code.startswith(beginning))


def test_a_trace_is_verified_by_hand_as_the_page_says(tmp_path):
    with TraceWriter(
        tmp_path / "trace", {"line": "caps", "run": "r1"}, settings=TraceSettings(min_free_bytes=0)
    ) as trace:
        for part in range(5):
            trace.append(inspection(part))
    command = [sys.executable, "-c", block("trace.md", "import hashlib")]

    def run():
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ, check=False, capture_output=True, text=True
        )

    assert run().returncode == 0
    (segment,) = segment_files(tmp_path / "trace")
    segment.write_bytes(segment.read_bytes().replace(b'"part":3', b'"part":4', 1))
    done = run()
    assert done.returncode == 1
    assert "AssertionError" in done.stderr


def test_the_worked_example_of_a_sink_works(tmp_path):
    module = ModuleType("board")
    exec(block("how-to/sink-kind.md", '"""`board`'), module.__dict__)  # the page's own code
    module.Settings.model_rebuild(_types_namespace=module.__dict__)
    sink = module.make({"path": str(tmp_path / "board.txt")})
    sink.emit(parcel(tmp_path, 3))
    assert (tmp_path / "board.txt").read_text() == "3 FAIL\n"
    with pytest.raises(SettingsError, match="board: pth"):
        module.make({"pth": "x"})
    with pytest.raises(OutputError):
        module.make({"path": str(tmp_path / "no" / "x")}).emit(parcel(tmp_path, 3))
