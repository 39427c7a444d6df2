from __future__ import annotations

from pathlib import Path

import pytest

from zoo import find_zoo


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of models, pictures and truth that others made."""
    folder = find_zoo()
    if folder is None:
        pytest.skip("LINESIDE_ZOO names no folder of models and pictures that others made")
    return folder
