"""Two real wheels of onnxruntime in one environment, installed and removed by pip, as it happens to people.

It downloads about 50 MB, so it runs only where that is allowed: `LINESIDE_DOWNLOADS=1 make test`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv

import pytest

from environments import without_onnxruntime

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("LINESIDE_DOWNLOADS") != "1", reason="LINESIDE_DOWNLOADS=1 allows downloads"
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="the second wheel exists for Linux alone"),
]


@pytest.fixture(scope="module")
def two_wheels(tmp_path_factory):
    """A virtual environment with two wheels, its interpreter, and a function that runs it."""
    folder = tmp_path_factory.mktemp("two")
    venv.create(folder / "venv", with_pip=False)
    variables = without_onnxruntime(folder)

    def run(*arguments: str, own: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(folder / "venv" / "bin" / "python") if own else sys.executable, *arguments]
        return subprocess.run(
            command, env=variables if own else None, cwd=folder, capture_output=True, text=True, check=False
        )

    def pip(*arguments: str) -> None:
        done = run("-m", "pip", "--python", str(folder / "venv"), *arguments, own=False)
        assert done.returncode == 0, done.stderr

    run.pip = pip
    pip("install", "--quiet", "--no-deps", "onnxruntime==1.32.0")
    pip("install", "--quiet", "--no-deps", "onnxruntime-migraphx==1.27.1")
    return run


def test_two_real_wheels_conflict_and_removing_one_leaves_a_shell_that_the_lines_mend(two_wheels):
    told = two_wheels("-m", "lineside.cli.app", "devices", "--json")
    document = json.loads(told.stdout)
    assert told.returncode == 3
    assert {wheel["name"] for wheel in document["runtime"]["wheels"]} == {
        "onnxruntime",
        "onnxruntime-migraphx",
    }
    assert "installed together" in document["runtime"]["conflict"]

    two_wheels.pip("uninstall", "--quiet", "-y", "onnxruntime-migraphx")
    imported = two_wheels("-c", "import onnxruntime; print(hasattr(onnxruntime, 'InferenceSession'))")
    assert imported.stdout.strip() == "False"
    told = two_wheels("-m", "lineside.cli.app", "devices", "--json")
    document = json.loads(told.stdout)
    assert told.returncode == 3
    assert "onnxruntime is damaged" in document["runtime"]["conflict"]
    assert "onnxruntime 1.32.0 is still listed as installed" in document["runtime"]["conflict"]
    mending = document["warnings"][0]["line"].splitlines()
    assert mending == ["pip uninstall -y onnxruntime", "pip install 'lineside[cpu]'"]

    two_wheels.pip("uninstall", "--quiet", "-y", "onnxruntime")
    two_wheels.pip("install", "--quiet", "--no-deps", "onnxruntime==1.32.0")
    told = two_wheels("-m", "lineside.cli.app", "devices", "--json", "--no-measure")
    assert told.returncode == 0, told.stdout
    assert json.loads(told.stdout)["runtime"]["conflict"] == ""
