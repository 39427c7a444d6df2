"""The thread that waits for the scheduler's next moment, and what wakes it."""

from __future__ import annotations

import math
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from dispatch_rig import FAST, Rig
from lineside.dispatch.alarms import Alarms
from lineside.dispatch.timer import EventSleep, KernelSleep, Timer, new_sleep

PATIENCE_S = 30
KINDS = [EventSleep, KernelSleep] if sys.platform == "linux" else [EventSleep]


@pytest.fixture(params=KINDS)
def sleep(request):
    return request.param()


def slept(sleep):
    """A thread that sleeps, and has noted when it woke once it is over."""
    woke_s = []
    thread = threading.Thread(target=lambda: (sleep.sleep(), woke_s.append(monotonic())), daemon=True)
    thread.start()
    return thread, woke_s


def test_a_sleep_lasts_until_its_time(sleep):
    begun_s = monotonic()
    sleep.end_in(0.05)
    sleep.sleep()
    assert monotonic() - begun_s >= 0.05


def test_a_time_that_is_past_ends_a_sleep_at_once(sleep):
    sleep.end_in(0.0)
    thread, woke_s = slept(sleep)
    thread.join(PATIENCE_S)
    assert woke_s


@pytest.mark.parametrize("far_s", [3600, math.inf])
def test_a_sleep_ends_when_another_thread_sets_a_sooner_time(sleep, far_s):
    sleep.end_in(far_s)
    thread, woke_s = slept(sleep)
    thread.join(0.1)
    assert not woke_s
    sleep.end_in(0.001)
    thread.join(PATIENCE_S)
    assert woke_s


class Interrupted(EventSleep):
    """Another thread sets a time at the very moment at which the sleeper has read the one before."""

    is_due = False

    @property
    def _until_s(self):
        read_s = self.until_s
        if self.is_due:
            self.is_due = False
            self.end_in(0.0)
        return read_s

    @_until_s.setter
    def _until_s(self, until_s):
        self.until_s = until_s


def test_a_time_that_is_set_while_a_thread_goes_to_sleep_is_not_missed():
    sleep = Interrupted()
    sleep.end_in(3600)
    sleep.is_due = True
    thread, woke_s = slept(sleep)
    thread.join(PATIENCE_S)
    assert woke_s


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such a timer")
def test_linux_sleeps_on_when_the_time_is_put_off():
    sleep = new_sleep()
    assert isinstance(sleep, KernelSleep)
    sleep.end_in(1.0)
    thread, woke_s = slept(sleep)
    sleep.end_in(math.inf)
    thread.join(1.3)
    assert not woke_s
    sleep.end_in(0.0)
    thread.join(PATIENCE_S)


def test_a_timer_ticks_when_it_was_told_and_ends_though_nothing_is_due():
    ticks, ticked = [], threading.Event()

    def tick():
        ticks.append(monotonic())
        if len(ticks) == 1:
            timer.at(ticks[0] + 0.05)
        else:
            timer.at(math.inf)
            ticked.set()

    timer = Timer(tick, monotonic)
    timer.start()
    assert ticked.wait(PATIENCE_S)
    assert ticks[1] - ticks[0] >= 0.05
    timer.close()
    assert not timer._thread.is_alive()
    timer.close()
    timer.at(0.0)  # what comes too late changes nothing


def test_a_tick_that_fails_is_logged_and_tried_again_without_haste(caplog):
    ticks, ticked = [], threading.Event()

    def tick():
        ticks.append(monotonic())
        timer.at(math.inf)
        if len(ticks) <= 5:
            raise ZeroDivisionError("a bug in a policy")
        ticked.set()

    timer = Timer(tick, monotonic)
    timer.start()
    assert ticked.wait(PATIENCE_S)
    timer.close()
    assert ticks[5] - ticks[0] >= 5 * 0.01
    told = [record for record in caplog.records if record.name == "lineside.dispatch.timer"]
    assert 1 <= len(told) <= 1 + (ticks[5] - ticks[0])
    assert "a bug in a policy" in caplog.text


def test_a_timer_whose_ticks_fail_can_be_closed():
    def tick():
        raise ZeroDivisionError("a bug in a policy")

    timer = Timer(tick, monotonic)
    timer.start()
    timer.close()
    assert not timer._thread.is_alive()


def test_an_alarm_that_is_forgotten_calls_nobody_and_is_not_waited_for():
    alarms, called = Alarms(), []
    first, second = (alarms.at(time_s, lambda *_, t=time_s: called.append(t)) for time_s in (1.0, 2.0))
    alarms.forget(first)
    assert alarms.next_s == 2.0
    alarms.at(3.0, lambda *_: called.append(3.0))
    alarms.at(4.0, lambda *_: called.append(4.0))
    alarms.forget(second)
    alarms.forget(second)
    for look in alarms.due(3.5):
        look(3.5, [])
    assert (called, alarms.next_s) == ([3.0], 4.0)


def test_nobody_is_to_wake_for_a_picture_that_is_done_where_pictures_come_seldom():
    rig = Rig({"a": {"model": FAST}}).start()
    before_s = rig.scheduler.wake_s
    rig.frame(at_s=0.1)
    assert rig.scheduler.wake_s < before_s
    rig.done("a", 0.102)
    assert rig.scheduler.wake_s >= before_s


def test_one_look_is_planned_for_many_pictures_where_they_come_often():
    rig = Rig({"a": {"model": FAST}}).start()
    rig.frame(at_s=0.1)
    rig.done("a", 0.101)
    rig.frame(at_s=0.1011)
    planned_s = rig.scheduler.wake_s
    for k in range(2, 5):
        rig.done("a", 0.1 + k * 0.001)
        assert rig.scheduler.wake_s == planned_s
        rig.frame(at_s=0.1 + k * 0.001 + 0.0001, within_s=1.0)


def kernel_timers():
    """How many this process has open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was closed meanwhile
            found += "timerfd" in str(link.readlink())
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such a timer")
def test_a_closed_timer_keeps_no_file_open():
    before = kernel_timers()
    timers = [Timer(lambda: None, monotonic) for _ in range(5)]
    assert kernel_timers() > before
    for timer in timers:
        timer.start()
        timer.close()
    assert kernel_timers() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such a timer")
def test_a_time_that_the_kernel_refuses_is_told():
    sleep = KernelSleep()
    sleep.close()
    with pytest.raises(OSError, match="timerfd_settime"):
        sleep.end_in(1.0)
