from __future__ import annotations

import sys

import pytest

import machines
from lineside.engine.hardware import find_hardware
from lineside.engine.hardware.other_systems import mac, windows

SAYS = {"machdep.cpu.brand_string": "Apple M3", "hw.physicalcpu": "8", "hw.memsize": str(16 << 30)}


def test_a_mac_with_apples_chip_has_its_gpu_and_its_neural_engine(tmp_path):
    here = machines.places(tmp_path, system="darwin", machine="arm64")
    processor, memory, cards = mac(here, ask=SAYS.get)
    assert (processor.maker, processor.model, processor.cores, processor.usable) == (
        "Apple",
        "Apple M3",
        8,
        8,
    )
    assert memory.total_bytes == 16 << 30
    assert [card.word for card in cards] == ["gpu:apple", "npu:apple"]


def test_a_mac_that_does_not_answer_is_said_to_have_what_is_known(tmp_path):
    here = machines.places(tmp_path, system="darwin", machine="x86_64")
    processor, memory, cards = mac(here, ask=lambda _: "")
    assert (processor.cores, memory.total_bytes, cards) == (None, None, ())


def test_windows_names_the_cards_that_its_drivers_drive(tmp_path):
    def registry(group):
        if not group.startswith("{4d36e968"):
            return ()
        return (
            {
                "MatchingDeviceId": r"pci\ven_10de&dev_2684",
                "DriverDesc": "NVIDIA GeForce RTX 4090",
                "DriverVersion": "32.0.15.8088",
                "HardwareInformation.qwMemorySize": 24 << 30,
            },
            {"MatchingDeviceId": r"root\basicdisplay", "DriverDesc": "Microsoft Basic Display Adapter"},
        )

    _, _, cards = windows(machines.places(tmp_path, system="win32", machine="AMD64"), registry)
    (card,) = cards
    assert (card.word, card.name, card.memory_bytes) == ("gpu:nvidia", "NVIDIA GeForce RTX 4090", 24 << 30)
    # Windows' own numbering; the maker's is in its last five digits.
    assert card.driver_version == "580.88"


@pytest.mark.skipif(sys.platform == "win32", reason="asks this very system")
def test_this_very_machine_is_examined_without_a_fault():
    found = find_hardware()
    assert found.processor.usable >= 1
    assert found.system == sys.platform
