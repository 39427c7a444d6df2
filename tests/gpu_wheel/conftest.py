"""Tests with the real wheel `onnxruntime-gpu`, in an environment of its own: make test-gpu-loader, make test-gpu-wheel.

Everywhere else they are not collected.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gpu_box import HAS_LIBRARIES, HAS_WHEEL, run

HERE = Path(__file__).parent


collect_ignore_glob = [] if HAS_WHEEL else ["*"]
if not HAS_LIBRARIES or shutil.which("gcc") is None:
    collect_ignore_glob += ["test_driver_faults.py", "test_option_parser.py"]


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A folder with the stand-ins for the driver and for TensorRT."""
    folder = tmp_path_factory.mktemp("stand-ins")
    for source, name in (
        ("cuda_driver.c", "libcuda.so.1"),
        ("tensorrt.c", "libnvinfer.so.10"),
        ("tensorrt.c", "libnvonnxparser.so.10"),
    ):
        words = [
            "gcc",
            "-w",
            "-shared",
            "-fPIC",
            f"-Wl,-soname,{name}",
            "-o",
            str(folder / name),
            str(HERE / source),
        ]
        subprocess.run(words, check=True)
    return folder


@pytest.fixture(scope="session")
def ask(built):
    """Asks the runtime: a provider, and several options; the texts that it answers, in order."""

    def asked(provider: str, options: list[dict[str, str]], **environment: str) -> list[str]:
        path = f"{built}{os.pathsep}{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(os.pathsep)
        done = run(str(HERE / "ask.py"), provider, json.dumps(options), LD_LIBRARY_PATH=path, **environment)
        assert done.returncode == 0, done.stderr
        answers: list[str] = json.loads(done.stdout.splitlines()[-1])
        return answers

    return asked
