from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from zoo import find_zoo

if TYPE_CHECKING:
    from pathlib import Path

# A property is right or wrong; how long it takes depends on what else the machine is doing.
settings.register_profile("lineside", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lineside")


@pytest.fixture(scope="session")
def zoo() -> Path:
    """The folder of models, pictures and truth that others made."""
    folder = find_zoo()
    if folder is None:
        pytest.skip("LINESIDE_ZOO names no folder of models and pictures that others made")
    return folder
