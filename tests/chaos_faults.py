"""What is broken in a whole line, one function a fault: broken before its `yield`, mended after it.

While it is broken some parts come; which of them the fault may cost, and what must be said of them then, stands beside its name.
`docs/chaos.md` is made of these.
"""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chaos_cameras import Ill
from chaos_line import BY_ENCODER, EJECTING, TCP
from lineside.core.verdict import Reason, Verdict
from lineside.testing.faults import Broken
from lineside.testing.plc.modbus import ModbusClientPlc
from lineside.testing.plc.text import TextPlc
from peers import free_port
from receivers import HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = {"deadline_ms": 4000}  # where a part waits for its deadline


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    Attributes:
        breaks: The function.
        reasons: What is said of the parts that come meanwhile; nothing where none is affected.
        may_judge: Such a part may be judged all the same, where its proof came in time.
        before: How many parts come before.
        parts: How many come meanwhile.
        after: How many come when it is mended.
        changes: What is otherwise in the line's settings.
        engine: Which engine it takes.
        hint: A word that the grounds hold.
        control: What the control's end of the link is.
    """

    breaks: Callable
    reasons: tuple[Reason, ...] = ()
    may_judge: bool = False
    before: int = 2
    parts: int = 3
    after: int = 2
    changes: dict = field(default_factory=dict)
    engine: str = "threads"
    hint: str = ""
    control: Callable = ModbusClientPlc

    @property
    def name(self):
        return self.breaks.__name__

    @property
    def title(self):
        return self.name.replace("_", " ")

    @property
    def about(self):
        return self.breaks.__doc__

    @property
    def run(self):
        return contextmanager(self.breaks)


FAULTS: list[Fault] = []


def fault(*reasons, **how):
    def kept(breaks):
        FAULTS.append(Fault(breaks, reasons, **how))
        return breaks

    return kept


# Cameras.


def ill(line, what):
    """The second camera falls ill, and is well again."""
    line.cameras["side"].falls_ill(what)
    yield
    line.cameras["side"].recovers()


@fault(Reason.NO_FRAME, hint="cable")
def camera_unplugged(line):
    """The camera cannot be read, and not be opened again. It is opened anew when it is back; meanwhile the plant sees `fault`."""
    yield from ill(line, Ill.UNPLUGGED)


@fault(Reason.NO_FRAME, hint="cable", parts=2)
def camera_lost_after_its_trigger(line):
    """The camera is triggered, and is gone before its picture is read. The other camera has seen the part, which is not enough."""
    yield from ill(line, Ill.PULLED)


@fault(Reason.NO_FRAME, parts=2)
def camera_silent(line):
    """The camera is open and answers no trigger. The watchdog gives it up and opens it again."""
    yield from ill(line, Ill.SILENT)


@fault(Reason.IMAGE_UNHEALTHY, hint="frozen")
def camera_frozen(line):
    """The camera gives the same picture again and again."""
    yield from ill(line, Ill.FROZEN)


@fault(Reason.IMAGE_UNHEALTHY, hint="dead")
def camera_black(line):
    """The camera's pictures are black, as with a lens cap on."""
    yield from ill(line, Ill.BLACK)


@fault(Reason.IMAGE_UNHEALTHY, hint="defocused")
def camera_out_of_focus(line):
    """The camera's pictures are blurred; the recipe's baseline knows how sharp they usually are."""
    yield from ill(line, Ill.BLURRED)


@fault(Reason.IMAGE_UNHEALTHY, hint="packets")
def packets_lost(line):
    """Pictures arrive incomplete. Each costs its part, and the camera stays open."""
    yield from ill(line, Ill.INCOMPLETE)


@fault(Reason.IMAGE_UNHEALTHY, hint="format")
def pictures_of_another_size(line):
    """The camera answers pictures of another size than the baseline was learned from."""
    yield from ill(line, Ill.SIZE)


@fault(Reason.IMAGE_UNHEALTHY, hint="format")
def pictures_of_another_format(line):
    """The camera answers 16-bit values where 8 were set."""
    yield from ill(line, Ill.FORMAT)


@fault(Reason.NO_FRAME)
def both_cameras_unplugged(line):
    """No camera is left."""
    for knob in line.cameras.values():
        knob.falls_ill(Ill.UNPLUGGED)
    yield
    for knob in line.cameras.values():
        knob.recovers()


# The model and its device.


def broken(line, what):
    line.shared.breaker.what = what
    yield
    line.shared.breaker.what = None


@fault(Reason.DEVICE_LOST, changes=QUICK, parts=2)
def session_error(line):
    """Each run on the only device fails. The device is out of service until it answers the test picture again."""
    yield from broken(line, Broken.DEVICE)


@fault(Reason.MODEL_UNHEALTHY, Reason.DEVICE_LOST, changes=QUICK, parts=2)
def model_answers_nan(line):
    """A run ends well and every number is NaN."""
    yield from broken(line, Broken.MODEL)


@fault(Reason.MODEL_UNHEALTHY, Reason.DEVICE_LOST, changes=QUICK, parts=2)
def model_answers_another_shape(line):
    """A run ends well and its answer has another shape than the model was opened with."""
    yield from broken(line, Broken.SHAPE)


@fault(Reason.DEVICE_LOST, changes=QUICK, parts=2)
def device_out_of_memory(line):
    """A run finds no memory on the device."""
    yield from broken(line, Broken.MEMORY)


@fault(Reason.LATE, Reason.DEVICE_LOST, Reason.OVERLOAD, changes=QUICK, parts=2)
def run_hangs(line):
    """A run does not end. The worker is given up, and another one opens the model."""
    breaker = line.shared.breaker
    breaker.goes_on.clear()
    breaker.hangs.set()
    yield
    breaker.hangs.clear()
    breaker.goes_on.set()


def one_of_two(line, broken):
    """The first of two devices fails while a part meets it, and is well again; no part is lost by that."""
    breaker = line.shared.breaker
    before = breaker.met
    with contextmanager(lambda: broken)():
        for _ in range(8):  # which device a picture goes to is the engine's choice
            if breaker.met == before:
                line.parts(1)
        assert breaker.met > before, "no part met the device that is broken"
        yield


@fault(engine="two", parts=1, after=1)
def one_device_of_two_dies(line):
    """Each run on one of two devices fails. Its parts go to the other, and none is lost."""
    yield from one_of_two(line, broken(line, Broken.DEVICE))


@fault(engine="two", parts=1, after=1)
def one_device_of_two_hangs(line):
    """A run on one of two devices does not end. What it had goes to the other, in time."""
    yield from one_of_two(line, run_hangs(line))


@fault(engine="two", parts=1, after=1)
def one_device_of_two_answers_nan(line):
    """One of two devices answers nothing but NaN. The other is asked, and its answer counts."""
    yield from one_of_two(line, broken(line, Broken.MODEL))


def children(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def workers(pid=None):
    """The processes of the engine's workers."""
    found = []
    for child in children(pid or os.getpid()):
        if children(child):
            found += workers(child)
        elif (
            pid is not None
        ):  # those that a server has forked; the others are the server and who tracks resources
            found.append(child)
    assert found or pid is not None
    return found


@fault(
    Reason.DEVICE_LOST,
    Reason.LATE,
    Reason.OVERLOAD,
    may_judge=True,
    changes=QUICK,
    engine="processes",
    parts=2,
)
def worker_killed(line):
    """The worker's process is killed. Another one takes its place; a part whose deadline allows it is judged by that."""
    for pid in workers():
        os.kill(pid, signal.SIGKILL)
    line.wait_told("device.quarantined")
    yield


@fault(
    Reason.DEVICE_LOST,
    Reason.LATE,
    Reason.OVERLOAD,
    may_judge=True,
    changes=QUICK,
    engine="processes",
    parts=2,
)
def worker_stopped(line):
    """The worker's process stands still, as one that is swapped out. It is given up like a run that hangs."""
    for pid in workers():
        os.kill(pid, signal.SIGSTOP)
    yield
    line.wait_told("device.quarantined")


@fault(
    Reason.LATE,
    Reason.OVERLOAD,
    Reason.DEVICE_LOST,
    may_judge=True,
    changes={"deadline_ms": 2500, "depth": 16},
    parts=0,
    after=0,
    engine="slow",
)
def queue_full(line):
    """Parts come faster than the device can look at them. What cannot be done in time is said at once."""
    line.shared.breaker.slow_s = 2.0
    for _ in range(8):
        line.trigger(affected=True)
    for _ in range(8):
        line.plc.acknowledge()
    line.shared.breaker.slow_s = 0.0
    yield
    line.wait(lambda: len(line.answers) == len(line.triggered), "the answers")
    reasons = {answer.reason for answer in line.answers}
    assert reasons - {None}, "it was too much"


# The plant's control.


@fault(parts=0)
def control_away(line):
    """The control's connection breaks between trigger and answer. The answer waits for it, and is read when it is back."""
    line.trigger()
    line.peer.kill()
    line.wait(lambda: len(line.answers) == len(line.triggered), "the answer")
    line.peer.revive()
    line.plc.acknowledge()
    yield


@fault(parts=2)
def control_slow(line):
    """The control leaves an answer lying while the next part is due; it is not taken back, and the next part waits."""
    line.trigger()
    shown = line.plc.results()
    later = line.plc.wait(lambda status: status.heartbeat >= shown.heartbeat + 3, "three heartbeats")
    assert later.results_valid
    assert later.answered_id == shown.answered_id
    line.plc.acknowledge()
    yield


@fault(parts=2)
def control_talks_garbage(line):
    """The control writes bits that mean nothing and bytes that are no Modbus. It is told, and nothing is made of it."""
    line.peer.babble()
    line.wait_told("plc.garbage")
    line.plc.power_up()
    yield


@fault(changes={"acknowledge_s": 0.5}, parts=2)
def acknowledge_lost(line):
    """The control never acknowledges an answer. The answer is taken back, the control sees a gap, and the line goes on."""
    line.unread.add(line.trigger())
    line.plc.results()
    line.wait_told("plc.unacknowledged")
    yield


@fault(Reason.TRIGGER_MISSED, parts=0)
def trigger_comes_twice(line):
    """A second trigger comes while the part before has no answer. It is answered by itself, after that part."""
    line.trigger()
    line.trigger(affected=True)
    line.plc.acknowledge()
    line.plc.acknowledge()
    yield


@fault(
    Reason.TRIGGER_MISSED,
    changes={"line": "least_ms = 3600000"},
    before=1,
    parts=2,
    after=0,
    hint="after the one before",
)
def trigger_too_early(line):
    """A trigger comes sooner than parts can; no picture belongs to it for certain."""
    yield


@fault(Reason.TRIGGER_MISSED, changes={"depth": 4}, parts=0)
def trigger_number_repeated(line):
    """A number comes again that a part on the line has."""
    line.triggered.append(line.trigger())
    line.plc.trigger(line.triggered[-1])
    line.plc.acknowledge()
    line.plc.acknowledge()
    yield


@fault()
def wall_clock_steps(line):
    """The time of day is set back by two days and then a year ahead. Deadlines know no time of day; the trace stays whole."""
    line.skew_s = -2 * 86_400.0
    line.parts(1)
    line.skew_s = 365 * 86_400.0
    yield
    line.skew_s = 0.0


# The control that speaks lines of text.

BY_LINES = {"changes": {"plant": TCP}, "control": TextPlc}


def sent(line, text):
    """The control's connection carries so much and no more, and the link has read it."""
    line.peer._socket.sendall(text.encode())
    seen = line.plc.wait(lambda _: True, "any signals").heartbeat
    line.plc.wait(lambda status: status.heartbeat >= seen + 2, "two heartbeats")


@fault(parts=2, **BY_LINES)
def half_a_message(line):
    """A line of text comes in two halves, the first of which would be another trigger. It is one trigger, when it is whole."""
    text = f"TRIGGER {line._counted(affected=False)}\r\n"
    sent(line, text[:-4])
    assert len(line.answers) == len(line.triggered) - 1, "half a number is none"
    sent(line, text[-4:])
    line.plc.acknowledge()
    yield


@fault(parts=2, **BY_LINES)
def connection_lost_in_a_message(line):
    """The connection ends in the middle of a trigger. Nothing is made of the half, and the next connection begins anew."""
    sent(line, "TRIGGER 9")
    line.peer.kill()
    line.wait_told("plc.lost")
    line.peer.revive()
    line.wait_told("plc.back")
    yield


# Between the verdict and the ejector.


def until_bad(line):
    """Parts come until one has to be ejected; its answer."""
    for _ in range(6):
        line.parts(1)
        line.wait(lambda: len(line.answers) == len(line.triggered), "the answer")
        if line.answers[-1].verdict is not Verdict.PASS:
            return line.answers[-1]
    raise AssertionError("every part is good")


@fault(parts=0, after=0, changes=EJECTING)
def line_stopped_before_the_ejector(line):
    """lineside is told to stop when a bad part has its answer and is not at the ejector yet. It is ejected before lineside ends."""
    until_bad(line)
    yield


@fault(parts=2, changes=EJECTING)
def control_away_before_the_ejector(line):
    """The control's connection breaks between a bad part's answer and the ejector. The part is ejected all the same."""
    until_bad(line)
    line.peer.kill()
    line.wait(lambda: line.outputs["valve"].pulses, "the ejector")
    line.peer.revive()
    yield


@fault(parts=1, changes=EJECTING)
def wall_clock_steps_before_the_ejector(line):
    """The time of day is set back between a bad part's answer and the ejector. The part is ejected at its moment."""
    until_bad(line)
    line.skew_s = -2 * 86_400.0
    yield
    line.skew_s = 0.0


@fault(Reason.DEVICE_LOST, parts=1, after=1, changes=EJECTING)
def device_lost_before_the_ejector(line):
    """The only device fails. A part without a verdict is ejected."""
    yield from broken(line, Broken.DEVICE)


@fault(before=0, parts=0, after=2, changes=EJECTING)
def ejector_jams(line):
    """The ejector cannot be moved when a bad part is there. The heartbeat is silent, so that the plant stops the belt, and the control sees `fault`, until it moves again."""
    valve, heart = line.outputs["valve"], line.outputs["heart"]
    line.missed.add(until_bad(line).part)
    valve.jams = True
    line.wait_told("ejector.failed")
    beats = len(heart.log)
    line.plc.wait(lambda status: status.fault, "fault")
    assert len(heart.log) == beats, "a part is past that must not be"
    valve.jams = False
    line.wait_told("ejector.back")
    line.wait(lambda: len(heart.log) > beats, "the heartbeat")
    yield


@fault(parts=1, changes=BY_ENCODER)
def encoder_away(line):
    """The ejector's encoder cannot be read. Parts are judged; everything is ejected, until what came meanwhile is past."""
    count, valve = line.folder / "count", line.outputs["valve"]
    count.write_text("gone")
    line.wait_told("ejector.failed")
    line.trigger()
    line.plc.acknowledge()
    line.wait(lambda: valve.pulses, "the ejector")
    count.write_text("0005000")
    line.wait_told("ejector.back")
    assert valve.pulses[-1][1] == math.inf, "what came meanwhile is not past"

    def is_past():
        line.carry()
        return valve.pulses[-1][1] < math.inf

    line.wait(is_past, "the ejector's end")
    yield


# Recipes.


def recipe(line):
    return line.folder / "recipes" / "disc.toml"


def changed(line, text):
    """A changed recipe is refused, and then put right."""
    whole = recipe(line).read_text()
    recipe(line).write_text(text(whole))
    line.wait_told("recipe.refused")
    yield
    recipe(line).write_text(whole)


@fault()
def recipe_half_written(line):
    """The recipe's file ends in the middle. The last whole one holds."""
    yield from changed(line, lambda text: text[: text.index("[baseline.side]")])


@fault(Reason.RECIPE_UNKNOWN, parts=0)
def product_unknown(line):
    """The control names a product that has no recipe. The recipe before never stands in."""
    line.parts(2, affected=True, product="nobody")
    line.parts(1, product="disc")
    yield


@fault()
def bad_model_at_a_swap(line):
    """The recipe is changed to a model that is none. It is refused, and the model before goes on."""
    (line.folder / "recipes" / "bad.onnx").write_bytes(b"this is no model")
    yield from changed(line, lambda text: text.replace("shipped:plant", "bad.onnx"))


# Outputs and the trace.


@fault(changes={"outputs": f'[[output]]\nkind = "mqtt"\nhost = "127.0.0.1"\nport = {free_port()}\n'})
def broker_away(line):
    """Nobody listens where the broker should be. Results wait in the outbox."""
    line.wait_told("output.failed")
    yield


RECEIVER = HttpReceiver(statuses=[-1] * 100)


@fault(changes={"outputs": f'[[output]]\nkind = "webhook"\nurl = "{RECEIVER.url}"\ntimeout_s = 120\n'})
def sink_hangs(line):
    """A receiver takes the connection and never answers."""
    yield
    RECEIVER.close()


@fault()
def database_locked(line):
    """Another program holds the outbox's database. Results wait in memory, and are stored when it lets go."""
    other = sqlite3.connect(line.folder / "outbox" / "outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    line.wait_told("output.unwritten")
    other.rollback()
    other.close()


@contextmanager
def small_disk(folder):
    """A file system of 2 MiB in place of a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: it takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(file):
    """No byte is left on its disk."""
    with file.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(b"x" * 1024)
        except OSError:
            return


def disk_full(line, code):
    filler = line.folder / "small" / "filler"
    fill(filler)
    yield
    line.wait_told(code)
    filler.unlink()


@fault(changes={"outbox": 'folder = "small/outbox"'})
def disk_full_of_the_outbox(line):
    """No byte is left on the outbox's disk. Results wait in memory until there is room."""
    yield from disk_full(line, "output.unwritten")


@fault(changes={"trace": 'folder = "small/trace"'})
def disk_full_of_the_trace(line):
    """No byte is left on the trace's disk. Records wait in memory, and no half of one is left."""
    yield from disk_full(line, "trace.unwritten")
