"""NVIDIA's driver, asked through a stand-in for its library."""

from __future__ import annotations

import pytest

from lineside.core.errors import DriverError
from lineside.engine import nvidia


class Cards:
    """A driver's library with the given cards: (name, bytes, PCI address)."""

    def __init__(self, *cards, answer=0, version=13000):
        self.cards, self.answer, self.version = cards, answer, version

    def cuInit(self, flags):  # noqa: N802 # the driver's spelling
        return self.answer

    def cuDriverGetVersion(self, number):  # noqa: N802 # the driver's spelling
        number._obj.value = self.version
        return 0

    def cuDeviceGetCount(self, number):  # noqa: N802 # the driver's spelling
        number._obj.value = len(self.cards)
        return self.answer

    def cuDeviceGetName(self, text, length, index):  # noqa: N802 # the driver's spelling
        text.value = self.cards[index][0]
        return 0

    def cuDeviceTotalMem_v2(self, number, index):  # noqa: N802 # the driver's spelling
        number._obj.value = self.cards[index][1]
        return 0

    def cuDeviceGetPCIBusId(self, text, length, index):  # noqa: N802 # the driver's spelling
        text.value = self.cards[index][2]
        return 0 if self.cards[index][2] else 1


TWO = Cards((b"NVIDIA L4", 23 << 30, b"0000:81:00.0"), (b"NVIDIA RTX A2000", 6 << 30, b"0000:0B:00.0"))


def test_cards_are_told_in_cudas_order_with_name_memory_and_place(tmp_path):
    version = tmp_path / "version"
    version.write_text("580.65.06\n")
    first, second = nvidia.find_devices("cuda", TWO, version=version)
    assert (first.index, first.name, first.memory_bytes) == ("0", "NVIDIA L4", 23 << 30)
    assert (second.index, second.physical) == ("1", "pci:0000:0b:00.0")
    assert first.driver == "580.65.06 (CUDA 13.0)"


def test_a_card_is_the_same_physical_device_for_cuda_and_tensorrt(tmp_path):
    places = [[one.physical for one in nvidia.find_devices(name, TWO)] for name in ("cuda", "tensorrt")]
    assert places[0] == places[1]
    assert len(set(places[0])) == 2


def test_without_a_drivers_version_cudas_own_is_told(tmp_path):
    (only,) = nvidia.find_devices("cuda", Cards((b"X", 1, b"")), version=tmp_path / "none")
    assert only.driver == "CUDA 13.0"
    assert only.physical == "cuda:0"


@pytest.mark.parametrize("answer", [35, 100, 803, 999])
def test_a_driver_that_fails_has_no_devices_and_says_why(answer):
    broken = Cards((b"X", 1, b""), answer=answer)
    assert nvidia.find_devices("cuda", broken) == ()
    assert nvidia.driver(broken).fault.startswith(f"NVIDIA's driver answers {answer}: ")


def test_a_sound_driver_has_no_fault_and_tells_its_cuda():
    assert nvidia.driver(TWO).fault == ""
    assert nvidia.driver(Cards(version=12080)).cuda == "12.8"
    assert nvidia.driver(Cards(version=0)).cuda == ""


def test_a_driver_that_is_not_installed_is_told_in_the_loaders_words():
    with pytest.raises(DriverError, match=r"libnowhere\.so"):
        nvidia.library("libnowhere.so.1")


@pytest.mark.parametrize(
    ("version", "needed", "is_too_old"),
    [
        (12080, "13.0", True),
        (13000, "13.0", False),
        (13020, "12.8", False),
        (0, "13.0", False),
        (12080, "", False),
    ],
)
def test_a_driver_of_an_older_cuda_than_the_wheels_is_too_old(version, needed, is_too_old):
    assert nvidia.driver(Cards(version=version)).is_too_old(needed) is is_too_old
