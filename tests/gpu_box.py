"""What the tests with the real wheel `onnxruntime-gpu` share."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version


def has(distribution: str) -> bool:
    """Whether a distribution is installed."""
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


HAS_WHEEL = has("onnxruntime-gpu")

HAS_LIBRARIES = has("nvidia-cublas")
"""Whether the CUDA libraries came with the wheel; they are 2.4 GB."""


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the words, and with these variables in its environment."""
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=os.environ | environment,
    )
