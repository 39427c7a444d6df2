"""Where the zoo is: models, pictures and truth that others made, which the repository does not hold.

Tests that need it use the fixture `zoo` and are skipped, with the reason, where there is none.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def find_zoo() -> Path | None:
    """The folder that `LINESIDE_ZOO` names, or `zoo` in a folder `shared` beside the checkout."""
    if named := os.environ.get("LINESIDE_ZOO"):
        return Path(named)
    beside = Path(__file__).resolve().parents[2] / "shared" / "zoo"
    return beside if beside.is_dir() else None


needs_zoo = pytest.mark.skipif(
    find_zoo() is None, reason="LINESIDE_ZOO names no folder of models and pictures that others made"
)
