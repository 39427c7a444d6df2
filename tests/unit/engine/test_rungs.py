"""The entries of a list of devices: shares of the cores, threads, and options, all settled before any is tried."""

from __future__ import annotations

import os

import pytest

from lineside.core.errors import DeviceUnavailableError, SettingsError
from lineside.core.placement import placements
from lineside.engine.hardware import usable_cores
from lineside.engine.ort_session import OrtSession
from lineside.engine.rungs import device_of, rungs
from lineside.engine.session import SessionRequest

CORES = usable_cores()


def made(devices, threads=None):
    return rungs(placements(devices), threads)


def test_the_cpu_alone_leaves_the_number_of_threads_open():
    (rung,) = made("cpu")
    assert rung.threads is None
    assert "intra_op_thread_affinities" not in rung.options


def test_threads_of_the_call_are_those_of_the_cpu():
    assert made("cpu", threads=3)[0].threads == 3


def test_threads_of_the_entry_go_before_those_of_the_call():
    assert made("cpu?intra_op_num_threads=2", threads=3)[0].threads == 2


def test_shares_of_the_cores_are_equal():
    shares = made("cpu:0,cpu:1")
    assert [rung.threads for rung in shares] == [max(CORES // 2, 1)] * 2


def test_a_share_alone_is_all_cores():
    assert made("cpu:0")[0].threads == CORES


def test_the_threads_of_shares_stay_on_cores_of_their_own(monkeypatch):
    monkeypatch.setattr("lineside.engine.rungs.usable_cores", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 4, 5, 6, 7, 8, 9}, raising=False)
    first, second = (rung.options["intra_op_thread_affinities"] for rung in made("cpu:0,cpu:1"))
    # Processors counted from 1, once for each thread but the caller's.
    assert first == "3,4,5,6;3,4,5,6;3,4,5,6"
    assert second == "7,8,9,10;7,8,9,10;7,8,9,10"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell processors apart")
def test_the_runtime_takes_such_affinities(graphs):
    own = ",".join(str(core + 1) for core in sorted(os.sched_getaffinity(0)))
    (rung,) = made(
        f"cpu?intra_op_num_threads=2&intra_op_thread_affinities={own.replace(',', ';').split(';')[0]}"
    )
    session = OrtSession(rung.provider, SessionRequest(graphs.relu(), rung.options, threads=rung.threads))
    assert session.threads == 2


def test_a_share_beyond_the_cores_is_none():
    (rung,) = made(f"cpu:{CORES}")
    with pytest.raises(DeviceUnavailableError, match=f"no share {CORES} of the {CORES} cores"):
        device_of(rung)


def test_a_device_where_there_is_only_one_is_refused():
    with pytest.raises(SettingsError, match=r"has one device; expected xnnpack alone"):
        made("xnnpack:1")


@pytest.mark.parametrize(
    ("options", "attribute", "value"),
    [
        ("execution_mode=ort_parallel&inter_op_num_threads=2", "execution_mode", "ORT_PARALLEL"),
        ("graph_optimization_level=ort_enable_basic", "graph_optimization_level", "ORT_ENABLE_BASIC"),
        ("enable_cpu_mem_arena=off", "enable_cpu_mem_arena", False),
        ("inter_op_num_threads=2", "inter_op_num_threads", 2),
        ("use_deterministic_compute=on", "use_deterministic_compute", True),
    ],
)
def test_options_reach_the_runtimes_session(graphs, options, attribute, value):
    (rung,) = made(f"cpu?{options}", threads=1)
    session = OrtSession(rung.provider, SessionRequest(graphs.relu(), rung.options, threads=1))
    got = getattr(session._session.get_session_options(), attribute)
    assert getattr(got, "name", got) == value


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        ("", "session.force_spinning_stop", "1"),
        ("?force_spinning_stop=off", "session.force_spinning_stop", "0"),
        ("?spin_duration_us=1000", "session.intra_op.spin_duration_us", "1000"),
        ("?allow_spinning=no", "session.intra_op.allow_spinning", "0"),
        ("?set_denormal_as_zero=yes", "session.set_denormal_as_zero", "1"),
    ],
)
def test_options_reach_the_configuration_of_the_runtimes_session(graphs, options, key, value):
    (rung,) = made(f"cpu{options}", threads=1)
    session = OrtSession(rung.provider, SessionRequest(graphs.relu(), rung.options, threads=1))
    assert session._session.get_session_options().get_session_config_entry(key) == value
