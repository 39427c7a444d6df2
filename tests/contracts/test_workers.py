"""What holds of a worker, whatever it lives in; and what a process holds beyond that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lineside.core.errors import DeviceError, ModelFileError, SettingsError
from lineside.dispatch.events import BatchDone, BatchFailed, ModelLoaded, Recycle, WorkerLost, WorkerUp
from lineside.dispatch.recycling import Recycling
from lineside.dispatch.slots import Slots
from lineside.dispatch.words import Fault
from lineside.dispatch.worker import ModelNotLoaded, WorkerModel
from lineside.testing.workers import ScriptedOpener
from shared_memory import in_shm
from worker_owner import MODEL, SIZE, Owner, broken_opener, narrow_opener, opens_unreadable, picture

MISSING = WorkerModel("missing", "model.missing")
OTHER = WorkerModel("other", "scripted")


@pytest.fixture(params=["thread", "process"])
def kind(request):
    return request.param


@pytest.fixture
def owned(kind):
    """Makes owners of the kind, and closes them."""
    owners = []

    def make(*arguments, **more):
        owners.append(Owner(kind, *arguments, **more))
        return owners[-1]

    yield make
    for owner in owners:
        owner.close()


@pytest.fixture
def process():
    """Makes owners of processes, and closes them."""
    owners = []

    def make(*arguments, **more):
        owners.append(Owner("process", *arguments, **more))
        return owners[-1]

    yield make
    for owner in owners:
        owner.close()


def test_a_worker_that_is_up_tells_how_long_its_models_take(owned):
    up = owned(ScriptedOpener((0.002,))).start(MODEL, OTHER)
    assert set(up.profiles) == {"model", "other"}
    assert up.profiles["model"].max_batch == 1
    assert 0.002 <= up.profiles["model"].seconds[1] < 0.2


def test_batches_are_offered_as_far_as_they_pay(owned):
    up = owned(ScriptedOpener((0.02, 0.024, 0.032, 0.04, 0.1, 0.1, 0.1, 0.16))).start()
    assert up.profiles["model"].max_batch == 4


def test_batches_that_do_not_pay_are_not_offered(owned):
    up = owned(ScriptedOpener((0.01, 0.03))).start()
    assert up.profiles["model"].max_batch == 1


def test_batches_that_there_is_no_memory_for_are_not_offered(owned):
    owner = owned(narrow_opener)
    assert owner.start().profiles["model"].max_batch == 4
    assert owner.start().profiles["model"].max_batch == 4  # as after a run that lacked it
    owner.done(owner.give("look", "look", "look", "look"))


def test_a_run_is_answered_with_a_result_for_each_picture_in_their_order(owned):
    owner = owned(ScriptedOpener((0.0, 0.0, 0.0, 0.0)))
    owner.start()
    results = owner.done(owner.give("look", "look", "look"))
    assert [seen.total for seen in results] == [value * np.prod(SIZE) for value in (1, 2, 3)]
    assert {seen.together for seen in results} == {3}


def test_a_model_without_batches_gets_one_picture_at_a_time(owned):
    owner = owned()
    owner.start()
    results = owner.done(owner.give("look", "look"))
    assert [seen.total for seen in results] == [value * np.prod(SIZE) for value in (1, 2)]
    assert {seen.together for seen in results} == {1}


def test_each_picture_is_asked_what_its_stream_asks_for(owned):
    owner = owned(ScriptedOpener((0.0, 0.0)))
    owner.start()
    owner.worker.run(7, "model", [picture(1), picture(2)], [{"confidence": 0.4}, {}])
    assert [seen.asked for seen in owner.done(7)] == [{"confidence": 0.4}, {}]


@pytest.mark.parametrize(
    ("deed", "fault", "text"),
    [
        ("raise", Fault.DEVICE, "does not answer"),
        ("memory", Fault.MEMORY, "no memory left"),
        ("nan", Fault.MODEL, "NaN"),
        ("input", Fault.INPUT, "no picture"),
        ("bug", Fault.DEVICE, "ZeroDivisionError: a bug"),
    ],
)
def test_a_run_that_fails_tells_whose_fault_it_is_and_the_next_one_is_answered(owned, deed, fault, text):
    owner = owned()
    owner.start()
    failed = owner.failed(owner.give(deed))
    assert failed.fault is fault
    assert text in failed.detail
    assert len(owner.done(owner.give("look"))) == 1


def test_a_run_of_a_model_that_is_not_open_fails(owned):
    owner = owned()
    owner.start()
    failed = owner.failed(owner.give("look", model="other"))
    assert failed.fault is Fault.DEVICE
    assert '"other" is not open' in failed.detail


def test_a_cancelled_run_ends_early_and_the_next_one_is_answered(owned):
    owner = owned()
    owner.start()
    run = owner.give("hang")
    owner.expect_nothing()
    owner.worker.cancel(run)
    assert owner.failed(run).fault is Fault.CANCELLED
    assert owner.done(owner.give("look"))


def test_a_run_that_is_cancelled_before_it_begins_does_not_begin(owned):
    owner = owned()
    owner.start()
    first, second = owner.give("hang"), owner.give("look")
    owner.worker.cancel(second)
    owner.expect_nothing()
    owner.worker.cancel(first)
    assert owner.failed(first).fault is Fault.CANCELLED
    assert owner.failed(second).fault is Fault.CANCELLED
    assert owner.done(owner.give("look"))


def test_a_cancellation_that_comes_late_ends_no_other_run(owned):
    owner = owned()
    owner.start()
    run = owner.give("look")
    owner.done(run)
    owner.worker.cancel(run)
    assert owner.done(owner.give("look"))


def test_a_run_that_nothing_ends_is_left_behind_and_tells_nothing_any_more(owned):
    owner = owned()
    owner.start()
    owner.give("hang_hard")
    owner.expect_nothing()
    owner.worker.close(by_force=True)
    owner.start()
    assert owner.done(owner.give("look"))
    owner.expect_nothing()


def test_a_run_that_hangs_is_ended_by_a_close_by_force(owned):
    owner = owned()
    owner.start()
    owner.give("hang")
    owner.worker.close(by_force=True)
    assert owner.worker.join(10)
    owner.expect_nothing()


def test_a_model_that_cannot_be_opened_is_told_and_the_others_run(owned):
    owner = owned()
    owner.worker.start([MISSING, MODEL])
    refused = owner.expect(ModelNotLoaded)
    assert refused.model == "missing"
    assert isinstance(refused.error, ModelFileError)
    assert set(owner.expect(WorkerUp).profiles) == {"model"}


def test_a_worker_without_a_model_is_lost_with_the_reason_and_can_be_started_again(owned):
    owner = owned()
    owner.worker.start([MISSING])
    owner.expect(ModelNotLoaded)
    assert owner.expect(WorkerLost).detail == "model.missing: no such model file"
    owner.expect_nothing()
    owner.start()
    assert owner.done(owner.give("look"))


def test_a_bug_in_opening_is_told_with_its_type(owned):
    owner = owned(broken_opener)
    owner.worker.start([MODEL])
    refused = owner.expect(ModelNotLoaded)
    assert isinstance(refused.error, DeviceError)
    assert "ZeroDivisionError: a bug" in owner.expect(WorkerLost).detail


def test_a_model_is_opened_beside_a_run_that_takes_long(owned):
    owner = owned()
    owner.start()
    run = owner.give("hang")
    owner.worker.load(OTHER)
    assert owner.expect(ModelLoaded).model == "other"
    owner.worker.load(MISSING)
    assert isinstance(owner.expect(ModelNotLoaded).error, ModelFileError)
    owner.worker.cancel(run)
    owner.failed(run)
    assert owner.done(owner.give("look", model="other"))


def test_a_retired_model_ends_the_runs_that_came_before(owned):
    owner = owned()
    owner.start(MODEL, OTHER)
    run = owner.give("look")
    owner.worker.retire("model")
    assert owner.done(run)
    assert owner.failed(owner.give("look")).fault is Fault.DEVICE
    assert owner.done(owner.give("look", model="other"))


def test_a_probe_is_answered_as_a_run(owned, tmp_path):
    unwell = tmp_path / "unwell"
    owner = owned(ScriptedOpener(unwell=str(unwell)))
    owner.start()
    owner.worker.probe(1, "model")
    assert list(owner.done(1)) == []
    unwell.touch()
    owner.worker.probe(2, "model")
    assert owner.failed(2).fault is Fault.DEVICE
    unwell.unlink()
    owner.worker.probe(3, "model")
    owner.done(3)


def test_a_worker_that_is_closed_answers_what_it_was_given_and_ends(owned):
    owner = owned(ScriptedOpener((0.1,)))
    owner.start()
    run = owner.give("look")
    owner.worker.close(by_force=False)
    assert owner.done(run)
    assert owner.worker.join(10)
    owner.expect_nothing()


def test_a_worker_that_is_closed_and_does_not_end_can_still_be_closed_by_force(owned):
    owner = owned()
    owner.start()
    owner.give("hang")
    owner.worker.close(by_force=False)
    assert not owner.worker.join(0.05)
    owner.worker.close(by_force=True)
    assert owner.worker.join(10)
    owner.expect_nothing()


def test_a_worker_tells_nothing_in_the_thread_that_calls_it(owned):
    owner = owned()
    owner.start()
    for deed in ("look", "raise", "bug"):
        owner.give(deed)
        owner.expect(BatchDone, BatchFailed)
    owner.worker.run(9, "model", ["no picture"], [{"do": "input"}])
    owner.failed(9)
    assert threading.get_ident() not in owner.threads


def test_a_worker_works_on_when_whoever_is_told_fails(owned, caplog):
    owner = owned()
    owner.start()
    hear = owner.worker._post.__func__
    faults = [ZeroDivisionError("a bug of whoever hears")]

    def post(news):
        hear(owner, news)
        if isinstance(news, BatchDone) and faults:
            raise faults.pop()

    owner.worker._post = post
    owner.start()
    assert owner.done(owner.give("look"))
    assert owner.done(owner.give("look"))
    assert "a bug of whoever hears" in caplog.text


def test_a_worker_that_was_never_started_takes_calls_and_says_nothing(owned):
    owner = owned()
    owner.give("look")
    owner.worker.probe(2, "model")
    owner.worker.cancel(1)
    owner.worker.load(OTHER)
    owner.worker.retire("model")
    owner.worker.close(by_force=False)
    assert owner.worker.join(1)
    owner.expect_nothing()


@pytest.mark.parametrize(
    "shown",
    [
        picture(3, (24, 32)),
        picture(3, (24, 32, 4)),
        picture(3, (100, 200, 3)),
        np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)[4:20, 6:30],
        np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3)[::-1, ::2],
        np.asfortranarray(np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3)),
        picture(3, (0, 32, 3)),
    ],
    ids=["grey", "alpha", "larger than a slot", "a part", "upside down", "columns first", "empty"],
)
def test_a_picture_of_any_form_arrives_as_it_is(owned, shown):
    owner = owned()
    owner.start()
    (seen,) = owner.done(owner.give("look", pictures=[shown]))
    assert (seen.total, seen.shape) == (int(shown.sum()), shown.shape)


# Processes alone.


@pytest.mark.parametrize(("deed", "text"), [("die", "ended by SIGKILL"), ("exit", "ended by itself, with 3")])
def test_a_process_that_ends_is_noticed_and_started_again(process, deed, text):
    owner = process()
    owner.start()
    owner.give(deed)
    lost = owner.expect(WorkerLost)
    assert lost.device == "dev"
    assert text in lost.detail or "not known yet" in lost.detail  # the server that forks may take its time
    assert owner.slots.free == owner.slots.count
    owner.expect_nothing()
    owner.start()
    assert owner.done(owner.give("look"))


def test_a_process_that_was_killed_from_outside_while_idle_is_noticed(process):
    owner = process()
    owner.start()
    pid = owner.pid
    os.kill(pid, signal.SIGKILL)
    assert owner.expect(WorkerLost).detail.startswith("its process")


def test_a_stopped_process_blocks_nobody_and_is_killed_by_force(process):
    owner = process()
    owner.start()
    pid = owner.pid
    os.kill(pid, signal.SIGSTOP)
    large = picture(1, (2000, 2000, 3))
    start = time.perf_counter()
    for run in range(100, 150):
        owner.worker.run(run, "model", [large], [{}])
        owner.worker.cancel(run)
    assert time.perf_counter() - start < 5
    owner.expect_nothing()
    owner.worker.close(by_force=True)
    assert owner.worker.join(10)
    until = time.perf_counter() + 10  # its pipes may be seen to close before the system has done with it
    while alive(pid) and time.perf_counter() < until:
        time.sleep(0.005)
    assert not alive(pid)
    owner.start()
    assert owner.done(owner.give("look"))


def test_pictures_that_lie_in_slots_are_not_copied(process):
    owner = process()
    owner.start()
    mine = owner.slots.acquire(SIZE)
    mine[:] = 9
    run = owner.give("hang", pictures=[mine])
    owner.expect_nothing()
    assert owner.slots.free == owner.slots.count - 1
    owner.worker.cancel(run)
    owner.failed(run)
    (seen,) = owner.done(owner.give("look", pictures=[mine[4:8, 2:6]]))
    assert seen.total == 9 * 4 * 4 * 3
    owner.slots.release(mine)


def test_pictures_that_lie_elsewhere_take_a_slot_until_their_run_is_answered(process):
    owner = process()
    owner.start()
    run = owner.give("hang", "look")
    assert owner.slots.free == owner.slots.count - 2
    owner.worker.cancel(run)
    owner.failed(run)
    assert owner.slots.free == owner.slots.count


def test_pictures_are_answered_when_no_slot_is_free(process):
    owner = process()
    owner.start()
    taken = [owner.slots.acquire(SIZE) for _ in range(owner.slots.count)]
    assert all(each is not None for each in taken)
    assert owner.slots.free == 0
    assert [seen.total for seen in owner.done(owner.give("look", "look"))] == [
        value * np.prod(SIZE) for value in (1, 2)
    ]


def test_two_workers_share_the_slots(process):
    with Slots(2, int(np.prod(SIZE))) as slots:
        owners = [process(slots=slots) for _ in range(2)]
        mine = slots.acquire(SIZE)
        mine[:] = 5
        for owner in owners:
            owner.start()
            (seen,) = owner.done(owner.give("look", pictures=[mine]))
            assert seen.total == 5 * np.prod(SIZE)


def test_an_opener_that_cannot_be_pickled_loses_the_worker_with_the_reason(process):
    owner = process(lambda model: None)
    owner.worker.start([MODEL])
    assert "cannot be started" in owner.expect(WorkerLost).detail
    assert owner.worker.join(5)


def test_a_process_that_tells_what_nobody_can_read_is_lost_with_the_reason(process):
    owner = process(opens_unreadable)
    owner.worker.start([MODEL])
    owner.expect(WorkerUp)
    owner.give("look")
    assert "cannot be read: ZeroDivisionError: a bug" in owner.expect(WorkerLost).detail
    assert owner.slots.free == owner.slots.count
    assert owner.worker.join(5)


def test_a_process_that_grows_asks_once_to_be_replaced(process):
    owner = process(recycling=Recycling(growth_bytes=48 << 20, every_s=1e-6))
    owner.start()
    assert owner.done(owner.give("leak"))
    owner.expect_nothing()
    assert owner.done(owner.give("leak"))
    assert "its memory has grown from" in owner.expect(Recycle).detail
    assert owner.done(owner.give("leak"))
    owner.expect_nothing()
    owner.start()
    assert owner.done(owner.give("look"))
    owner.expect_nothing()


def test_a_process_that_is_old_asks_to_be_replaced(process):
    owner = process(recycling=Recycling(age_s=1e-6, every_s=1e-6))
    owner.start()
    assert owner.done(owner.give("look"))
    assert "s old" in owner.expect(Recycle).detail


@pytest.mark.parametrize("field", ["growth_bytes", "age_s", "every_s"])
def test_recycling_by_nothing_is_refused(field):
    with pytest.raises(SettingsError, match=f"recycling: {field}"):
        Recycling(**{field: 0})


def test_a_process_that_was_killed_leaves_nothing_in_shared_memory(process):
    before = in_shm()
    owner = process()
    owner.start()
    owner.give("die")
    owner.expect(WorkerLost)
    assert in_shm() <= before


ORPHANS = """
    import os, queue, sys, time
    import numpy as np
    from lineside.dispatch.process_worker import ProcessWorker
    from lineside.dispatch.slots import Slots
    from lineside.dispatch.worker import WorkerModel
    from lineside.testing.workers import ScriptedOpener

    if __name__ == "__main__":
        slots = Slots(4, 300)
        workers = []
        for number, deed in enumerate(["look", "hang", "hang_hard", "stop"]):
            news = queue.Queue()
            worker = ProcessWorker(f"dev{number}", opener=ScriptedOpener(), post=news.put, slots=slots)
            worker.start([WorkerModel("model", "scripted")])
            news.get()
            worker.run(1, "model", [np.zeros((10, 10, 3), np.uint8)], [{}])
            print(news.get().results[0].pid, flush=True)
            worker.run(2, "model", [np.zeros((10, 10, 3), np.uint8)], [{"do": deed}])
            workers.append(worker)
        print("ready", flush=True)
        time.sleep(60)
"""


def test_processes_end_with_their_owner_however_it_ends_and_leave_nothing(tmp_path):
    before = in_shm()
    script = tmp_path / "orphans.py"
    script.write_text(textwrap.dedent(ORPHANS))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as owner:
        lines = [owner.stdout.readline().strip() for _ in range(5)]
        owner.kill()
    assert lines.pop() == "ready"
    pids = [int(line) for line in lines]
    until = time.perf_counter() + 10
    while any(alive(pid) for pid in pids) and time.perf_counter() < until:
        time.sleep(0.01)
    assert not [pid for pid in pids if alive(pid)]
    assert in_shm() <= before


def test_a_script_that_forgets_its_guard_is_told_so(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        textwrap.dedent(ORPHANS)
        .replace('if __name__ == "__main__":', "if True:")
        .replace("    news.get()\n", "    print(news.get(), flush=True); os._exit(0)\n")
    )
    ran = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "WorkerLost" in ran.stdout
    assert "__main__" in ran.stdout


FORKED = """
    import os, queue, sys, time
    import numpy as np
    from lineside.dispatch.engine import Engine
    from lineside.dispatch.process_worker import ProcessWorker
    from lineside.dispatch.slots import Slots
    from lineside.dispatch.starting import Crew, Fittings, Offer
    from lineside.dispatch.worker import WorkerModel
    from lineside.testing.workers import ScriptedOpener

    def opened():
        slots = Slots(4, 300)
        make = lambda post: ProcessWorker("dev", opener=ScriptedOpener(), post=post, slots=slots)
        return Engine.of(Crew({"dev": make}, slots=slots), Offer(WorkerModel("model", "scripted")))

    def look(engine):
        return engine.submit(np.zeros((10, 10, 3), np.uint8)).result(30).pid

    def said(do):
        try:
            do()
        except Exception as refusal:
            return f"{type(refusal).__name__}: {refusal}"

    if __name__ == "__main__":
        engine = opened()
        print(look(engine), flush=True)
        child = os.fork()
        if child == 0:
            if sys.argv[1] == "exits":
                sys.exit(0)
            if sys.argv[1] == "asks":
                for do in (lambda: look(engine), engine.health, engine.drain, lambda: engine.swap("new.onnx")):
                    print(said(do), flush=True)
                engine.close()
                with opened() as own:
                    print("own", look(own) > 0, flush=True)
                sys.exit(0)
            time.sleep(60)
        print(child, flush=True)
        if sys.argv[1] != "stays":
            os.waitpid(child, 0)
            time.sleep(0.2)
            print(look(engine), engine.health().devices[0].starts, flush=True)
            engine.close()
        time.sleep(60 * (sys.argv[1] == "stays"))
"""

forks = pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="nothing is forked here")


def forked(tmp_path, what):
    script = tmp_path / "forked.py"
    script.write_text(textwrap.dedent(FORKED))
    return [sys.executable, str(script), what]


@forks
def test_a_forked_child_that_exits_takes_no_worker_with_it(tmp_path):
    ran = subprocess.run(forked(tmp_path, "exits"), capture_output=True, text=True, timeout=60, check=False)
    lines = ran.stdout.splitlines()
    assert lines[2] == f"{lines[0]} 1", ran.stderr


@forks
def test_a_forked_child_is_told_that_its_parents_engine_is_none_of_its_own_and_may_have_one(tmp_path):
    ran = subprocess.run(forked(tmp_path, "asks"), capture_output=True, text=True, timeout=60, check=False)
    lines = ran.stdout.splitlines()
    told = [line for line in lines if line.startswith("DeviceUnavailableError: the engine belongs to")]
    assert len(told) == 4, ran.stdout + ran.stderr
    assert "own True" in lines
    assert lines[-1] == f"{lines[0]} 1"


@forks
def test_a_forked_child_keeps_no_worker_of_a_parent_that_was_killed(tmp_path):
    with subprocess.Popen(forked(tmp_path, "stays"), stdout=subprocess.PIPE, text=True) as owner:
        worker, child = (int(owner.stdout.readline()) for _ in range(2))
        owner.kill()
    try:
        until = time.perf_counter() + 10
        while alive(worker) and time.perf_counter() < until:
            time.sleep(0.01)
        assert (alive(worker), alive(child)) == (False, True)
    finally:
        os.kill(child, signal.SIGKILL)


def alive(pid):
    """Whether a process is there, and no mere entry of the table."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False
