"""An engine over workers that are ended by hand: what its callers see."""

from __future__ import annotations

import asyncio
import pickle
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from engine_rig import EngineRig, numbered, picture
from lineside.core.errors import (
    DeadModelError,
    DeviceLostError,
    DeviceMemoryError,
    DeviceUnavailableError,
    ImageFormatError,
    ModelError,
    SettingsError,
    UnansweredError,
)
from lineside.core.frame import Frame
from lineside.core.verdict import Reason
from lineside.dispatch.engine import Engine
from lineside.dispatch.events import ModelLoaded
from lineside.dispatch.memory_admission import MemoryAdmission
from lineside.dispatch.profile import ServiceTimes
from lineside.dispatch.recycling import Recycling
from lineside.dispatch.settings import Settings
from lineside.dispatch.starting import Fittings
from lineside.dispatch.units import Unit
from lineside.dispatch.words import Fault, Health
from lineside.dispatch.worker import WorkerModel


def test_a_picture_is_answered_with_what_its_worker_saw():
    rig = EngineRig(devices=("a",))
    future = rig.submit()
    assert not future.done()
    rig.done("a")
    assert future.result(0) == 0


def test_pictures_go_to_whichever_device_is_free():
    rig = EngineRig(devices=("a", "b"))
    rig.submit()
    rig.submit()
    assert [len(worker.given) for worker in rig.workers.values()] == [1, 1]


def test_what_is_asked_for_goes_with_the_picture():
    rig = EngineRig(devices=("a",))
    rig.engine.submit(picture(), confidence=0.7)
    assert rig.workers["a"].given[0].asked == ({"confidence": 0.7},)


def test_a_generator_of_classes_is_for_every_picture_of_many():
    asked = []
    rig = EngineRig(devices=("a",))
    rig.workers["a"].at_once = lambda given: asked.extend(given.asked) or numbered(given)
    rig.engine.infer_many([picture()] * 3, classes=(name for name in "xy"))
    assert asked == [{"classes": ("x", "y")}] * 3


def test_a_picture_without_an_answer_by_its_deadline_is_an_error_that_says_why():
    rig = EngineRig(devices=("a",))
    future = rig.submit(within_s=0.02)
    rig.wait(0.03)
    refusal = future.exception(0)
    assert isinstance(refusal, UnansweredError)
    assert refusal.reason is Reason.LATE
    assert refusal.code == "dispatch.unanswered"


def test_the_result_of_a_late_picture_is_told_beside_the_answer():
    rig = EngineRig(devices=("a",))
    rig.submit("top", within_s=0.02)
    rig.wait(0.025)
    rig.done("a")
    assert rig.late == [("top", 0, "a")]


def test_a_fault_of_the_callers_own_functions_is_logged_and_stops_nothing(caplog):
    rig = EngineRig(devices=("a", "b"), note=lambda *_: 1 / 0, late_result=lambda *_: 1 / 0)
    rig.submit("top", within_s=0.02)
    rig.wait(0.025)
    rig.done("a")
    futures = [rig.submit() for _ in range(2)]
    rig.workers["a"].fail()
    rig.work()
    assert [future.result(0) for future in futures] == [1, 2]
    assert {record.exc_info[0] for record in caplog.records} == {ZeroDivisionError}
    assert "late_result('top', 'a') failed" in caplog.text
    assert "note('device.quarantined', 'a is out of service:" in caplog.text


def test_an_unanswered_error_survives_its_way_between_processes():
    error = pickle.loads(pickle.dumps(UnansweredError("too late", Reason.LATE)))
    assert (str(error), error.reason) == ("too late", Reason.LATE)


def test_answers_of_a_stream_come_in_its_order():
    rig = EngineRig(devices=("a", "b"))
    rig.submit("top")
    rig.submit("top")
    rig.done("b")
    assert rig.settled == []
    rig.done("a")
    assert rig.settled == [0, 1]


def test_answers_to_bare_pictures_do_not_wait_for_each_other():
    rig = EngineRig(devices=("a", "b"))
    rig.submit()
    rig.submit()
    rig.done("b")
    assert rig.settled == [1]


def test_a_frame_brings_its_stream_and_its_name():
    rig = EngineRig(devices=("a",))
    future = rig.engine.submit(Frame(picture(), "top", 7), deadline_s=0.0)
    rig.wait(0.01)
    with pytest.raises(UnansweredError, match="top #7"):
        future.result(0)


def test_of_a_live_view_only_the_newest_picture_waits():
    rig = EngineRig(devices=("a",))
    rig.submit("view", 0.1, delivery="latest")
    older = rig.submit("view", 0.1, delivery="latest")
    rig.submit("view", 0.1, delivery="latest")
    rig.done("a")
    assert older.exception(0).reason is Reason.OVERLOAD


def test_a_run_that_fails_is_done_elsewhere_and_nobody_notices():
    rig = EngineRig(devices=("a", "b"))
    future = rig.submit()
    rig.workers["a"].fail()
    rig.done("b")
    assert future.result(0) == 0
    assert rig.engine.statistics().retried == 1


def test_a_worker_that_answers_too_few_results_has_failed():
    rig = EngineRig(devices=("a", "b"))
    future = rig.submit()
    rig.workers["a"].end(lambda _: [])
    rig.done("b")
    assert future.result(0) == 0
    assert "answered 0 of 1" in rig.engine.health().devices[0].detail


def test_a_picture_that_breaks_two_devices_is_answered_as_such_and_they_serve_on():
    rig = EngineRig(devices=("a", "b", "c"))
    future = rig.submit()
    rig.workers["a"].fail()
    rig.workers["b"].fail()
    assert future.exception(0).reason is Reason.IMAGE_UNHEALTHY
    assert rig.engine.health().devices[1].health is Health.HEALTHY


def test_a_worker_that_dies_is_told_started_again_and_proven_before_it_serves():
    rig = EngineRig(devices=("a", "b"))
    rig.wait(1.0)
    future = rig.submit()
    rig.workers["a"].die("signal 9")
    rig.done("b")
    assert future.result(0) == 0
    rig.wait(0.0)
    assert rig.workers["a"].starts == 2
    assert rig.engine.health().devices[0].health is Health.PROBING
    rig.done("a")
    rig.done("a")
    assert rig.engine.health().is_whole
    assert [code for code, _ in rig.notes] == ["device.quarantined", "device.back"]
    assert "signal 9" in rig.notes[0][1]


def test_a_worker_that_comes_and_goes_is_started_less_and_less_often():
    rig = EngineRig(devices=("a", "b"))
    rig.refuse("a")
    rig.workers["a"].die()
    rig.wait(1.0)
    in_a_second = rig.workers["a"].starts
    rig.wait(60.0)
    in_a_minute = rig.workers["a"].starts
    rig.wait(600.0)
    assert in_a_second <= 5
    assert in_a_minute <= 35
    assert rig.workers["a"].starts - in_a_minute <= 11


def test_a_worker_that_hangs_is_replaced_and_its_late_answer_is_harmless():
    rig = EngineRig(devices=("a", "b"))
    future = rig.submit()
    stuck = list(rig.workers["a"].given)
    rig.wait(0.02)
    rig.done("b")
    rig.wait(0.11)
    assert stuck[0].cancelled
    rig.wait(0.3)
    assert rig.workers["a"].starts == 2
    assert future.result(0) == 0


def test_what_is_no_picture_is_refused_at_once():
    rig = EngineRig(devices=("a",))
    with pytest.raises(ImageFormatError, match="float32"):
        rig.engine.submit(np.zeros((4, 4, 3), np.float32))


@pytest.mark.parametrize("deadline_s", ["soon", float("nan"), True])
def test_a_deadline_that_is_no_moment_is_refused(deadline_s):
    with pytest.raises(SettingsError, match="deadline_s"):
        EngineRig(devices=("a",)).engine.submit(picture(), deadline_s=deadline_s)


def test_an_engine_does_not_start_with_a_deadline_that_no_device_can_keep():
    spent = []
    with pytest.raises(
        SettingsError,
        match=r"deadline_s: 1\.5 ms: the fastest device, a, takes 1\.9 ms for one .* 20 more runs .* none kept it",
    ):
        EngineRig(devices=("a", "b"), deadline_s=0.0015, takes=noted(spent, [0.0019] * 99))
    assert len(spent) == 20
    with pytest.raises(SettingsError, match="deadline_s: expected seconds above 0"):
        EngineRig(devices=("a",), deadline_s=0)


def noted(spent, takes):
    for each in takes:
        spent.append(each)
        yield each


def test_a_deadline_that_only_the_measurement_did_not_keep_is_kept_and_told_as_tight():
    spent = []
    rig = EngineRig(devices=("a",), deadline_s=0.0015, takes=noted(spent, [0.004, 0.0021, 0.001, 0.001]))
    assert spent == [0.004, 0.0021, 0.001]  # it stops at the first that is in time
    (note,) = rig.notes
    assert note[0] == "deadline.tight"
    assert "deadline_s: 1.5 ms: a run of one picture usually takes 2." in note[1]
    assert "the shortest took 1.0 ms on a" in note[1]
    assert rig.engine.health().tight_deadline.startswith("deadline_s: 1.5 ms")


def test_a_tight_deadline_that_is_kept_from_then_on_is_tight_no_more():
    rig = EngineRig(devices=("a",), deadline_s=0.0015, takes=[0.0014] * 99)
    assert [code for code, _ in rig.notes] == ["deadline.tight"]
    for _ in range(20):
        rig.submit(within_s=1.0)
    assert rig.engine.health().tight_deadline == ""


def test_a_deadline_with_room_runs_nothing_before_the_first_picture():
    rig = EngineRig(devices=("a",), deadline_s=0.02, takes=[])
    assert (rig.notes, rig.engine.statistics().arrived) == ([], 0)
    assert rig.engine.health().tight_deadline == ""


def test_an_engines_deadline_is_that_of_pictures_which_bring_none():
    rig = EngineRig(devices=("a",), deadline_s=0.01)
    late, patient, many = rig.submit(), rig.submit(within_s=float("inf")), rig.engine.submit_each([picture()])
    next_one = threading.Thread(target=lambda: list(many))
    next_one.start()
    rig.wait(0.02)
    assert late.exception(0).reason is Reason.LATE
    assert not patient.done()
    while rig.workers["a"].given or next_one.is_alive():
        if rig.workers["a"].given:
            rig.done("a")
    assert patient.result(0) == 1


def test_a_stream_that_asks_for_answers_sooner_than_any_device_has_one_is_told_once():
    rig = EngineRig(devices=("a",))
    first = rig.submit("top", within_s=0.001)
    assert "the fastest device, a, takes 2.0 ms for one picture at best, and 1.0 ms were left" in str(
        first.exception(0)
    )
    assert rig.notes == []
    for _ in range(4):
        rig.submit("top", within_s=0.001)
        rig.submit("side", within_s=0.1)
    sentence = "top: its pictures come 1.0 ms before their answer is due; the fastest device, a, takes 2.0 ms for one picture at best, so none has one"
    assert rig.notes == [("deadline.too_short", sentence)]
    assert rig.engine.health().short_deadlines == (sentence,)
    rig.submit("top", within_s=0.1)
    assert rig.engine.health().short_deadlines == ()


def test_a_stream_for_each_part_is_not_kept_for_ever_and_those_in_use_stay_in_order(monkeypatch):
    for module in ("reception", "short_deadlines"):
        monkeypatch.setattr(f"lineside.dispatch.{module}._KEPT", 8, raising=False)
    rig = EngineRig(devices=("a", "b"))
    rig.submit("top", within_s=60.0, delivery="latest")
    for number in range(30):
        for stream in (f"part {number}", "side", "view"):
            rig.engine.submit(picture(), stream=stream, deadline_s=0.001, delivery="latest")
    rig.submit("top", within_s=60.0, delivery="latest")
    assert len(rig.engine._reception._streams["latest"]) <= 8
    assert len(rig.engine._desk.ask(lambda scheduler: scheduler._placing.short._seen)) <= 8
    assert [text.partition(":")[0] for _, text in rig.notes] == ["side", "view"]  # each told once
    rig.done("b")
    assert rig.settled == []
    rig.done("a")
    assert rig.settled == [0, 1]


def test_a_deadline_that_was_meant_from_now_on_is_told_what_it_is():
    rig = EngineRig(devices=("a",))
    rig.wait(100.0)
    futures = [rig.engine.submit(picture(), stream="top", deadline_s=0.02) for _ in range(3)]
    meant = "`deadline_s` is a moment of the engine's clock, such as time.monotonic() + 0.02"
    assert f"it was due 99980.0 ms before it came. {meant}" in str(futures[0].exception(0))
    (sentence,) = rig.engine.health().short_deadlines
    assert f"99980.0 ms after their answer is due, so none has one. {meant}" in sentence
    held_up = rig.engine.submit(picture(), deadline_s=99.99)
    assert str(held_up.exception(0)).endswith("it was due 10.0 ms before it came")


def test_pictures_that_were_held_up_now_and_then_make_no_alarm():
    rig = EngineRig(devices=("a",))
    for _ in range(5):
        rig.submit("top", within_s=0.001)
        rig.submit("top", within_s=0.1)
    assert rig.notes == []


def test_a_model_that_no_device_is_done_with_by_the_engines_deadline_does_not_get_in():
    rig = EngineRig(devices=("a",), deadline_s=0.003)
    rig.workers["a"].times_of = {"model@2": ServiceTimes.linear(0.004, 0, 1)}
    rig.work_by_itself("a", [0.0035] * 99)
    with pytest.raises(
        SettingsError,
        match=r"deadline_s: 3 ms: the fastest device, a, takes 3\.5 ms .* with new\.onnx; after .* 20 more runs",
    ):
        swap_by_engine(rig)
    assert rig.workers["a"].models == ["model"]


def test_a_model_that_keeps_the_engines_deadline_when_it_is_tried_again_gets_in():
    rig = EngineRig(devices=("a",), deadline_s=0.003)
    rig.workers["a"].times_of = {"model@2": ServiceTimes.linear(0.04, 0, 1)}
    rig.work_by_itself("a", [0.05, 0.04, 0.002])
    swap_by_engine(rig)
    assert rig.workers["a"].models == ["model@2"]
    assert [code for code, _ in rig.notes] == ["deadline.tight"]


def swap_by_engine(rig):
    """A swap as `Engine.swap` does it, once the file has been read."""
    from lineside.dispatch.starting import Offer

    done = threading.Event()

    def work():
        while not done.is_set():
            if rig.workers["a"].given:
                rig.done("a")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        rig.engine._swap(Offer(WorkerModel("model@2", "new.onnx")), None)
    finally:
        done.set()
        worker.join()


class Card:
    """A maker's library over one card that a test fills."""

    def __init__(self):
        self.used, self.total = 1000, 900_000_000

    def read(self):
        return {"pci:0000:0a:00.0": {"memory_bytes": self.used, "memory_free_bytes": self.total - self.used}}

    def events(self):
        return []


def test_a_model_that_a_card_has_no_memory_for_is_refused_before_it_is_loaded(tmp_path):
    card = Card()

    def prepare(worker):
        card.used += 400_000_000  # what the first model takes when it is opened

    rig = EngineRig(
        devices=("a",),
        units={"a": Unit("a", (), "process", "pci:0000:0a:00.0")},
        prepare=prepare,
        libraries=lambda: ({"nvidia": card}, {}),
    )
    card.used = 899_900_000
    with pytest.raises(
        DeviceMemoryError, match=r"a has 0 MB of memory free, and it needs about \d+ MB .* ran before runs on"
    ):
        rig.engine.swap("shipped:plant")
    assert rig.workers["a"].models == ["model"]
    rig.submit()
    rig.done("a")
    assert rig.futures[0].result(0) == 0


def test_a_model_is_reckoned_with_what_the_first_one_took_for_each_byte_of_its_file():
    readings = {"a": {"memory_bytes": 100.0, "memory_free_bytes": 1000.0}}
    signals = SimpleNamespace(look=lambda: None, readings=readings)
    admission = MemoryAdmission(signals)
    admission.opening()
    readings["a"]["memory_bytes"] = 700.0
    admission.opened(20)
    admission.admit("small.onnx", 30)
    with pytest.raises(DeviceMemoryError, match=r"large\.onnx: a has"):
        admission.admit("large.onnx", 40)


def test_a_card_that_nobody_tells_of_admits_every_model():
    MemoryAdmission(SimpleNamespace(look=lambda: None, readings={"a": {"temperature_c": 61.0}})).admit(
        "m", 10**12
    )


def test_an_unknown_delivery_is_refused():
    with pytest.raises(SettingsError, match="every_part or latest"):
        EngineRig(devices=("a",)).engine.submit(picture(), stream="top", delivery="maybe")


@pytest.mark.parametrize(
    "how", [{"stream": ["a"]}, {"stream": 5}, {"delivery": ["x"]}, {"deadline_s": 10**400}]
)
def test_what_a_picture_comes_with_is_refused_where_it_is_of_another_kind(how):
    engine = EngineRig(devices=("a",)).engine
    (name,) = how
    with pytest.raises(SettingsError, match=f"{name}: expected .*; got "):
        engine.submit(picture(), **how)
    assert engine.statistics().arrived == 0


@pytest.mark.parametrize(
    "how",
    [
        {"routing": None},
        {"settings": "x"},
        {"settings": {}},
        {"clock": None},
        {"note": "x"},
        {"late_result": 5},
        {"deadline_s": 10**400},
        {"deadline_s": True},
        {"recycling": "x"},
        {"cache": 5},
        {"facts": "x"},
        {"facts": {}},
    ],
    ids=str,
)
def test_an_argument_of_another_kind_is_refused_by_its_name_before_anything_starts(how):
    (name,) = how
    with pytest.raises(SettingsError, match=f"^{name}: expected .*; got "):
        Engine("shipped:plant", "cpu", **how)


@pytest.mark.parametrize("deadline_s", ["20ms", float("nan"), True, 0])
def test_an_engines_deadline_is_asked_for_as_the_seconds_that_it_is(deadline_s):
    with pytest.raises(SettingsError, match=r"seconds above 0 from a picture to its answer, such as 0\.02"):
        Fittings(deadline_s=deadline_s)


def test_thresholds_of_another_kind_are_refused():
    with pytest.raises(SettingsError, match="hang_s: expected a finite number"):
        Settings(hang_s="x")
    with pytest.raises(SettingsError, match="recycling: age_s: expected a number above 0"):
        Recycling(age_s="x")


def test_an_unknown_demotion_is_refused():
    with pytest.raises(SettingsError, match=r'demotion: .* got "perhaps"'):
        Fittings(demotion="perhaps")


def test_many_pictures_are_answered_in_their_order_and_few_wait():
    rig = EngineRig(devices=("a", "b"))
    taken = []

    def pictures():
        for number in range(40):
            taken.append(number)
            yield picture(number)

    def work():
        while not done.is_set():
            for name, worker in rig.workers.items():
                if worker.given:
                    rig.done(name)

    done = threading.Event()
    most = 0
    each = rig.engine.submit_each(pictures())
    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number, future in enumerate(each):
            assert future.result(0) == number
            most = max(most, len(taken) - number)
    finally:
        done.set()
        worker.join()
    assert most <= rig.engine._desk.ask(lambda scheduler: scheduler.room("model")) + 1


def test_a_callback_that_submits_is_no_recursion():
    rig = EngineRig(devices=("a",))
    rig.submit().add_done_callback(lambda _: rig.submit())
    rig.done("a")
    rig.done("a")
    assert [future.result(0) for future in rig.futures] == [0, 1]


def test_a_callback_that_takes_long_holds_no_other_device_up():
    rig = EngineRig(devices=("a", "b"))
    entered, leave = threading.Event(), threading.Event()
    slow = rig.submit()
    slow.add_done_callback(lambda _: (entered.set(), leave.wait(10)))
    worker = threading.Thread(target=rig.done, args=("a",))
    worker.start()
    assert entered.wait(10)
    rig.submit()
    rig.submit()
    assert len(rig.workers["b"].given) == 1
    leave.set()
    worker.join()


def test_a_future_can_be_awaited():
    rig = EngineRig(devices=("a",))

    async def ask():
        answer = asyncio.ensure_future(rig.engine.submit_async(picture(3)))
        await asyncio.sleep(0)
        rig.done("a")
        return await answer

    assert asyncio.run(ask()) == 3


def test_the_backlog_is_the_time_until_a_picture_that_comes_now_would_be_done():
    rig = EngineRig(devices=("a",))
    assert rig.engine.backlog_ms() == pytest.approx(2.0)
    rig.submit()
    assert rig.engine.backlog_ms() == pytest.approx(4.0)
    rig.workers["a"].die()
    assert rig.engine.backlog_ms() is None


def test_drain_waits_for_the_last_picture_and_takes_no_more():
    rig = EngineRig(devices=("a",))
    rig.submit()
    assert not rig.engine.drain(0)
    refused = rig.submit()
    assert refused.exception(0).reason is Reason.OVERLOAD
    rig.done("a")
    assert rig.engine.drain(0)


def test_closing_settles_what_is_still_open():
    rig = EngineRig(devices=("a",))
    future = rig.submit()
    rig.engine.close(timeout_s=0)
    assert isinstance(future.exception(0), UnansweredError)


def test_an_engine_starts_with_the_devices_that_can_and_says_which_cannot():
    def prepare(worker):
        if worker.device == "b":
            worker.refuses = {"*": DeviceLostError("it fell off its bus")}

    rig = EngineRig(devices=("a", "b"), prepare=prepare)
    assert ("device.not_started", "b does not start: it fell off its bus") in rig.notes
    standing = rig.engine.health()
    assert standing.in_service == 1
    assert not standing.is_whole
    assert standing.devices[1].refused == {"model": "it fell off its bus"}
    rig.refuse("b", does=False)
    while not rig.workers["b"].given:
        rig.wait(0.01)
    rig.done("b")
    rig.done("b")
    assert rig.engine.health().is_whole


def test_an_engine_that_requires_all_devices_does_not_start_without_one():
    def prepare(worker):
        if worker.device == "b":
            worker.refuses = {"*": DeviceLostError("it fell off its bus")}

    with pytest.raises(DeviceLostError, match=r"it is required\. b: it fell off its bus"):
        EngineRig(devices=("a", "b"), prepare=prepare, demotion="require")


def test_a_model_that_fits_on_no_device_is_a_model_error():
    def prepare(worker):
        worker.refuses = {"*": DeadModelError("it answers nothing")}

    with pytest.raises(DeadModelError, match=r"no device can start\. a: it answers nothing; b: "):
        EngineRig(devices=("a", "b"), prepare=prepare)


def test_a_device_out_of_memory_serves_on_with_smaller_batches():
    rig = EngineRig(devices=("a",))
    for _ in range(9):
        rig.submit()
    rig.done("a")
    assert len(rig.workers["a"].given[0].pictures) == 4
    rig.workers["a"].fail(Fault.MEMORY)
    rig.work()
    assert sum(future.exception(0) is None for future in rig.futures) >= 5
    assert rig.workers["a"].starts == 2


def swap(rig, *, proof=lambda: None):
    from lineside.dispatch.starting import Offer

    new = Offer(WorkerModel("new", "new.onnx"))
    rig.engine._swapper.swap(rig.engine._offer, new, proof)


def test_a_swap_is_between_two_pictures_and_the_old_model_goes_with_its_last_one():
    rig = EngineRig(devices=("a",))
    rig.submit()
    swap(rig)
    rig.submit()
    assert rig.workers["a"].models == ["model", "new"]
    assert rig.workers["a"].given[0].model == "model"
    rig.done("a")
    assert rig.workers["a"].models == ["new"]
    assert rig.workers["a"].given[0].model == "new"
    rig.done("a")
    assert [future.result(0) for future in rig.futures] == [0, 1]


def test_a_model_that_one_device_refuses_does_not_get_in_anywhere():
    rig = EngineRig(devices=("a", "b"))
    rig.workers["b"].refuses = {"new": DeadModelError("it is dead")}
    with pytest.raises(DeadModelError, match=r"new\.onnx: the model that ran before runs on\. b: it is dead"):
        swap(rig)
    assert rig.workers["a"].models == rig.workers["b"].models == ["model"]
    future = rig.submit()
    rig.done("a")
    assert future.result(0) == 0


def test_a_model_that_is_not_good_enough_does_not_get_in():
    rig = EngineRig(devices=("a",))

    def proof():
        raise ModelError("it is worse")

    with pytest.raises(ModelError, match="worse"):
        swap(rig, proof=proof)
    assert rig.workers["a"].models == ["model"]
    rig.submit()
    assert rig.workers["a"].given[0].model == "model"


def test_swaps_that_were_refused_let_the_old_model_go_with_a_later_good_one():
    rig = EngineRig(devices=("a", "b"))
    for proven in (False, True, False, False, True, True):
        rig.swap(proven=proven)
        assert rig.workers["a"].models == rig.workers["b"].models == [rig.engine._offer.model.name]
    rig.refuse("b")
    rig.swap()
    assert rig.workers["a"].models == ["model@6"]
    assert [device.refused for device in rig.engine.health().devices] == [{}, {}]


def test_a_model_that_is_let_go_while_the_scheduler_is_told_that_it_is_loaded_is_closed():
    rig = EngineRig(devices=("a", "b"))
    roster = rig.engine._roster
    post = roster._post

    def late(event):
        if isinstance(event, ModelLoaded):
            roster.forget(event.model)
        post(event)

    roster._post = late
    roster.load(WorkerModel("model@2", "new.onnx"))
    assert rig.workers["a"].models == rig.workers["b"].models == ["model"]


def test_a_swap_without_a_device_in_service_is_refused():
    rig = EngineRig(devices=("a",))
    rig.refuse("a")
    rig.workers["a"].die()
    with pytest.raises(DeviceUnavailableError, match="no device in service"):
        swap(rig)


def test_a_worker_that_starts_during_a_swap_gets_what_is_wanted_when_it_is_up():
    rig = EngineRig(devices=("a", "b"))
    rig.wait(1.0)
    rig.workers["b"].waits = True
    rig.workers["b"].die()
    rig.wait(0.0)
    swap(rig)
    rig.workers["b"].come_up()
    assert rig.workers["b"].models == ["new"]


def test_a_device_that_cannot_be_started_by_the_system_is_lost_and_tried_again():
    rig = EngineRig(devices=("a", "b"))
    rig.wait(1.0)
    worker = rig.workers["a"]
    start = worker.start

    def no_memory(models):
        worker.start = start
        raise OSError("cannot fork: no memory")

    worker.start = no_memory
    worker.die()
    rig.wait(0.0)
    assert "no memory" in rig.engine.health().devices[0].detail
    rig.wait(1.0)
    assert worker.models == ["model"]
