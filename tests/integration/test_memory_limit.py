"""A session within a limit of memory stays within it, however long it runs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from lineside.core.geometry import Size
from lineside.testing.graphs import colour_spots

_FRAMES = 10_000
_ROOM_BYTES = 32 << 20
_GROWTH_BYTES = 8 << 20

_CHILD = textwrap.dedent(
    """
    import re, resource, sys
    from pathlib import Path
    import numpy as np
    from lineside import Detector

    def bytes_of(name):
        return int(re.search(name + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) << 10

    path, cache, devices, frames, room = sys.argv[1:]
    detector = Detector(path, devices=devices, cache=cache)
    settings = detector.thresholds()
    pictures = [np.full((180 + 4 * n, 240, 3), 30 * n, np.uint8) for n in range(6)]
    for n in range(300):
        detector.timed(pictures[n % 6], settings)
    before = bytes_of("VmRSS")
    limit = bytes_of("VmSize") + int(room)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for n in range(int(frames)):
        detector.timed(pictures[n % 6], settings)
    print(detector.truth.got, bytes_of("VmRSS") - before)
    """
)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and /proc are Linux's")
@pytest.mark.parametrize("devices", ["cpu", "openvino:CPU"])
def test_ten_thousand_frames_fit_into_what_the_first_hundreds_took(devices, tmp_path):
    path = tmp_path / "spots.onnx"
    path.write_bytes(colour_spots(Size(height=96, width=128)).SerializeToString())
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _CHILD,
            str(path),
            str(tmp_path / "cache"),
            devices,
            str(_FRAMES),
            str(_ROOM_BYTES),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    got, grown = done.stdout.split()
    assert got == devices
    assert int(grown) < _GROWTH_BYTES
