from __future__ import annotations

from types import SimpleNamespace

from lineside.capture.camera import Attached
from lineside.capture.finding import find, host_settings
from lineside.core.errors import NotInstalledError


def kind(attached):
    return lambda _name: SimpleNamespace(SCHEMES=("mine",), attached=attached)


def raising(error):
    def attached():
        raise error

    return attached


def test_what_a_kind_finds_is_its_answer():
    camera = Attached("mine:7", "mine", "Maker Model", "7")
    assert find("mine", kind(lambda: [camera])).cameras == (camera,)


def test_a_package_that_is_missing_is_named_with_the_line_that_installs_it():
    lack = NotInstalledError("mine needs the package x: pip install 'lineside[mine]'")
    found = find("mine", kind(raising(lack)))
    assert (found.schemes, found.cameras, found.fault) == (("mine",), (), "")
    assert "pip install 'lineside[mine]'" in found.lack


def test_a_driver_that_fails_while_it_looks_does_not_hide_the_other_kinds():
    found = find("mine", kind(raising(OSError("no such bus"))))
    assert "no such bus" in found.fault
    assert found.lack == ""


def test_a_kind_that_is_named_by_address_is_not_looked_for():
    found = find("rtsp")
    assert (found.can_look, found.cameras) == (False, ())
    assert "rtsp" in found.schemes


def test_a_host_whose_buffers_are_small_is_told_what_to_change(tmp_path):
    rmem, usbfs, links = tmp_path / "rmem", tmp_path / "usbfs", tmp_path / "net"
    rmem.write_text("212992\n")
    usbfs.write_text("16\n")
    (links / "eth0" / "device").mkdir(parents=True)
    (links / "eth0" / "mtu").write_text("1500\n")
    (links / "lo").mkdir()
    (links / "lo" / "mtu").write_text("65536\n")
    found = {each.name: each.hint for each in host_settings(rmem, usbfs, links)}
    assert set(found) == {"net.core.rmem_max", "usbfs_memory_mb", "packet size of eth0"}
    assert "sysctl" in found["net.core.rmem_max"]
    assert "echo 1000" in found["usbfs_memory_mb"]
    assert "mtu 9000" in found["packet size of eth0"]


def test_a_host_that_is_tuned_or_has_no_such_settings_is_left_alone(tmp_path):
    rmem = tmp_path / "rmem"
    rmem.write_text("8388608\n")
    found = list(host_settings(rmem, tmp_path / "none", tmp_path / "none"))
    assert [(each.name, each.hint) for each in found] == [("net.core.rmem_max", "")]
