from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.engine.wheels import find_wheels, precedes


def install(folder: Path, name: str, version: str, *files: str) -> None:
    """What pip leaves of a distribution: its files, and a folder of metadata that lists them."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))


def runtime(folder: Path, name: str, version: str) -> None:
    install(
        folder, name, version, "onnxruntime/__init__.py", "onnxruntime/capi/onnxruntime_pybind11_state.so"
    )


def test_the_one_wheel_of_an_environment_is_named_and_nothing_is_wrong(tmp_path):
    runtime(tmp_path, "onnxruntime-gpu", "1.31.1")
    install(tmp_path, "numpy", "2.0.0", "numpy/__init__.py")
    found = find_wheels([str(tmp_path)])
    assert [str(wheel) for wheel in found.runtimes] == ["onnxruntime-gpu 1.31.1"]
    assert (found.conflict, found.too_old, found.shadowed) == ("", (), ())


def test_two_wheels_of_the_same_files_are_told_with_the_line_that_removes_both(tmp_path):
    runtime(tmp_path, "onnxruntime", "1.32.0")
    runtime(tmp_path, "onnxruntime-gpu", "1.31.1")
    found = find_wheels([str(tmp_path)])
    assert "onnxruntime 1.32.0 and onnxruntime-gpu 1.31.1 are installed together" in found.conflict
    assert found.removal() == "pip uninstall -y onnxruntime onnxruntime-gpu"


def test_a_wheel_of_an_unknown_name_is_found_by_what_it_owns(tmp_path):
    runtime(tmp_path, "onnxruntime", "1.32.0")
    runtime(tmp_path, "somebodys-runtime", "0.1")
    assert "somebodys-runtime 0.1" in find_wheels([str(tmp_path)]).conflict


def test_the_shell_that_a_removal_leaves_is_told_as_empty(tmp_path):
    runtime(tmp_path, "onnxruntime-openvino", "1.24.1")
    (tmp_path / "onnxruntime" / "__init__.py").unlink()
    found = find_wheels([str(tmp_path)])
    assert found.is_empty
    assert (
        "holds nothing, as when one of two wheels was removed; onnxruntime-openvino 1.24.1 is still listed as installed"
        in found.conflict
    )
    assert found.removal() == "pip uninstall -y onnxruntime-openvino"


def test_a_wheel_whose_folder_is_gone_altogether_is_told(tmp_path):
    runtime(tmp_path, "onnxruntime", "1.32.0")
    for file in sorted((tmp_path / "onnxruntime").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (tmp_path / "onnxruntime").rmdir()
    assert find_wheels([str(tmp_path)]).is_empty


def test_a_wheel_further_back_on_the_path_is_no_conflict_and_is_told_apart(tmp_path):
    runtime(tmp_path / "user", "onnxruntime-gpu", "1.31.1")
    runtime(tmp_path / "system", "onnxruntime", "1.24.1")
    found = find_wheels([str(tmp_path / "user"), str(tmp_path / "system")])
    assert [wheel.name for wheel in found.runtimes] == ["onnxruntime-gpu"]
    assert [wheel.name for wheel in found.shadowed] == ["onnxruntime"]
    assert found.conflict == ""


def test_a_shell_does_not_hide_a_package_behind_it(tmp_path):
    (tmp_path / "user" / "onnxruntime").mkdir(parents=True)
    runtime(tmp_path / "system", "onnxruntime", "1.32.0")
    found = find_wheels([str(tmp_path / "user"), str(tmp_path / "system")])
    assert not found.is_empty
    assert found.place == tmp_path / "system"


def test_no_wheel_at_all_is_no_conflict(tmp_path):
    found = find_wheels([str(tmp_path), str(tmp_path / "nowhere")])
    assert (found.runtimes, found.conflict, found.place) == ((), "", None)


@pytest.mark.parametrize(
    ("version", "old"), [("1.31.1", False), ("1.32.0", False), ("1.30.0", True), ("1.4", True)]
)
def test_a_version_that_holds_the_gil_is_too_old(tmp_path, version, old):
    runtime(tmp_path, "onnxruntime", version)
    assert bool(find_wheels([str(tmp_path)]).too_old) is old


def test_a_plugin_library_that_the_runtime_is_too_old_for_is_told_with_what_it_needs(tmp_path):
    runtime(tmp_path, "onnxruntime", "1.22.0")
    install(tmp_path, "onnxruntime-ep-webgpu", "0.4.0", "onnxruntime_ep_webgpu/__init__.py")
    found = find_wheels([str(tmp_path)])
    assert [(plugin.name, need) for plugin, need in found.misfits] == [("onnxruntime-ep-webgpu", "1.24.4")]
    assert found.conflict == ""


def test_versions_are_compared_by_number():
    assert precedes("1.9.0", "1.10.0")
    assert precedes("1.31.1rc1", "1.32")
    assert not precedes("1.31.1", "1.31.1")
    assert not precedes("1.32", "1.32.0")


def test_a_folder_of_the_path_that_cannot_be_looked_at_is_passed_over(tmp_path):
    runtime(tmp_path, "onnxruntime", "1.32.0")
    found = find_wheels(["x" * 5000, str(tmp_path)])
    assert [wheel.name for wheel in found.runtimes] == ["onnxruntime"]


@given(st.binary(max_size=200), st.text(st.characters(exclude_characters="/\0", codec="utf-8"), max_size=20))
def test_whatever_the_metadata_says_nothing_is_raised(record, version):
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "onnxruntime").mkdir()
        metadata = place / f"onnxruntime-{version}.dist-info"
        metadata.mkdir()
        (metadata / "RECORD").write_bytes(b"onnxruntime/__init__.py,," + record)
        found = find_wheels([folder])
        assert found.is_empty
        assert isinstance(found.too_old, tuple)
