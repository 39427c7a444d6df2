"""Digital lines, with lines made of memory: no chip was there to try the real ones on."""

from __future__ import annotations

import pytest

from lineside.core.errors import OutputError, SettingsError
from lineside.outputs.plant.kinds.gpio import GpioRegisters, Settings, make
from lineside.outputs.plant.outlet import Outlet
from lineside.outputs.plant.signals import Control, Order, Status, unpack_control
from lineside.testing.plc.pins import MemoryLines

WIRES = {"trigger": 1, "results_valid": 2, "passed": 3}


def wired(clock=lambda: 0.0, **more):
    lines = MemoryLines()
    registers = GpioRegisters(Settings(**WIRES, **more), lines, clock=clock)
    registers.open()
    return registers, lines


def control(registers):
    return unpack_control(registers.read(), Order.BIG)


def test_inputs_are_signals():
    registers, lines = wired(acknowledge=4, reset=5)
    assert control(registers) == Control()
    lines.levels.update({1: True, 5: True})
    assert control(registers) == Control(trigger=True, reset=True)


@pytest.mark.parametrize(("verdict", "level"), [(0, False), (1, True), (2, False), (3, False)])
def test_passed_is_up_for_pass_alone_and_before_it_is_valid(verdict, level):
    registers, lines = wired()
    outlet = Outlet(registers.write, Order.BIG)
    outlet.write(Status())
    outlet.write(Status(results_valid=True, sequence=1, verdict=verdict))
    assert (lines.levels[2], lines.levels[3]) == (True, level)
    first_valid = next(step for step in lines.history if step[2])
    assert first_valid[3] is level
    outlet.write(Status())
    assert (lines.levels[2], lines.levels[3]) == (False, False)
    assert all(step[2] or not step[3] or step is not lines.history[-1] for step in lines.history)


def test_without_an_acknowledge_line_results_are_a_pulse():
    now = [0.0]
    registers, _ = wired(clock=lambda: now[0], pulse_s=0.05)
    outlet = Outlet(registers.write, Order.BIG)
    outlet.write(Status(results_valid=True, sequence=1))
    assert not control(registers).acknowledge
    now[0] = 0.06
    assert control(registers).acknowledge
    outlet.write(Status())
    assert not control(registers).acknowledge


def test_a_chip_that_is_gone_is_told():
    registers, lines = wired()
    lines.is_gone = True
    with pytest.raises(OutputError, match="no such chip"):
        registers.read()


def test_two_signals_on_one_line_are_refused():
    with pytest.raises(SettingsError, match="line of its own"):
        make({**WIRES, "ready": 3})


def test_a_chip_that_is_not_there_is_lost_and_not_a_crash():
    pytest.importorskip("gpiod")
    from lineside.outputs.pins import GpiodLines

    settings = Settings(**WIRES, chip="/dev/gpiochip-that-is-not-there")
    registers = GpioRegisters(settings, GpiodLines(settings.chip, active_low=False))
    with pytest.raises(OutputError, match="gpiochip-that-is-not-there"):
        registers.open()
    registers.close()
