"""Devices that only some machines have. A test that needs one skips with the reason, or fails where it was promised.

`LINESIDE_EXPECT=openvino,webgpu` promises both, so that continuous integration cannot pass them over in silence.
"""

from __future__ import annotations

import os

import pytest

from lineside.core.errors import LinesideError
from lineside.engine.provider import provider


def require(name, index=None):
    """The devices of a provider; skips, or fails where the environment promises them."""
    try:
        found = provider(name).find_devices()
        reason = f"{name}: {f'no device {index}' if found else 'no device'} on this machine"
    except LinesideError as fault:
        found, reason = (), str(fault)
    devices = [device for device in found if index in {None, device.index}]
    if not devices:
        if name in os.environ.get("LINESIDE_EXPECT", "").split(","):
            pytest.fail(f"LINESIDE_EXPECT promises {name}, but {reason}")
        pytest.skip(reason)
    return devices
