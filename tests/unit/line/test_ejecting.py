from __future__ import annotations

import threading
import time

from lineside.core.errors import OutputError
from lineside.core.verdict import Verdict
from lineside.line.ejecting import EjectorThread
from lineside.line.ejector import Ejector, EjectorSettings
from peers import until


class Valve:
    def __init__(self):
        self.log, self.is_stuck, self.closed = [], False, 0

    def set(self, *, on):
        if self.is_stuck:
            raise OutputError("stuck")
        self.log.append((time.monotonic(), on))

    def close(self):
        self.closed += 1


def running(delay=0.05, **more):
    valve, notes = Valve(), []
    settings = EjectorSettings(delay=delay, pulse_s=0.02, heartbeat_s=0.1)

    def note(*what):
        notes.append(what)

    thread = EjectorThread(Ejector(settings, valve, note=note, **more), note=note)
    thread.start()
    return thread, valve, notes


def test_a_part_is_ejected_while_whoever_told_of_it_waits_for_a_control_that_is_gone():
    """The run loop may hang in a write to a control; nobody calls the ejector meanwhile."""
    thread, valve, _ = running()
    now_s = time.monotonic()
    for part, verdict in enumerate((Verdict.UNKNOWN, Verdict.PASS)):
        thread.expect(part, now_s + part)
        thread.decide(part, verdict)
    until(lambda: [on for _, on in valve.log] == [True, False], "a whole pulse")
    assert valve.log[0][0] >= now_s + 0.05, "never before the part is there"
    thread.close()
    assert [on for _, on in valve.log] == [True, False]


def test_a_line_that_ends_first_ejects_what_is_on_its_way():
    thread, valve, notes = running(delay=0.3)
    thread.expect(1, time.monotonic())
    thread.decide(1, Verdict.FAIL)
    before = threading.active_count()
    beats = []
    thread.close(lambda: beats.append(1))
    assert [on for _, on in valve.log] == [True, False]
    assert valve.closed == 1
    assert len(beats) > 3, "else the watchdog would take it for one that hangs"
    assert threading.active_count() == before - 1
    assert notes == []


def test_a_valve_that_is_stuck_is_told_once_until_it_works_again():
    thread, valve, notes = running()
    valve.is_stuck = True
    thread.expect(1, time.monotonic())
    until(lambda: "ejector.failed" in [code for code, _ in notes], "a note")
    valve.is_stuck = False
    until(lambda: valve.log, "it works again")
    assert [code for code, _ in notes].count("ejector.failed") == 1
    thread.close()


def test_closing_without_a_start_lets_go():
    valve = Valve()
    thread = EjectorThread(Ejector(EjectorSettings(1.0), valve, note=print), note=print)
    thread.close()
    assert valve.closed == 1
