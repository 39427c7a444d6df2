"""Why a provider's library cannot be loaded, in the loader's own words."""

from __future__ import annotations

import sys

import pytest

from lineside.engine import loading
from lineside.engine.provider import provider

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the names and words are those of Linux")


@pytest.fixture
def wheel(tmp_path):
    """A folder with libraries that are none."""
    for name in ("shared", "cuda", "migraphx"):
        (tmp_path / f"libonnxruntime_providers_{name}.so").write_text("no library")
    return tmp_path


def test_the_loaders_reason_is_told_with_the_librarys_name(wheel):
    told = loading.reason(provider("migraphx"), folder=wheel)
    assert told.startswith("libonnxruntime_providers_migraphx.so cannot be loaded: ")
    assert "file too short" in told or "invalid ELF header" in told


def test_a_wheel_without_the_library_is_named_with_the_line_that_installs_another(wheel):
    told = loading.reason(provider("tensorrt"), folder=wheel)
    assert "does not hold it" in told
    assert "pip install 'lineside[tensorrt]'" in told


def test_a_provider_without_a_library_of_its_own_has_no_reason(wheel):
    assert loading.reason(provider("cpu"), folder=wheel) == ""


def test_a_plug_in_on_cuda_is_told_what_the_driver_says(wheel):
    told = loading.reason(provider("tensorrt_rtx"), folder=wheel, driver="libnowhere.so.1")
    assert told.startswith("NVIDIA's driver is not installed (libnowhere.so.1")


def test_the_installed_wheels_folder_is_found_without_importing_it():
    folder = loading.wheel_folder()
    assert folder is not None
    assert any(folder.glob("onnxruntime_pybind11_state*"))


def test_the_cuda_that_a_wheel_was_built_for_is_read_from_its_notes(tmp_path):
    assert loading.built_for(tmp_path) == ""
    (tmp_path / "build_and_package_info.py").write_text(
        "package_name = 'onnxruntime-gpu'\ncuda_version = '13.0'\n"
    )
    assert loading.built_for(tmp_path) == "13.0"
