from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from zoo import find_zoo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of models, pictures and truth that others made."""
    folder = find_zoo()
    if folder is None:
        pytest.skip("LINESIDE_ZOO names no folder of models and pictures that others made")
    return folder
