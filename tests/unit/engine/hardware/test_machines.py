from __future__ import annotations

import pytest

import machines
from lineside.engine.hardware import find_hardware, usable_cores

GIB = 1 << 30


def test_each_nvidia_card_is_named_by_its_driver_with_its_version(tmp_path):
    found = find_hardware(machines.two_nvidia_cards(tmp_path))
    able = [card for card in found.cards if card.kind == "gpu"]
    assert [(card.name, card.address, card.driver_version) for card in able] == [
        ("NVIDIA GeForce RTX 4090", "pci:0000:01:00.0", "580.95.05"),
        ("NVIDIA RTX A6000", "pci:0000:41:00.0", "580.95.05"),
    ]
    assert found.findings == ()
    assert found.unread == ()


def test_the_adapter_of_a_servers_screen_is_no_gpu(tmp_path):
    found = find_hardware(machines.two_nvidia_cards(tmp_path))
    assert [(card.kind, card.maker) for card in found.cards if card.kind != "gpu"] == [("display", "ASPEED")]
    assert found.words == {"cpu", "gpu", "gpu:nvidia"}


def test_the_instructions_that_matter_are_read_from_the_cpu(tmp_path):
    processor = find_hardware(machines.two_nvidia_cards(tmp_path)).processor
    assert (processor.maker, processor.model) == ("Intel", "Xeon Gold 6430")
    assert (processor.cores, processor.threads, processor.usable) == (4, 8, 8)
    assert processor.instructions == ("AVX2", "AVX512F", "VNNI", "AVX512 BF16", "AMX BF16", "AMX INT8")


def test_a_jetson_is_known_by_its_board_and_its_gpu_is_found_without_a_bus(tmp_path):
    found = find_hardware(machines.jetson(tmp_path))
    assert found.host == "NVIDIA Jetson Orin Nano Developer Kit"
    (gpu,) = found.cards
    assert (gpu.word, gpu.driver, gpu.driver_version, gpu.address) == (
        "gpu:nvidia",
        "nvgpu",
        "L4T R36.4.3",
        "",
    )
    assert (found.processor.maker, found.processor.model, found.processor.cores) == ("ARM", "Cortex-A78AE", 6)
    assert found.processor.instructions == ("NEON", "FP16", "dot product")


def test_an_amd_card_tells_its_memory_its_compilers_name_and_rocms_version(tmp_path):
    (card,) = find_hardware(machines.amd_without_rights(tmp_path)).cards
    assert card.name == "Navi 31 [Radeon RX 7900 XTX] (gfx1100)"
    assert (card.memory_bytes, card.driver_version) == (24 * GIB, "ROCm 7.2.1")


def test_a_user_without_rights_is_told_the_files_and_the_line_that_gives_them(tmp_path):
    (finding,) = find_hardware(machines.amd_without_rights(tmp_path)).findings
    assert "/dev/kfd, /dev/dri/renderD128" in finding.text
    assert finding.line == 'sudo usermod -aG render,video "$USER"'


def test_in_a_container_rights_are_given_to_the_container(tmp_path):
    here = machines.amd_without_rights(tmp_path)
    (tmp_path / ".dockerenv").touch()
    (finding,) = find_hardware(here).findings
    assert finding.line == "docker run --group-add render …"


def test_an_npu_of_intel_is_found_beside_the_gpu(tmp_path):
    found = find_hardware(machines.intel_with_npu(tmp_path))
    assert [(card.word, card.driver) for card in found.cards] == [
        ("gpu:intel", "i915"),
        ("npu:intel", "intel_vpu"),
    ]
    assert found.findings == ()


@pytest.mark.parametrize(
    ("driver", "text", "line"),
    [
        ("", "has no driver bound", "sudo ubuntu-drivers install"),
        ("nouveau", "is held by nouveau", "sudo ubuntu-drivers install"),
        ("vfio-pci", "set aside for virtual machines", ""),
    ],
)
def test_a_card_that_its_own_driver_does_not_hold_is_told(tmp_path, driver, text, line):
    (finding,) = find_hardware(machines.unbound_card(tmp_path, driver=driver)).findings
    assert text in finding.text
    assert "0000:01:00.0" in finding.text
    assert finding.line == line


def test_a_container_that_was_not_given_the_card_is_told_how_to_start_it(tmp_path):
    here = machines.two_nvidia_cards(tmp_path)
    (tmp_path / "dev/nvidia-uvm").unlink()
    (tmp_path / "dev/nvidiactl").unlink()
    (tmp_path / ".dockerenv").touch()
    findings = find_hardware(here).findings
    assert {finding.line for finding in findings} == {"docker run --gpus all …"}
    assert "the container was started without it" in findings[0].text


def test_a_quota_bounds_the_usable_cores_and_is_told(tmp_path):
    here = machines.limited_container(tmp_path)
    found = find_hardware(here)
    assert (found.processor.threads, found.processor.quota, found.processor.usable) == (64, 2.0, 2)
    assert usable_cores(here) == 2
    assert "grants the time of 2 of 64 processors" in found.findings[0].text


def test_the_memory_that_is_left_counts_files_that_nobody_reads_as_free(tmp_path):
    memory = find_hardware(machines.limited_container(tmp_path)).memory
    assert (memory.total_bytes, memory.limit_bytes, memory.available_bytes) == (64 * GIB, 4 * GIB, 3 * GIB)


@pytest.mark.parametrize(("quota", "usable"), [("50000 100000", 1), ("250000 100000", 2), ("max 100000", 8)])
def test_part_of_a_processor_is_no_thread_but_one_thread_there_always_is(tmp_path, quota, usable):
    machines.processor(tmp_path)
    machines.write(tmp_path, {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": quota})
    assert usable_cores(machines.places(tmp_path)) == usable


def test_the_least_quota_up_the_tree_counts(tmp_path):
    machines.write(tmp_path, {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "300000 100000"})
    machines.write(tmp_path, {"sys/fs/cgroup/a/b/cpu.max": "600000 100000"})
    assert usable_cores(machines.places(tmp_path)) == 3


def test_the_first_version_of_control_groups_is_read_too(tmp_path):
    machines.processor(tmp_path)
    machines.write(tmp_path, {"proc/self/cgroup": "4:memory:/box\n3:cpu,cpuacct:/box\n0::/\n"})
    folder = "sys/fs/cgroup/cpu,cpuacct/box"
    machines.write(
        tmp_path, {f"{folder}/cpu.cfs_quota_us": "300000", f"{folder}/cpu.cfs_period_us": "100000"}
    )
    machines.write(tmp_path, {"sys/fs/cgroup/memory/box/memory.limit_in_bytes": str(2 * GIB)})
    machines.write(tmp_path, {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"})
    found = find_hardware(machines.places(tmp_path))
    assert found.processor.quota == 3.0
    assert found.memory.limit_bytes == 2 * GIB


def test_no_quota_of_the_first_version_is_no_limit(tmp_path):
    machines.write(tmp_path, {"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"})
    assert usable_cores(machines.places(tmp_path)) == 8


def test_the_gpu_that_windows_lends_is_found(tmp_path):
    machines.write(tmp_path, {"dev/dxg": "", "usr/lib/wsl/lib/libcuda.so.1": ""})
    found = find_hardware(machines.places(tmp_path))
    assert found.host == "WSL 2"
    assert "gpu:nvidia" in found.words


@pytest.mark.parametrize(("driver", "told"), [("acpi-cpufreq", True), ("intel_pstate", False)])
def test_a_governor_is_told_only_where_it_holds_the_clock_down(tmp_path, driver, told):
    folder = "sys/devices/system/cpu/cpu0/cpufreq"
    machines.write(tmp_path, {f"{folder}/scaling_governor": "powersave", f"{folder}/scaling_driver": driver})
    findings = find_hardware(machines.places(tmp_path)).findings
    assert any("powersave" in finding.text for finding in findings) is told


def test_ciphers_of_a_server_chip_are_no_npu(tmp_path):
    machines.card(tmp_path, "0000:75:00.0", group="0x120000", vendor="0x19e5", device="0xa250")
    machines.card(tmp_path, "0000:c1:00.0", group="0x120000", vendor="0x19e5", device="0xd802")
    found = find_hardware(machines.places(tmp_path))
    assert [card.address for card in found.cards] == ["pci:0000:c1:00.0"]
    assert "npu:huawei" in found.words
