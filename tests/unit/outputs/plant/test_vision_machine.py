"""The states of OPC 40100-1: what may be asked for when, and that a job ends once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineside.outputs.plant.link import LineState
from lineside.outputs.plant.opcua.machine import ErrorCode, Job, VisionMachine, VisionState


def ready() -> VisionMachine:
    return VisionMachine(line=LineState.READY)


def start(machine: VisionMachine) -> ErrorCode:
    return machine.start_single(Job(machine.next_number, 0.0))


def test_a_job_runs_from_ready_to_its_result_and_no_second_beside_it():
    machine = ready()
    assert start(machine) is ErrorCode.OK
    assert machine.state is VisionState.SINGLE_EXECUTION
    assert start(machine) is ErrorCode.NOT_IN_THIS_STATE
    assert machine.finished(1).number == 1
    assert machine.state is VisionState.READY
    assert machine.finished(1) is None


def test_no_job_is_taken_where_nobody_would_judge_it():
    for line in (LineState.STARTING, LineState.STOPPING, LineState.FAULT):
        assert start(VisionMachine(line=line)) is ErrorCode.NOT_READY
    machine = ready()
    machine.halt()
    assert start(machine) is ErrorCode.NOT_READY
    assert machine.reset() is ErrorCode.OK
    assert start(machine) is ErrorCode.OK


def test_a_part_on_its_way_is_still_answered_after_a_halt():
    machine = ready()
    start(machine)
    machine.halt()
    assert machine.state is VisionState.HALTED
    assert machine.finished(1).number == 1


def test_a_continuous_job_owns_the_parts_that_no_client_began():
    machine = ready()
    assert machine.finished(None) is None
    assert machine.start_continuous(Job(machine.next_number, 0.0)) is ErrorCode.OK
    assert machine.finished(None).number == 1
    assert machine.finished(None).number == 1
    assert machine.stop() is ErrorCode.OK
    assert machine.stop() is ErrorCode.NOT_IN_THIS_STATE


calls = st.sampled_from(("single", "continuous", "stop", "halt", "reset", "finish", *LineState))


@given(st.lists(calls, max_size=60))
def test_every_job_that_was_taken_ends_once_whatever_is_called(asked):
    machine, taken, ended = VisionMachine(), [], []
    for call in asked:
        if isinstance(call, LineState):
            machine.line = call
        elif call == "single":
            job = Job(machine.next_number, 0.0)
            if machine.start_single(job) is ErrorCode.OK:
                taken.append(job.number)
        elif call == "continuous":
            machine.start_continuous(Job(machine.next_number, 0.0))
        elif call == "finish":
            open_job = machine.single
            done = machine.finished(None if open_job is None else open_job.number)
            ended += [] if open_job is None else [done.number]
        else:
            getattr(machine, call)()
    left = [] if machine.single is None else [machine.single.number]
    assert taken == ended + left
    assert len(set(taken)) == len(taken)
