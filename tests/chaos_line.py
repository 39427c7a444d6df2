"""A whole line over the drawn plant, its plant's control, and the means to break any of it."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos_cameras import Knob
from lineside.capture.health.baseline import Baseline
from lineside.capture.health.measures import measure
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.query import PlantQuery
from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.dispatch.engine import Engine
from lineside.dispatch.settings import Settings
from lineside.dispatch.starting import Fittings, read_offer
from lineside.line.board import Board
from lineside.line.line import Line
from lineside.line.outside import Outside
from lineside.line.settings.reading import LineSettings
from lineside.outputs.plant.codes import VERDICT_CODES
from lineside.outputs.trace.reading import sound_records
from lineside.outputs.trace.verify import verify
from lineside.testing.faults import breakable_staff
from lineside.testing.plc.modbus import ModbusClientPlc
from lineside.testing.plc.simulator import PlcSimulator
from peers import until

if TYPE_CHECKING:
    from collections.abc import Callable

VIEWS = ("top", "side")
DRAWN = "disc?seed=41&size=320x320"
FIRST_ID = 101  # the control's numbers are not the line's
LONG_S = 60.0

SETTINGS = """
schema = 1
[line]
name = "chaos"
deadline_ms = {deadline_ms}
{line}
{cameras}
[recipes]
folder = "recipes"
product = "disc"
[devices]
priority = ["cpu"]
{plant}
{ejector}
[[output]]
kind = "folder"
path = "kept"
{outputs}
[outbox]
first_pause_s = 0.05
longest_pause_s = 0.2
min_free_bytes = 0
{outbox}
[trace]
min_free_bytes = 0
{trace}
"""
CAMERA = """
[[camera]]
id = "{view}"
source = "synthetic:{drawn}&camera={view}"
trigger = "{trigger}"
{camera}
"""
MODBUS = """
[plant]
kind = "modbus_server"
port = {port}
silence_s = 600
answer_timeout_s = 600
acknowledge_timeout_s = {acknowledge_s}
depth = {depth}
"""
TCP = """
[plant]
kind = "tcp"
port = 0
answer_timeout_s = 600
acknowledge_timeout_s = 600
"""
DELAY_S, PULSE_S = 3.0, 0.6  # a busy machine may hold a loop up for less than a pulse
EJECTOR = f"""
[ejector]
delay_ms = {DELAY_S * 1e3}
pulse_ms = {PULSE_S * 1e3}
output = {{ kind = "file", path = "valve" }}
heartbeat = {{ kind = "file", path = "heart" }}
heartbeat_ms = 100
"""
BY_ENCODER = {
    "ejector": EJECTOR.replace(f"delay_ms = {DELAY_S * 1e3}", 'delay_pulses = 1000.0\nencoder = "count"')
}
EJECTING = {"deadline_ms": 3000, "ejector": EJECTOR}
USUAL = {
    "deadline_ms": 60_000,
    "line": "",
    "trigger": "plc",
    "camera": "",
    "plant": MODBUS,
    "port": 0,
    "acknowledge_s": 600,
    "depth": 1,
    "ejector": "",
    "outputs": "",
    "outbox": "",
    "trace": "",
    "drawn": DRAWN,
}

RECIPE = """
schema = 1
code = "disc"
[model]
path = "{model}"
[[rule]]
kind = "forbid"
min_confidence = 0.3
{baselines}
[end]
"""
MODEL = "shipped:plant"


def learned():
    """What is usual for each camera, as texts of JSON."""
    plant = Plant(PlantQuery(DRAWN).settings(10**7))
    plant.warm()
    return {
        view: json.dumps(
            Baseline.learned([measure(plant.render(1000 + n, number)[0]) for n in range(40)]).to_dict()
        )
        for number, view in enumerate(VIEWS)
    }


def write_settings(folder, baselines, **changes):
    """The line's settings and its recipe; the file."""
    recipes = folder / "recipes"
    recipes.mkdir(exist_ok=True)
    for view, text in baselines.items():
        (recipes / f"{view}.json").write_text(text)
    usual = "".join(f'[baseline.{view}]\nfile = "{view}.json"\n' for view in baselines)
    (folder / "count").write_text("0000000")
    (recipes / "disc.toml").write_text(RECIPE.format(model=MODEL, baselines=usual))
    how = USUAL | changes
    how["cameras"] = "".join(CAMERA.format(view=view, **how) for view in baselines)
    how["plant"] = how["plant"].format(**how)
    (folder / "line.toml").write_text(SETTINGS.format(**how))
    return folder / "line.toml"


class Breaker:
    """Breaks the engine's device, for every line that uses it.

    Attributes:
        what: What is broken; `None` for nothing.
        slow_s: Each run waits so long first.
        met: How many runs met what is broken.
    """

    def __init__(self):
        self.what, self.slow_s, self.met = None, 0.0, 0
        self.hangs = threading.Event()
        self.goes_on = threading.Event()

    def broken(self):
        self.met += bool(self.what or self.hangs.is_set())
        if self.hangs.is_set():
            self.goes_on.wait(LONG_S)
        if self.slow_s:
            time.sleep(self.slow_s)
        return self.what

    def broke(self, picture, device):
        """Nothing is noted."""


PATIENT = Settings(hang_factor=30.0)  # a busy machine is no fault: a run that hangs here hangs for long


class SharedEngine:
    """One engine for many lines, because a model takes seconds to open. A line borrows it as its own, and cannot close it."""

    def __init__(self, make):
        self.breaker = Breaker()
        self._notes, self._late = (lambda *_: None), (lambda *_: None)
        self.engine = make(self)

    def lend(self, model, devices, **how):
        """What a line opens in place of an engine: this one, for the model that it has."""
        if model != MODEL:
            return Engine(model, devices, **how)
        self._notes, self._late = how["note"], how["late_result"]
        return Borrowed(self.engine)

    def note(self, code, sentence):
        self._notes(code, sentence)

    def late_result(self, *result):
        self._late(*result)

    @classmethod
    def of_threads(cls, devices="cpu"):
        """With workers that are threads; the model of the first can be broken."""

        def make(shared):
            crew = breakable_staff(devices, shared.breaker, clock=time.monotonic)
            fittings = Fittings(settings=PATIENT, note=shared.note, late_result=shared.late_result)
            return Engine.of(crew, read_offer(MODEL, None, name="model"), fittings)

        return cls(make)

    @classmethod
    def of_slow(cls):
        """One that learns how slow it is, which no other line should hear of."""
        return cls.of_threads()

    @classmethod
    def of_two(cls):
        """With two devices, of which the first can be broken."""
        return cls.of_threads(["cpu:0", "cpu:1"])

    @classmethod
    def of_processes(cls):
        """With a worker that is a process, which can be killed."""
        return cls(
            lambda shared: Engine(
                MODEL, "cpu", isolation="process", note=shared.note, late_result=shared.late_result
            )
        )


class Borrowed:
    """An engine that does not end with the line."""

    def __init__(self, engine):
        self._engine = engine

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def close(self):
        """It goes on for the next line."""


class Output:
    """A digital output that keeps when it was switched, and fails when a test says so.

    Attributes:
        log: Each moment, and whether it was switched on.
        jams: Nothing moves it.
    """

    def __init__(self):
        self.log, self.jams = [], False

    def set(self, *, on):
        if self.jams:
            raise OutputError("the output's driver is gone")
        self.log.append((time.monotonic(), on))

    def close(self):
        """It has no file."""

    @property
    def pulses(self):
        """From when to when it was on."""
        ends = [at_s for at_s, on in self.log if not on] + [math.inf]
        return [(at_s, min(end_s for end_s in ends if end_s >= at_s)) for at_s, on in self.log if on]


@dataclass
class Running:
    """A line that runs.

    Attributes:
        folder: Where its settings are.
        baselines: What is usual for its cameras.
        shared: Its engine.
        outputs: Its digital outputs, by the path that the settings give them.
        skew_s: What the wall clock is off by.
        told: Codes of everything that people were told.
    """

    folder: object
    baselines: dict
    shared: SharedEngine
    changes: dict = field(default_factory=dict)
    cameras: dict = field(default_factory=lambda: {view: Knob() for view in VIEWS})
    outputs: dict = field(default_factory=lambda: defaultdict(Output))
    answers: list = field(default_factory=list)
    told: list = field(default_factory=list)
    skew_s: float = 0.0

    def __enter__(self):
        settings = LineSettings.read(write_settings(self.folder, self.baselines, **self.changes))
        outside = Outside(
            camera=lambda how: self.cameras[how.id].open(how),
            engine=self.shared.lend,
            switch=lambda table: self.outputs[table["path"]],
            wall_clock=lambda: time.time() + self.skew_s,
        )
        board = Board()
        board.listen(lambda code, sentence: self.told.append((code, sentence)))
        self.line = Line(settings, board=board, outside=outside)
        self.line.hear(self.answers.append)
        self._pool = ThreadPoolExecutor(1)
        is_ready = threading.Event()
        self._run = self._pool.submit(self.line.run, ready=is_ready.set)
        while not is_ready.wait(0.02):
            assert not self._run.done(), self._run.exception()
        self.begin()
        self.wait_ready()
        return self

    def __exit__(self, *_):
        for knob in self.cameras.values():
            knob.recovers()
        self.line.stop()
        self.statistics = self._run.result(LONG_S)
        self._pool.shutdown()
        self.end()

    def begin(self):
        """What is beside the line begins."""

    def end(self):
        """It ends."""

    def wait(self, holds, what):
        until(holds, what, LONG_S)

    def wait_told(self, code, times=1):
        self.wait(lambda: sum(code == each for each, _ in self.told) >= times, code)

    def wait_answered(self, count):
        self.wait(lambda: len(self.answers) >= count, f"{count} answers")

    def wait_ready(self):
        """Cameras are there, and all devices in service."""
        parts = self.line._built.parts
        self.wait(lambda: not parts.absence(), "a device in service")
        away = {"quarantined", "probing", "lost"}
        self.wait(lambda: not any(row.health in away for row in parts.devices()), "all devices in service")
        self.wait(lambda: not any(s.away for s in self.line._built.cameras.values()), "all cameras")

    def check_kept(self):
        """Each part is in the trace once, with its verdict, and its chain is whole; and each reached the output."""
        expected = {a.part: str(a.verdict) for a in self.answers}
        trace = self.line.settings.path(self.line.settings.document.trace.folder)
        records = [record for record in sound_records(trace) if record.get("kind") == "part"]
        assert Counter(r["part"] for r in records) == Counter(expected.keys())
        assert {r["part"]: r["verdict"] for r in records} == expected
        assert verify(trace).is_sound
        kept = [json.loads(path.read_text()) for path in (self.folder / "kept").rglob("*.json")]
        assert Counter(r["part"] for r in kept) == Counter(expected.keys())


@dataclass
class Chaos(Running):
    """A line whose control asks for each part.

    Attributes:
        control: Makes the control's end of the link.
        affected: The control's numbers of the parts that a fault may cost.
        triggered: All its numbers, in order.
        unread: Numbers whose answers the control did not read.
        missed: The line's numbers of parts that nothing could eject.
    """

    control: Callable = ModbusClientPlc
    affected: set = field(default_factory=set)
    unread: set = field(default_factory=set)
    triggered: list = field(default_factory=list)
    missed: set = field(default_factory=set)

    def begin(self):
        self.peer = self.control()
        self.peer.attach(self.line._built.parts.plant._links[0])
        self.plc = PlcSimulator(self.peer, timeout_s=LONG_S)

    def end(self):
        self.peer.close()

    @property
    def next_id(self):
        return FIRST_ID + len(self.triggered)

    def trigger(self, *, affected=False, **how):
        """A part comes, and its answer is not waited for."""
        number = self._counted(affected)
        self.carry()
        self.plc.trigger(number, **how)
        return number

    def carry(self):
        """The belt moves on by 20 pulses, as far as its encoder is there."""
        with (self.folder / "count").open("r+") as file:  # in place: an empty file would be no count
            text = file.read()
            if text.isdigit():
                file.seek(0)
                file.write(f"{int(text) + 20:07}")

    def parts(self, count, *, affected=False, **how):
        """Parts come one after the other, each answered and acknowledged."""
        for _ in range(count):
            if not affected:  # else the control triggers whatever lineside says of itself
                self.plc.wait(lambda status: status.ready, "ready")
            self.trigger(affected=affected, **how)
            self.plc.acknowledge()

    def _counted(self, affected):
        number = self.next_id
        self.triggered.append(number)
        if affected:
            self.affected.add(number)
        return number

    def wait_ready(self):
        """And the control may trigger."""
        super().wait_ready()
        self.plc.wait(lambda status: status.ready and not status.fault, "ready")

    def by_number(self):
        """The line's answers by the control's number, in order."""
        found = defaultdict(list)
        for answer in sorted(self.answers, key=lambda each: each.part):
            found[answer.origin.trigger].append(answer)
        return found

    def check_once(self):
        """Each trigger was answered exactly once: by the line, and to the control, alike."""
        assert Counter(a.part for a in self.answers) == Counter(range(self.statistics.triggered))
        told = Counter(status.answered_id for status in self.plc.answers)
        assert told == Counter(n for n in self.triggered if n not in self.unread)
        owed = {number: deque(answers) for number, answers in self.by_number().items()}
        for status in self.plc.answers:
            answers = owed.get(status.answered_id)
            verdict = answers.popleft().verdict if answers else Verdict.UNKNOWN  # the link itself refused it
            assert status.verdict == VERDICT_CODES[verdict], status

    def check_ejected(self):
        """Whatever did not pass was moved off at its place, and nothing else was."""
        if "delay_ms" not in self.changes.get("ejector", ""):
            return
        pulses = self.outputs["valve"].pulses
        bad = [a for a in self.answers if a.verdict is not Verdict.PASS and a.part not in self.missed]
        assert bad, "no part had to be ejected"
        for answer in bad:
            due_s = answer.triggered_s + DELAY_S
            assert any(on_s - PULSE_S <= due_s <= off_s for on_s, off_s in pulses), (answer.part, pulses)
        places = [a.triggered_s + DELAY_S for a in self.answers if a.verdict is not Verdict.PASS]
        assert all(any(due_s <= on_s <= due_s + PULSE_S for due_s in places) for on_s, _ in pulses), (
            places,
            pulses,
        )


APART_S = 0.06
"""Parts on a wire have to be more than two windows of 20 ms apart."""


class Wired(Running):
    """A line without a control, whose cameras hang on the wire of a sensor."""

    sensed_s = 0.0

    def sensor(self, *views):
        """A part passes the sensor, far enough from the last one to be told from it, and those cameras see it; the number that it is drawn by."""
        time.sleep(max(self.sensed_s + APART_S - time.monotonic(), 0))
        self.sensed_s = time.monotonic()
        number = len(self.answers)
        for view in views or VIEWS:
            self.cameras[view].camera.expect(number)
            self.cameras[view].camera.trigger()
        return number

    def parts(self, count):
        """Parts pass one after the other."""
        for _ in range(count):
            self.sensor()
            self.wait_answered(len(self.answers) + 1)


@dataclass
class Free(Running):
    """A line with one camera, which runs free: each of its pictures is a part."""

    def __post_init__(self):
        self.baselines = {VIEWS[0]: self.baselines[VIEWS[0]]}

    @property
    def knob(self):
        return self.cameras[VIEWS[0]]

    @property
    def judged(self):
        """The answers but for those to pictures that came when the line was told to stop."""
        return [answer for answer in self.answers if answer.reason is not Reason.STOPPING]

    def drawn(self, answer):
        """The number that an answer's picture is drawn by; `None` for a picture that must cost its part."""
        seen = next(a for a in self.answers if a.views[0].frame is not None)
        before = self.knob.shown.index(seen.views[0].frame.device_frame) - seen.part
        return self.knob.shown[before + answer.part]

    def wait_well(self):
        """What was shown last of all that is ill is answered, and something after it."""
        ill = max(place for place, number in enumerate(self.knob.shown) if number is None)
        self.wait(lambda: None not in map(self.drawn, self.answers[-1:]), "a picture after it")
        self.wait(lambda: self.answers[-1].part > ill, "the answers")


def said(answer):
    """What must be the same in two runs: the verdict and its grounds."""
    return answer.verdict, answer.reason, answer.detail
