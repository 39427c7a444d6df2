# ruff: noqa: N802, N815, N818 # the makers' own names
"""What the makers' libraries tell, with stand-ins for them: no card is at hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lineside.dispatch.events import DeviceAlarm, MemorySeen
from lineside.dispatch.signals import Amd, Nvidia, Signals, libraries


class NvmlError(Exception):
    pass


class FakeNvml:
    """The functions of `pynvml` that are used, over two cards."""

    NVMLError = NvmlError
    NVML_TEMPERATURE_GPU = 0
    nvmlEventTypeXidCriticalError = 8

    def __init__(self):
        self.xids = []
        self.reasons = 0
        self.cold = False

    def nvmlInit(self):
        pass

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, number):
        return number

    def nvmlDeviceGetPciInfo(self, handle):
        return SimpleNamespace(busId=f"0000000{handle}:0A:00.0")

    def nvmlEventSetCreate(self):
        return "set"

    def nvmlDeviceRegisterEvents(self, handle, kinds, events):
        if handle == 1:
            raise NvmlError("not supported")

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=1000 + handle, free=5000)

    def nvmlDeviceGetTemperature(self, handle, sensor):
        if self.cold:
            raise NvmlError("not supported")
        return 61

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):
        return self.reasons

    def nvmlEventSetWait_v2(self, events, timeout_ms):
        if not self.xids:
            raise NvmlError("timeout")
        card, number = self.xids.pop(0)
        return SimpleNamespace(device=card, eventData=number)


class FakeSmi:
    """The functions of `amdsmi` that are used, over one card."""

    class AmdSmiException(Exception):
        pass

    AmdSmiMemoryType = SimpleNamespace(VRAM=0)
    AmdSmiTemperatureType = SimpleNamespace(HOTSPOT=1)
    AmdSmiTemperatureMetric = SimpleNamespace(CURRENT=0)
    AmdSmiEvtNotificationType = SimpleNamespace(GPU_PRE_RESET=3)

    def __init__(self):
        self.resets = 0

    def amdsmi_init(self):
        pass

    def amdsmi_get_processor_handles(self):
        return ["card"]

    def amdsmi_get_gpu_device_bdf(self, handle):
        return "0000:03:00.0"

    def amdsmi_get_gpu_memory_usage(self, handle, kind):
        return 77

    def amdsmi_get_gpu_memory_total(self, handle, kind):
        return 100

    def amdsmi_get_temp_metric(self, handle, sensor, metric):
        return 55

    def AmdSmiEventReader(self, handle, kinds):
        return self

    def read(self, timeout_ms):
        if not self.resets:
            raise self.AmdSmiException("no data")
        self.resets -= 1
        return [{"processor_handle": "card", "event": "GPU_PRE_RESET", "message": ""}]


CARDS = {"pci:0000:0a:00.0": "cuda:0", "pci:0001:0a:00.0": "cuda:1", "pci:0000:03:00.0": "migraphx:0"}


def signals(**found):
    posted = []
    return Signals(CARDS, found, dict.fromkeys(found, "read once a second"), posted.append), posted


def test_memory_and_temperature_of_each_card_are_told_by_its_address():
    nvml = FakeNvml()
    nvml.reasons = 0x40
    looked, posted = signals(nvidia=Nvidia(nvml))
    looked.look()
    assert posted == [MemorySeen("cuda:0", 1000), MemorySeen("cuda:1", 1001)]
    assert looked.readings["cuda:1"] == {
        "memory_bytes": 1001,
        "memory_free_bytes": 5000,
        "temperature_c": 61.0,
        "throttled": "yes",
    }


def test_what_a_card_does_not_support_is_left_out():
    nvml = FakeNvml()
    nvml.cold = True
    looked, _ = signals(nvidia=Nvidia(nvml))
    looked.look()
    assert looked.readings["cuda:0"] == {"memory_bytes": 1000, "memory_free_bytes": 5000, "throttled": "no"}


def test_a_critical_error_of_a_driver_takes_its_device_out_of_service():
    nvml = FakeNvml()
    looked, posted = signals(nvidia=Nvidia(nvml))
    nvml.xids = [(0, 79)]
    looked.look()
    assert DeviceAlarm("cuda:0", "its driver reports Xid 79") in posted


def test_a_reset_of_an_amd_card_takes_it_out_of_service():
    smi = FakeSmi()
    looked, posted = signals(amd=Amd(smi))
    smi.resets = 1
    looked.look()
    assert posted == [MemorySeen("migraphx:0", 77), DeviceAlarm("migraphx:0", "its driver resets it")]


def test_a_card_that_the_engine_does_not_use_is_passed_over():
    looked, posted = signals(nvidia=Nvidia(FakeNvml()))
    looked._devices = {}
    looked.look()
    assert posted == []
    assert looked.readings == {}


def test_a_library_that_is_not_installed_is_told_with_what_brings_it():
    def load(name):
        raise ImportError(name)

    found, told = libraries(load)
    assert found == {}
    assert told["nvidia"] == "not read: pip install 'lineside[nvidia]' brings pynvml"


def test_a_library_without_its_driver_is_told_and_no_fault():
    def load(name):
        raise OSError("libnvidia-ml.so.1: cannot open shared object file")

    found, told = libraries(load)
    assert found == {}
    assert "libnvidia-ml" in told["nvidia"]


def test_a_library_that_fails_later_is_not_read_again_and_told():
    nvml = FakeNvml()
    looked, _ = signals(nvidia=Nvidia(nvml))
    nvml.nvmlDeviceGetMemoryInfo = lambda handle: pytest.fail("asked") if looked.told == {} else 1 / 0
    looked.look()
    assert looked.told["nvidia"] == "not read any more: ZeroDivisionError: division by zero"
    looked.look()
