"""The folder as a registry: unknown, not installed and broken are three different things."""

from __future__ import annotations

import sys
from textwrap import dedent
from uuid import uuid4

import pytest

from lineside.core import plugins
from lineside.core.errors import NotInstalledError, PluginError


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A package of plug-ins on the path, with a name that no other test has: its dotted name and its folder."""
    name = f"room_{uuid4().hex}"
    folder = tmp_path / name / "kinds"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return f"{name}.kinds", folder


def write(folder, name, text):
    (folder / f"{name}.py").write_text(dedent(text))


def write_entry_point(path, group, name, value):
    """What an installed distribution leaves behind that names an entry point."""
    info = path / "acme_plugin-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")


def test_the_files_are_the_names_and_listing_imports_none(room):
    package, folder = room
    for name in ("tcp", "serial", "_private"):
        write(folder, name, "raise RuntimeError('imported by listing')")
    assert plugins.names(package) == ("serial", "tcp")
    assert f"{package}.tcp" not in sys.modules


def test_loading_imports_one_file(room):
    package, folder = room
    write(folder, "tcp", "ANSWER = 42")
    write(folder, "serial", "raise RuntimeError('imported by its neighbour')")
    assert plugins.load(package, "tcp").ANSWER == 42


def test_an_unknown_name_is_told_with_the_near_ones(room):
    package, folder = room
    write(folder, "serial", "")
    with pytest.raises(
        PluginError, match='no plug-in "serail" among the kinds; did you mean "serial"'
    ) as refusal:
        plugins.load(package, "serail")
    assert not isinstance(refusal.value, NotInstalledError)
    assert refusal.value.code == "plugin.unknown"


@pytest.mark.parametrize("name", ["", ".", "..", "_private", "__init__", "tcp.inner", "os", "../tcp"])
def test_only_listed_names_are_loaded(room, name):
    package, folder = room
    write(folder, "_private", "")
    write(folder, "tcp", "")
    with pytest.raises(PluginError):
        plugins.load(package, name)


def test_a_missing_package_is_not_an_unknown_plug_in(room):
    package, folder = room
    write(folder, "plc", "import a_library_that_nobody_has")
    with pytest.raises(NotInstalledError, match="pip install a_library_that_nobody_has") as refusal:
        plugins.load(package, "plc")
    assert refusal.value.code == "plugin.not_installed"
    assert isinstance(refusal.value.__cause__, ModuleNotFoundError)


def test_a_missing_package_names_the_extra_that_brings_it(room):
    package, folder = room
    write(folder, "plc", "from a_library_that_nobody_has.deep import thing")
    with pytest.raises(NotInstalledError, match=r"pip install 'lineside\[plc\]'"):
        plugins.load(package, "plc", extra="plc")


@pytest.mark.parametrize(
    "line",
    [
        "import {package}.no_such_neighbour",
        "from {package} import no_such_name",
        "import json.no_such_module",
        "from json import no_such_name",
        "import numpy.no_such_module",
    ],
)
def test_a_typo_inside_a_plug_in_is_never_reported_as_not_installed(room, line):
    package, folder = room
    write(folder, "plc", line.format(package=package))
    with pytest.raises(ImportError) as fault:
        plugins.load(package, "plc")
    assert not isinstance(fault.value, PluginError)


def test_a_fault_inside_a_plug_in_keeps_its_own_type(room):
    package, folder = room
    write(folder, "plc", "1 / 0")
    with pytest.raises(ZeroDivisionError):
        plugins.load(package, "plc")


def test_an_entry_point_adds_a_plug_in_by_its_name(room, tmp_path):
    package, folder = room
    write(folder, "tcp", "ANSWER = 1")
    module = f"acme_{uuid4().hex}"
    (tmp_path / f"{module}.py").write_text("ANSWER = 2")
    write_entry_point(tmp_path, package, "ethernet", module)
    assert plugins.names(package) == ("tcp", "ethernet")
    assert module not in sys.modules
    assert plugins.load(package, "ethernet").ANSWER == 2


def test_an_own_file_goes_before_an_entry_point_of_its_name(room, tmp_path):
    package, folder = room
    write(folder, "tcp", "ANSWER = 1")
    write_entry_point(tmp_path, package, "tcp", "somewhere.else")
    assert plugins.names(package) == ("tcp",)
    assert plugins.load(package, "tcp").ANSWER == 1


def test_the_own_plug_ins_are_told_from_those_of_others(room, tmp_path):
    package, folder = room
    write(folder, "tcp", "ANSWER = 1")
    write_entry_point(tmp_path, package, "ethernet", "somewhere")
    assert plugins.own(package) == ("tcp",)
    assert plugins.distribution(package, "tcp") is None
    assert plugins.distribution(package, "ethernet") == "acme-plugin 1.0"
    assert plugins.distribution(package, "nobodys") is None


def test_what_an_entry_point_needs_can_be_missing_too(room, tmp_path):
    package, _ = room
    module = f"acme_{uuid4().hex}"
    (tmp_path / f"{module}.py").write_text("import a_library_that_nobody_has")
    write_entry_point(tmp_path, package, "ethernet", module)
    with pytest.raises(NotInstalledError, match="a_library_that_nobody_has"):
        plugins.load(package, "ethernet")


def test_the_families_are_listed_without_onnx_or_a_runtime():
    assert {"yolov5", "yolov8", "yolov10", "yolox"} <= set(plugins.names("lineside.models.families"))
