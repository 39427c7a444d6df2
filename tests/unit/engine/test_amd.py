"""AMD's cards, found in folders that are made as the kernel makes them."""

from __future__ import annotations

import pytest

from lineside.engine import amd

CPU = {"simd_count": 0, "location_id": 0}
BIG = {
    "simd_count": 416,
    "location_id": 0x0500,
    "domain": 0,
    "gfx_target_version": 90010,
    "unique_id": 0xABCDEF,
}
SMALL = {"simd_count": 64, "location_id": 0x4308, "domain": 1, "gfx_target_version": 110000}


@pytest.fixture
def sys(tmp_path):
    """A machine with a CPU node and two cards; the tenth node shows that numbers are no words."""
    for number, facts, banks in ((0, CPU, ((0, 1 << 36),)), (2, BIG, ((1, 64 << 30),)), (10, SMALL, ())):
        node = tmp_path / "class/kfd/kfd/topology/nodes" / str(number)
        node.mkdir(parents=True)
        (node / "properties").write_text("".join(f"{name} {value}\n" for name, value in facts.items()))
        for bank, (kind, size) in enumerate(banks):
            (node / "mem_banks" / str(bank)).mkdir(parents=True)
            (node / "mem_banks" / str(bank) / "properties").write_text(
                f"heap_type {kind}\nsize_in_bytes {size}\n"
            )
    card = tmp_path / "bus/pci/devices/0001:43:01.0"
    card.mkdir(parents=True)
    (card / "product_name").write_text("AMD Radeon PRO W7900\n")
    (card / "mem_info_vram_total").write_text("48305799168\n")
    module = tmp_path / "module/amdgpu"
    module.mkdir(parents=True)
    (module / "version").write_text("6.14.14\n")
    return tmp_path


def found(sys, **environment):
    return amd.find_devices("migraphx", sys=sys, environment=environment)


def test_the_cards_are_told_in_the_order_of_the_kernels_nodes(sys):
    first, second = found(sys)
    assert (first.index, first.name, first.memory_bytes) == ("0", "AMD gfx90a", 64 << 30)
    assert (second.index, second.name, second.memory_bytes) == ("1", "AMD Radeon PRO W7900", 48305799168)
    assert [one.physical for one in (first, second)] == ["pci:0000:05:00.0", "pci:0001:43:01.0"]
    assert first.driver == "6.14.14"


def test_a_variable_that_hides_cards_numbers_them_anew(sys):
    (only,) = found(sys, HIP_VISIBLE_DEVICES="1")
    assert (only.index, only.physical) == ("0", "pci:0001:43:01.0")


def test_a_card_can_be_named_by_its_serial_number(sys):
    (only,) = found(sys, ROCR_VISIBLE_DEVICES="GPU-0000000000abcdef")
    assert only.physical == "pci:0000:05:00.0"


def test_the_variables_work_one_after_the_other_and_end_at_the_first_wrong_entry(sys):
    swapped = found(sys, ROCR_VISIBLE_DEVICES="1,0", HIP_VISIBLE_DEVICES="0,7,1")
    assert [one.physical for one in swapped] == ["pci:0001:43:01.0"]
    assert found(sys, HIP_VISIBLE_DEVICES="-1") == ()


def test_without_the_driver_there_is_no_card(tmp_path):
    assert found(tmp_path) == ()


def test_a_chip_without_a_name_or_number_is_still_told(tmp_path):
    node = tmp_path / "class/kfd/kfd/topology/nodes/1"
    node.mkdir(parents=True)
    (node / "properties").write_text("simd_count 8\nnonsense\n")
    (only,) = found(tmp_path)
    assert (only.name, only.memory_bytes) == ("AMD GPU", None)
