"""What is not installed is told with the way to get it, and warnings as errors break no binding."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from lineside.capture.camera import CameraSettings
from lineside.capture.cameras import gentl, gige
from lineside.capture.genicam.bindings import bound
from lineside.core.errors import NotInstalledError, SourceError


def test_a_package_that_is_missing_is_named_with_its_extra():
    with pytest.raises(
        NotInstalledError, match=r'needs the package "no_such_package": pip install \'lineside\[gentl\]\''
    ):
        bound("no_such_package.part", "gentl")


def test_a_library_of_the_system_that_is_missing_is_named_with_its_debian_package(tmp_path):
    settings = CameraSettings("top", "gige:1", features={"library": str(tmp_path / "none.so")})
    with pytest.raises(
        NotInstalledError, match=r"need the library Aravis 0\.8 .*apt-get install libaravis-0\.8-0"
    ):
        gige.open_camera(settings)


def test_a_library_that_is_another_is_not_taken_for_aravis():
    other = "libc.so.6"
    if not sys.platform.startswith("linux"):
        pytest.skip("the name of another library is Linux's")
    with pytest.raises(NotInstalledError, match="Aravis"):
        gige.open_camera(CameraSettings("top", "gige:1", features={"library": other}))


def test_without_announced_producers_no_camera_is_found(monkeypatch):
    monkeypatch.delenv(gentl.PATHS, raising=False)
    with pytest.raises(SourceError, match='camera top: there is no camera "4711"; no producer finds one'):
        gentl.open_camera(CameraSettings("top", "gentl:4711"))


@pytest.mark.parametrize("module", ["pypylon.pylon", "genicam.gentl"])
def test_a_binding_survives_warnings_as_errors(module):
    if find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    work = (
        "module.TlFactory.GetInstance().EnumerateDevices()"
        if "pylon" in module
        else "module.NotAvailableException"
    )
    code = f"from lineside.capture.genicam.bindings import bound; module = bound({module!r}, 'x'); {work}; print('well')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout.strip() == "well", done.stderr
