"""Devices of the providers that neither CUDA nor ROCm counts, found on made machines."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lineside.engine import plugged
from lineside.engine.providers import cann, coreml, directml
from lineside.engine.providers.qnn import PROVIDER as QNN


def listed(kind, metadata=(), **more):
    hardware = SimpleNamespace(
        type=f"OrtHardwareDeviceType.{kind}",
        vendor="Acme",
        vendor_id=0x17CB,
        device_id=7,
        metadata=dict(metadata),
    )
    return SimpleNamespace(ep_name=more.get("ep_name", "X"), ep_metadata={"version": "2.7"}, device=hardware)


def test_a_listed_device_is_told_with_its_name_memory_and_place():
    told = {"Description": "Acme Turbo", "DxgiVideoMemory": "8010 MB", "pci_bus_id": "0000:0B:00.0"}
    device = plugged.described("directml", 1, listed("GPU", told))
    assert (device.index, device.name, device.memory_bytes) == ("1", "Acme Turbo", 8010 << 20)
    assert (device.physical, device.driver) == ("pci:0000:0b:00.0", "2.7")


@pytest.mark.parametrize(
    ("kind", "metadata", "physical"),
    [("CPU", {}, "cpu"), ("NPU", {}, "npu:17cb:0007"), ("GPU", {"LUID": "91742"}, "luid:91742")],
)
def test_a_device_without_a_bus_has_another_place(kind, metadata, physical):
    device = plugged.described("qnn", 0, listed(kind, metadata))
    assert device.physical == physical
    assert device.name == f"Acme {kind}"
    assert device.memory_bytes is None


def test_a_plug_in_whose_package_is_not_installed_has_no_device():
    assert plugged.find_devices(QNN) == ()


def test_huaweis_npus_are_counted_by_their_device_files(tmp_path):
    dev, bus = tmp_path / "dev", tmp_path / "bus"
    for name in ("davinci0", "davinci10", "davinci2", "davinci_manager", "null"):
        (dev / name).parent.mkdir(exist_ok=True)
        (dev / name).touch()
    for place, vendor, kind in (
        ("0000:c1:00.0", "0x19e5", "0x120000"),
        ("0000:02:00.0", "0x19e5", "0x020000"),
    ):
        (bus / place).mkdir(parents=True)
        (bus / place / "vendor").write_text(f"{vendor}\n")
        (bus / place / "class").write_text(f"{kind}\n")
    found = cann._find_devices(dev=dev, bus=bus)
    assert [(one.index, one.physical) for one in found] == [
        ("0", "davinci:0"),
        ("2", "davinci:2"),
        ("10", "davinci:10"),
    ]
    (dev / "davinci2").unlink()
    (dev / "davinci10").unlink()
    assert [one.physical for one in cann._find_devices(dev=dev, bus=bus)] == ["pci:0000:c1:00.0"]


def test_core_ml_is_the_mac_itself_and_nothing_elsewhere():
    (only,) = coreml._find_devices("darwin")
    assert (only.index, only.physical) == ("0", "apple")
    assert coreml._find_devices("linux") == ()


def test_directml_counts_as_dxgi_does_and_takes_its_own_entries_alone():
    entries = [
        listed("CPU", ep_name="CPUExecutionProvider"),
        listed("GPU", {"DxgiAdapterNumber": "1", "Description": "Second"}, ep_name="DmlExecutionProvider"),
        listed("GPU", {"DxgiAdapterNumber": "0", "Description": "First"}, ep_name="DmlExecutionProvider"),
    ]
    assert [(one.index, one.name) for one in directml._listed(entries)] == [("1", "Second"), ("0", "First")]
    assert directml._find_devices("linux") == ()
    assert directml._find_devices("win32") == ()
