"""An engine over real sessions on two shares of the CPU, under load and with faults."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from lineside import Detector, Engine, LinesideError, SlicedDetector
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from lineside.core.errors import DeadModelError, DeviceUnavailableError, SettingsError, UnknownNameError
from lineside.core.frame import Frame
from lineside.core.placement import placements
from lineside.dispatch.front import EngineDetector
from lineside.dispatch.process_worker import ProcessWorker
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.recycling import Recycling
from lineside.dispatch.settings import Settings
from lineside.dispatch.slots import Slots
from lineside.dispatch.starting import Crew, Fittings, Offer
from lineside.dispatch.thread_worker import ThreadWorker
from lineside.dispatch.trust import Trust
from lineside.dispatch.units import Unit, UnitOpener
from lineside.dispatch.worker import WorkerModel
from lineside.engine.hardware import usable_cores
from lineside.testing.graphs import faulty
from lineside.testing.hand_workers import Mode, Script, TimedOpener
from lineside.testing.workers import ScriptedOpener

pytestmark = pytest.mark.skipif(usable_cores() < 2, reason="two shares of the CPU need two cores")
MODEL = "shipped:plant"


def same(one, other):
    return (
        np.array_equal(one.xyxy, other.xyxy)
        and np.array_equal(one.confidence, other.confidence)
        and np.array_equal(one.class_id, other.class_id)
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pictures():
    plant = Plant(PlantSettings("disc", seed=5, defect_rate=0.8))
    return [plant.render(part, 0)[0] for part in range(8)]


@pytest.fixture(scope="module")
def expected(cache, pictures):
    detector = Detector(MODEL, devices="cpu", threads=1, cache=cache)
    return [detector(picture) for picture in pictures]


@pytest.fixture(params=["thread", "process"])
def engine(request, cache):
    with Engine(MODEL, "cpu:0,cpu:1", isolation=request.param, cache=cache) as opened:
        yield opened


def test_results_are_those_of_a_detector(engine, pictures, expected):
    found = engine.infer_many(pictures * 3)
    assert all(same(a, b) for a, b in zip(found, expected * 3, strict=True))
    assert sum(len(each) for each in expected) > 0
    assert min(device.frames for device in engine.statistics().devices) > 0


def test_an_answer_tells_its_device_and_what_each_stage_took(engine, pictures):
    future = engine.submit(pictures[0])
    future.result()
    assert future.device in {device.name for device in engine.health().devices}
    assert set(future.seconds) == {"preprocess", "run", "postprocess"}
    assert all(took_s > 0 for took_s in future.seconds.values())


def test_thresholds_go_with_each_picture(engine, pictures, cache):
    detector = Detector(MODEL, devices="cpu", threads=1, cache=cache)
    for asked in ({"confidence": 0.05}, {"confidence": 0.6, "classes": ["scratch", "crack"]}):
        assert same(engine.submit(pictures[0], **asked).result(60), detector(pictures[0], **asked))
    with pytest.raises(UnknownNameError, match="scratsch"):
        engine.submit(pictures[0], classes=["scratsch"])
    with pytest.raises(SettingsError, match="confidense"):
        engine.submit(pictures[0], confidense=0.5)


def test_a_worker_that_is_killed_under_load_loses_no_picture_and_comes_back(cache, pictures, expected):
    with Engine(MODEL, "cpu:0,cpu:1", isolation="process", cache=cache) as engine:
        futures = [engine.submit(picture) for picture in pictures * 3]
        futures[2].result(60)
        pid = engine._roster.seats["cpu:0"].worker._link._process.pid
        os.kill(pid, signal.SIGKILL)
        futures += [engine.submit(picture) for picture in pictures * 2]
        assert all(same(f.result(60), e) for f, e in zip(futures, expected * 5, strict=True))
        until_s = time.monotonic() + 60
        while not engine.health().is_whole and time.monotonic() < until_s:
            engine.infer_many(pictures[:1])
        assert engine.health().is_whole
        assert engine.health().devices[0].starts == 2


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process is stopped here")
def test_a_worker_that_is_stopped_while_idle_does_not_outlive_its_engine(monkeypatch):
    monkeypatch.setattr("lineside.dispatch.works._END_S", 0.2)
    worker = lambda post: ProcessWorker("cpu", opener=ScriptedOpener(), post=post)  # noqa: E731 # one line
    engine = Engine.of(Crew({"cpu": worker}), Offer(WorkerModel("model", "scripted")))
    process = engine._roster.seats["cpu"].worker._link._process
    os.kill(process.pid, signal.SIGSTOP)
    engine.close()
    process.join(30)
    assert process.exitcode is not None


def test_a_swap_under_load_lets_nobody_wait_and_nobody_sees_both(cache, pictures, expected):
    detector = Detector("shipped:plant-int8", devices="cpu", threads=1, cache=cache)
    after = [detector(picture) for picture in pictures]
    with Engine(MODEL, "cpu:0,cpu:1", cache=cache) as engine:
        futures, stop = [], threading.Event()

        def feed():
            while not stop.is_set():
                number = len(futures) % len(pictures)
                futures.append((number, engine.submit(pictures[number], stream="top")))
                futures[-1][1].result(60)

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            engine.swap("shipped:plant-int8")
            switched = len(futures)
            while len(futures) < switched + 10:
                time.sleep(0.01)
        finally:
            stop.set()
            feeder.join()
        kinds = "".join(
            "o"
            if same(future.result(), expected[number])
            else "n"
            if same(future.result(), after[number])
            else "?"
            for number, future in futures
            if len(expected[number]) and not same(expected[number], after[number])
        )
        assert kinds.strip("o").strip("n") == ""
        assert kinds[0] == "o"
        assert kinds[-1] == "n"
        assert engine.card.file == "plant-int8.onnx"


def test_a_dead_model_never_gets_in(cache, pictures, expected, tmp_path):
    dead = tmp_path / "dead.onnx"
    dead.write_bytes(faulty.two_scores().SerializeToString())
    with Engine(MODEL, "cpu:0,cpu:1", cache=cache) as engine:
        with pytest.raises(LinesideError):
            engine.swap(dead)
        assert same(engine.submit(pictures[0]).result(60), expected[0])
        assert engine.card.file == "plant.onnx"


def test_a_proof_can_refuse_a_model_that_answers_otherwise(cache, pictures, expected):
    def proof(before, after):
        if not same(before(pictures[0]), after(pictures[0])):
            raise DeadModelError("it answers otherwise")

    with Engine(MODEL, "cpu:0,cpu:1", cache=cache) as engine:
        with pytest.raises(DeadModelError, match="otherwise"):
            engine.swap("shipped:plant-int8", proof=proof)
        assert same(engine.submit(pictures[0]).result(60), expected[0])


def test_a_device_that_does_not_exist_leaves_the_others_and_is_told(cache, pictures, expected):
    notes = []
    devices = f"cpu:0,cpu:{usable_cores()}"
    with Engine(MODEL, devices, cache=cache, note=lambda *what: notes.append(what)) as engine:
        assert same(engine.submit(pictures[0]).result(60), expected[0])
        assert engine.health().in_service == 1
    assert [code for code, _ in notes if code == "device.not_started"] == ["device.not_started"]
    with pytest.raises(DeviceUnavailableError, match="no share"):
        Engine(MODEL, devices, cache=cache, demotion="require")


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_an_entry_of_a_device_that_was_passed_over_is_told(cache, pictures, expected, isolation):
    notes = []
    unit = Unit("cpu", placements("webgpu:9,cpu?intra_op_num_threads=1"), isolation, "cpu")
    opener = UnitOpener(unit.entries, str(cache))
    kind = ThreadWorker if isolation == "thread" else ProcessWorker
    crew = Crew({"cpu": lambda post: kind("cpu", opener=opener, post=post)}, {"cpu": unit})
    fittings = Fittings(note=lambda *what: notes.append(what))
    with Engine.of(crew, Offer(WorkerModel("model", MODEL)), fittings) as engine:
        assert same(engine.submit(pictures[0]).result(60), expected[0])
        assert "asked for webgpu:9, runs on cpu" in engine.health().devices[0].demoted["model"]
    assert [code for code, _ in notes] == ["device.demoted"]


class HeldUp:
    """A model that was measured on a busy machine: its first runs, or all, take much longer than its own time."""

    batches = False

    def __init__(self, run_s):
        self._run_s = run_s

    def run(self, pictures, asked):
        time.sleep(self._run_s)
        return [0] * len(pictures)

    def probe(self, count):
        time.sleep(0.15)

    def cancel(self):
        pass


def held_up(run_s, notes):
    worker = lambda post: ThreadWorker("cpu", opener=lambda model: HeldUp(run_s), post=post)  # noqa: E731 # one line
    fittings = Fittings(deadline_s=0.1, note=lambda *what: notes.append(what))
    return Engine.of(Crew({"cpu": worker}), Offer(WorkerModel("model", "best.onnx")), fittings)


def test_a_line_that_was_held_up_while_it_was_measured_starts_and_says_so():
    notes = []
    with held_up(0.001, notes) as engine:
        assert [code for code, _ in notes] == ["deadline.tight"]
        assert engine.submit(np.zeros((4, 4, 3), np.uint8), deadline_s=float("inf")).result(60) == 0


def test_a_line_that_is_too_slow_is_refused_after_some_more_runs():
    with pytest.raises(
        SettingsError, match=r"deadline_s: 100 ms: .* with best\.onnx; .* more runs of single"
    ):
        held_up(0.12, [])


def test_slices_of_a_large_picture_are_spread_over_the_devices(cache, pictures):
    detector = Detector(MODEL, devices="cpu", threads=1, cache=cache)
    large = np.tile(pictures[0], (2, 2, 1))
    with Engine(MODEL, "cpu:0,cpu:1", cache=cache) as engine:
        spread = SlicedDetector(EngineDetector(engine), threads=4)(large)
        assert same(spread, SlicedDetector(detector)(large))
        assert min(device.frames for device in engine.statistics().devices) > 0


def scripted(count=2, seconds=0.004):
    scripts = [
        Script(ServiceTimes.linear(seconds, 0, 1), sees=lambda p: int(p[0, 0, 0])) for _ in range(count)
    ]

    def maker(number):
        return lambda post: ThreadWorker(f"d{number}", opener=TimedOpener(scripts[number]), post=post)

    crew = Crew({f"d{number}": maker(number) for number in range(count)})
    return scripts, Engine.of(crew, Offer(WorkerModel("model", "none.onnx")))


@pytest.mark.parametrize("mode", [Mode.ERROR, Mode.HANG])
def test_a_device_that_breaks_under_load_loses_no_picture_and_comes_back(mode):
    scripts, engine = scripted()
    with engine:
        futures: list = []

        def go_on(count):
            for _ in range(count):
                picture = np.full((1, 1, 3), len(futures) % 256, np.uint8)
                futures.append(engine.submit(picture, stream="top"))
                time.sleep(0.0025)

        go_on(50)
        scripts[0].breaks(mode)
        go_on(70)
        # Where it stood still while it was measured it seems slow, and is given a picture only when it was looked at anew.
        while not engine.statistics().devices[0].faults and len(futures) < 4000:
            go_on(1)
        scripts[0].heals()
        go_on(130)
        assert [future.result(10) for future in futures] == [number % 256 for number in range(len(futures))]
        until_s = time.monotonic() + 5
        while not engine.health().is_whole and time.monotonic() < until_s:
            time.sleep(0.01)
        assert engine.health().is_whole
        assert engine.statistics().devices[0].faults > 0


def test_a_busy_python_thread_beside_it_does_not_stop_the_line():
    _, engine = scripted()
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            sum(range(1000))

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        with engine:
            picture = np.zeros((1, 1, 3), np.uint8)
            assert [engine.submit(picture).result(10) for _ in range(50)] == [0] * 50
            assert sys.getswitchinterval() <= 0.0005
    finally:
        stop.set()
        spinner.join()


def test_a_deadline_shorter_than_the_fastest_device_is_refused_at_the_start_with_its_figure(cache):
    told = r"deadline_s: 0\.1 ms: the fastest device, cpu:[01], takes \d+\.\d ms for one picture at best with shipped:plant"
    with pytest.raises(SettingsError, match=told):
        Engine(MODEL, "cpu:0,cpu:1", cache=cache, deadline_s=0.0001)


def slotted(*, count=6, opener=None):
    """An engine over one process, and its slots."""
    slots = Slots(count, 24 * 32 * 3)
    opener = opener or ScriptedOpener(seconds=(0.0,))
    crew = Crew({"p": lambda post: ProcessWorker("p", opener=opener, post=post, slots=slots)}, slots=slots)
    patient = Settings(hang_s=30.0, suspect_margin_s=30.0)  # of a machine that is busy with other things
    return slots, Engine.of(crew, Offer(WorkerModel("model", "none.onnx")), Fittings(settings=patient))


def test_a_picture_that_was_written_into_a_buffer_reaches_a_process_without_a_copy():
    slots, engine = slotted()
    with engine:
        held = engine.submit(engine.buffers.lend((24, 32, 3)), do="hang")
        image = engine.buffers.lend((24, 32, 3))
        image[:] = 1
        frame = Frame(image, "top", 0)
        future = engine.submit(frame)
        image[:] = 2  # nobody may do this; here it shows where the worker looks
        engine._roster.seats["p"].worker.cancel(1)
        assert future.result(30).total == 2 * 24 * 32 * 3
        assert held.exception(30) is not None
        assert engine.health().buffers.copied == 0
        del image, frame, held, future
    assert slots.free == slots.count


def test_no_buffer_is_lost_over_ten_thousand_pictures_used_or_not():
    slots, engine = slotted()
    with engine:
        total = 0
        for number in range(10_000):
            image = engine.buffers.lend((24, 32, 3))
            image[:] = number % 200
            if number % 7 == 6:
                del image  # a picture that nobody wanted
                continue
            if number % 7 == 5:
                engine.buffers.give_back(image)
                continue
            seen = engine.submit(Frame(image, "top", number)).result(30)
            total += seen.total == (number % 200) * 24 * 32 * 3
        assert total == sum(number % 7 < 5 for number in range(10_000))
        del image
        standing = engine.health().buffers
        assert (standing.count, standing.free, standing.elsewhere, standing.copied) == (6, 6, 0, 0)
    assert slots.free == slots.count


def test_buffers_are_lent_whatever_workers_live_in_and_answers_are_the_same(cache, pictures, expected):
    shape = pictures[0].shape
    for isolation in ("thread", "process"):
        with Engine(
            MODEL, "cpu:0,cpu:1", isolation=isolation, cache=cache, buffers=4, picture_shape=shape
        ) as engine:
            images = [engine.buffers.lend(shape) for _ in pictures]
            for image, picture in zip(images, pictures, strict=True):
                image[:] = picture
            found = engine.infer_many(images)
            assert all(same(a, b) for a, b in zip(found, expected, strict=True))
            assert engine.health().buffers.copied == 0
            assert engine.health().buffers.elsewhere == (4 if isolation == "thread" else 0)
    with pytest.raises(SettingsError, match="buffers: expected a number of pictures"):
        Engine(MODEL, "cpu:0", cache=cache, buffers=-1)


@pytest.mark.parametrize(
    "recycling",
    [Recycling(age_s=0.3, every_s=0.01), Recycling(growth_bytes=64 << 20, every_s=0.01)],
    ids=["age", "memory"],
)
def test_processes_that_are_replaced_for_age_or_memory_lose_no_picture(recycling):
    opener = ScriptedOpener(seconds=(0.003,))
    leaks = recycling.growth_bytes is not None

    def maker(name):
        return lambda post: ProcessWorker(name, opener=opener, post=post, recycling=recycling)

    patient = Settings(hang_s=30.0, suspect_margin_s=30.0)
    crew = Crew({name: maker(name) for name in ("p", "q")})
    with Engine.of(crew, Offer(WorkerModel("model", "none.onnx")), Fittings(settings=patient)) as engine:
        futures, pids = [], set()
        until_s = time.monotonic() + 60
        while min(device.starts for device in engine.health().devices) < 3 and time.monotonic() < until_s:
            image = np.full((4, 4, 3), len(futures) % 251, np.uint8)
            asked = {"do": "leak"} if leaks and len(futures) % 10 == 0 else {}
            futures.append(engine.submit(image, stream="top", **asked))
            if len(futures) > 6:
                futures[-6].result(60)
        for number, future in enumerate(futures):
            seen = future.result(60)
            pids.add(seen.pid)
            assert seen.total == number % 251 * 48
        statistics = engine.statistics()
        assert len(pids) >= 4
        assert statistics.released == statistics.arrived == len(futures)
        assert sum(device.faults for device in statistics.devices) == 0


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_fault_of_our_own_at_the_start_is_told_and_waited_for_by_nobody(cache, isolation, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(Trust, "begin", broken)
    with pytest.raises(DeviceUnavailableError, match="its start failed in lineside: ZeroDivisionError"):
        Engine(MODEL, "cpu:0", cache=cache, isolation=isolation)


def test_a_proof_that_is_none_is_refused_before_anything_is_loaded(cache):
    with Engine(MODEL, "cpu:0", cache=cache) as engine:
        with pytest.raises(SettingsError, match="proof: expected a function of two models"):
            engine.swap(MODEL, proof=5)
        assert engine.health().is_whole
