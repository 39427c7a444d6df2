"""What is said of a provider, over made machines, made environments and made providers."""

from __future__ import annotations

from pathlib import Path

import pytest

import machines
from lineside.core.errors import DriverError
from lineside.engine import advice
from lineside.engine.doctor import Environment, Row, State, in_order, row_of
from lineside.engine.hardware import find_hardware
from lineside.engine.provider import Build, Device, Provider
from lineside.engine.wheels import Wheel, Wheels

CARD = Device("cuda", "0", "NVIDIA GeForce RTX 4090", 24 << 30, "pci:0000:01:00.0", "580.95.05")
BUILDS = (Build("cuda", "1.27.0", "580"), Build("cuda12", "0", "525.60.13"))


def provider(name="cuda", *, find=lambda: (), **more) -> Provider:
    facts = {
        "title": "NVIDIA CUDA",
        "runtime_name": "CUDAExecutionProvider",
        "extra": name,
        "packages": ("onnxruntime-gpu",),
        "options": (),
        "faults": (),
        "precision_of": lambda _: "float32",
        "hardware": ("gpu:nvidia",),
        "builds": BUILDS,
    }
    return Provider(name, find_devices=find, **(facts | more))


CPU = provider(
    "cpu",
    title="CPU",
    runtime_name="CPUExecutionProvider",
    packages=("onnxruntime", "onnxruntime-gpu"),
    hardware=("cpu",),
    builds=(),
)


def wheels(*named: str) -> Wheels:
    place = Path("site-packages")
    return Wheels(tuple(Wheel(*name.split(), place) for name in named), place=place if named else None)


def environment(hardware, *installed: str, available=(), reason="") -> Environment:
    versions = dict(name.split() for name in installed)
    return Environment(
        hardware, wheels(*installed), available, lambda _: reason, lambda name: versions.get(name, "")
    )


@pytest.fixture
def workstation(tmp_path):
    return find_hardware(machines.two_nvidia_cards(tmp_path))


@pytest.fixture
def laptop(tmp_path):
    return find_hardware(machines.intel_with_npu(tmp_path))


def test_a_card_without_its_package_is_told_with_the_line_that_installs_it(workstation):
    row = row_of(provider(), environment(workstation))
    assert row.state is State.NOT_INSTALLED
    assert row.why == "it would compute on NVIDIA GeForce RTX 4090, NVIDIA RTX A6000"
    assert row.lines == ("pip install 'lineside[cuda]'",)


def test_the_wheel_that_would_clash_is_removed_first(workstation):
    row = row_of(provider(), environment(workstation, "onnxruntime 1.32.0"))
    assert row.lines == ("pip uninstall -y onnxruntime", "pip install 'lineside[cuda]'")


def test_a_plugin_library_is_installed_beside_the_wheel(workstation):
    plugin = provider(
        "tensorrt_rtx", plugin="a_plugin", packages=("a-plugin",), extra="tensorrt-rtx", builds=()
    )
    row = row_of(plugin, environment(workstation, "onnxruntime 1.32.0"))
    assert row.lines == ("pip install 'lineside[tensorrt-rtx]'",)


@pytest.mark.parametrize(
    ("package", "line"),
    [("a-plugin", "pip install a-plugin"), ("onnxruntime-qnn", "pip install --no-deps onnxruntime-qnn")],
)
def test_a_plugin_library_brings_no_second_wheel_beside_another_than_onnxruntime(workstation, package, line):
    plugin = provider("plugged", plugin="a_plugin", packages=(package,), builds=())
    row = row_of(plugin, environment(workstation, "onnxruntime-gpu 1.31.1"))
    assert row.lines == (line,)


def test_a_provider_whose_devices_are_found_is_ready(workstation):
    here = environment(workstation, "onnxruntime-gpu 1.31.1", available=("CUDAExecutionProvider",))
    row = row_of(provider(find=lambda: (CARD,)), here)
    assert (row.state, row.devices, row.packages, row.lines) == (
        State.READY,
        (CARD,),
        ("onnxruntime-gpu 1.31.1",),
        (),
    )


def test_without_its_hardware_a_provider_has_no_device_and_no_line(laptop):
    row = row_of(provider(), environment(laptop, "onnxruntime 1.32.0"))
    assert (row.state, row.lines) == (State.NO_DEVICE, ())
    assert row.why == "it computes on NVIDIA GPUs, and none was found"


def test_an_installed_provider_without_its_hardware_has_no_device_and_the_loaders_reason(laptop):
    reason = "libcuda.so.1: cannot open shared object file"
    here = environment(laptop, "onnxruntime-gpu 1.31.1", available=("CUDAExecutionProvider",), reason=reason)
    row = row_of(provider(), here)
    assert (row.state, row.why) == (
        State.NO_DEVICE,
        f"it computes on NVIDIA GPUs, and none was found; {reason}",
    )


def test_a_driver_that_no_wheel_takes_is_told_before_anything_is_installed(tmp_path):
    here = machines.two_nvidia_cards(tmp_path)
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01\n"
    )
    row = row_of(provider(), environment(find_hardware(here), "onnxruntime 1.32.0"))
    assert (row.state, row.lines) == (State.OLD_DRIVER, ())
    assert row.why == "its wheels need the driver 525.60.13 or newer; here is 470.82.01"
    assert advice.offers(find_hardware(here), [provider()]) == ()


def test_a_provider_that_no_wheel_holds_is_told_without_a_line(laptop):
    xnnpack = provider("xnnpack", packages=(), extra=None, hardware=("cpu",), builds=())
    row = row_of(xnnpack, environment(laptop, "onnxruntime 1.32.0"))
    assert (row.state, row.lines) == (State.NOT_BUILT_IN, ())


def test_the_loaders_own_reason_is_told(workstation):
    reason = (
        "libonnxruntime_providers_cuda.so cannot be loaded: libcublasLt.so.13: cannot open shared object file"
    )
    here = environment(
        workstation, "onnxruntime-gpu 1.31.1", available=("CUDAExecutionProvider",), reason=reason
    )
    row = row_of(provider(find=lambda: (CARD,)), here)
    assert (row.state, row.why) == (State.NOT_LOADED, reason)
    assert row.lines == ("pip install 'lineside[cuda]'",)


def test_a_driver_that_is_too_old_for_the_installed_wheel_is_told_with_the_wheel_that_takes_it(tmp_path):
    here = machines.two_nvidia_cards(tmp_path)
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14\n"
    )
    row = row_of(provider(), environment(find_hardware(here), "onnxruntime-gpu 1.31.1"))
    assert row.state is State.OLD_DRIVER
    assert row.why == "onnxruntime-gpu 1.31.1 needs the driver 580 or newer; here is 550.54.14"
    assert row.lines == ("pip install 'lineside[cuda12]'",)


def test_an_older_wheel_serves_the_older_driver(tmp_path):
    here = machines.two_nvidia_cards(tmp_path)
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14\n"
    )
    found = environment(find_hardware(here), "onnxruntime-gpu 1.26.0", available=("CUDAExecutionProvider",))
    assert row_of(provider(find=lambda: (CARD,)), found).state is State.READY


def test_a_provider_of_another_system_is_told_as_such(workstation):
    row = row_of(provider("directml", systems=("win32",)), environment(workstation))
    assert (row.state, row.why) == (State.OTHER_SYSTEM, "it exists for Windows alone")


def test_a_wheel_without_the_provider_is_told(workstation):
    here = environment(workstation, "onnxruntime-gpu 1.31.1", available=("CPUExecutionProvider",))
    assert row_of(provider(find=lambda: (CARD,)), here).state is State.NOT_BUILT_IN


def test_wheels_that_conflict_make_every_provider_of_theirs_unusable(workstation):
    here = environment(workstation, "onnxruntime 1.32.0", "onnxruntime-gpu 1.31.1")
    row = row_of(CPU, here)
    assert row.state is State.CONFLICT
    assert row.lines[0] == "pip uninstall -y onnxruntime onnxruntime-gpu"


def test_a_fault_while_devices_are_looked_for_is_the_rows_reason(workstation):
    def find():
        raise DriverError("the driver answers 803")

    row = row_of(provider(find=find), environment(workstation, "onnxruntime-gpu 1.31.1"))
    assert (row.state, row.why) == (State.NOT_LOADED, "the driver answers 803")


def test_what_works_stands_first_and_what_cannot_be_last():
    rows = [Row(state.name, "", state) for state in reversed(State)]
    assert [row.state for row in in_order(rows)] == list(State)


def test_the_makers_own_provider_is_offered_before_those_for_any(workstation):
    generic = provider("webgpu", title="WebGPU", hardware=("gpu",), builds=())
    offered = advice.offers(workstation, [CPU, generic, provider()])
    assert [offer.extra for offer in offered] == ["cuda", "webgpu", "cpu"]


def test_what_the_hardware_cannot_use_is_not_offered(laptop):
    assert [offer.extra for offer in advice.offers(laptop, [CPU, provider()])] == ["cpu"]


def test_a_driver_of_the_last_generation_is_offered_the_wheel_that_takes_it(tmp_path):
    here = machines.two_nvidia_cards(tmp_path)
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14\n"
    )
    assert [offer.extra for offer in advice.offers(find_hardware(here), [provider()])] == ["cuda12"]


def test_an_old_wheel_and_a_misfit_plugin_are_warned_of(laptop):
    plugin = Wheel("onnxruntime-ep-webgpu", "0.4.0", Path("site-packages"), is_plugin=True)
    found = Wheels(wheels("onnxruntime 1.22.0").runtimes, plugins=(plugin,), place=Path("site-packages"))
    warned = [finding.text for finding in advice.warnings(found, laptop)]
    assert "onnxruntime 1.22.0 holds Python still" in warned[0]
    assert "onnxruntime-ep-webgpu 0.4.0 needs onnxruntime 1.24.4 or newer" in warned[1]


def test_a_gap_in_what_could_be_read_is_warned_of(tmp_path):
    here = machines.intel_with_npu(tmp_path)
    (tmp_path / machines.BUS / "0000:00:02.0" / "vendor").write_text("broken")
    warned = advice.warnings(wheels("onnxruntime 1.32.0"), find_hardware(here))
    assert [finding.text for finding in warned] == [
        'not read: /sys/bus/pci/devices/0000:00:02.0/vendor: expected a number, got "broken"'
    ]
