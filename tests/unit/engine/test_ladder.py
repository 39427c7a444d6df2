"""The ladder: the first entry that truly works is taken, and each before it is told with its reason."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lineside.core.errors import (
    DeviceDemotedError,
    DeviceMismatchError,
    DeviceUnavailableError,
    DriverError,
    ModelFileError,
    SettingsError,
    UnknownNameError,
)
from lineside.core.geometry import Size
from lineside.core.placement import placements
from lineside.engine.attempt import Prepared
from lineside.engine.engines import Engines
from lineside.engine.ladder import open_session
from lineside.engine.provider import provider_of
from lineside.engine.reference import Reference
from lineside.models.probe import planar, probe_picture
from lineside.models.spec import Conventions, InputSpec
from lineside.models.surgery import take_bytes
from lineside.testing import standin
from lineside.testing.graphs import GraphSpec, anchor_free

SIZE = Size(128, 160)


@pytest.fixture(scope="module")
def graph():
    """A small detector with a byte input, serialised."""
    model = anchor_free(GraphSpec())
    value = model.graph.input[0]
    dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
    spec = InputSpec(value.name, Size(*dims[2:]), False, False, "nchw", "float32")
    changed, _ = take_bytes(model, spec, Conventions(), fold=False)
    return changed.SerializeToString(), spec


@pytest.fixture(scope="module")
def reference(graph):
    data, spec = graph
    feeds = {spec.name: planar(probe_picture(spec.size), Conventions())}
    return Reference.taken(data, feeds, picture=spec.name, precision="float32")


def find(placement):
    if placement.provider in {"standin", "understudy"}:
        return standin.PROVIDER
    return provider_of(placement)


@pytest.fixture
def climb(graph, reference, tmp_path):
    """Opens a session of the graph on a list of devices; keeps what progress was told."""
    told = []

    def opened(devices, *, entry=None, from_cache=False, **more):
        def prepared(rung):
            is_cpu = rung.provider.name == "cpu"
            return Prepared(
                graph[0],
                engines=None if entry is None or is_cpu else Engines(entry),
                reference=None if is_cpu else reference,
                from_cache=from_cache,
            )

        return open_session(prepared, placements(devices), find=find, progress=told.append, **more)

    opened.told = told
    return opened


def test_the_first_entry_is_taken_where_it_works(climb):
    opened = climb("standin:1,cpu")
    truth = opened.truth
    assert (truth.got, truth.device, truth.is_demoted) == ("standin:1", "stand-in number 1", False)
    assert truth.placing.share == 1
    assert truth.probe.deviation < 0.005
    assert truth.probe.repeat == 0
    assert truth.precision == "float32"
    assert opened.session.outputs


REFUSED = {
    "refuse": (DriverError, "its driver is missing"),
    "exhaust": ("device.out_of_memory", "not enough memory"),
    "vanish": ("device.lost", "lost"),
    "elsewhere": (DeviceMismatchError, "0 of 6[0-9] nodes run on it, expected at least 90%"),
    "swap": (DeviceMismatchError, "other numbers than the CPU: off by (0.9[0-9]|1) of what swapped colours"),
    "forget": (DeviceMismatchError, "other numbers than the CPU"),
    "coarse": (DeviceMismatchError, "lower precision than it says"),
    "nan": (DeviceMismatchError, "answers NaN"),
}


@pytest.mark.parametrize("behaves", REFUSED)
def test_a_device_that_does_not_truly_work_is_passed_over_with_its_reason(climb, behaves):
    code, said = REFUSED[behaves]
    truth = climb(f"standin?behaves={behaves},cpu").truth
    assert truth.got == "cpu"
    assert truth.is_demoted
    (refusal,) = truth.refusals
    assert refusal.placement == f"standin?behaves={behaves}"
    assert refusal.error.code == (code if isinstance(code, str) else code.code)
    with pytest.raises(type(refusal.error), match=said):
        raise refusal.error
    assert refusal.placement in truth.sentence
    assert refusal.error.code in truth.sentence


def test_a_lower_precision_that_is_told_is_taken(climb):
    truth = climb("standin?behaves=coarse&precision=bfloat16").truth
    assert truth.precision == "bfloat16"
    assert 0.005 < truth.probe.deviation < 0.5


def test_runs_that_differ_a_little_are_told(climb):
    truth = climb("standin?behaves=restless").truth
    assert truth.probe.repeat > 0
    assert any("two runs of one picture differ" in notice for notice in truth.notices)


def test_nodes_elsewhere_are_named_with_their_operator(climb):
    truth = climb("standin?behaves=split").truth
    placing = truth.placing
    assert placing.nodes["CPUExecutionProvider"] == 4
    assert placing.elsewhere.operators[0][0] == "Concat"
    assert placing.elsewhere.names[0].startswith("/Concat")
    assert placing.elsewhere.runs_on == "CPUExecutionProvider"
    assert placing.copies > 0


def test_all_refusals_are_kept_in_their_order(climb):
    truth = climb("standin?behaves=refuse,standin:1?behaves=nan,cpu").truth
    assert [r.placement for r in truth.refusals] == ["standin?behaves=refuse", "standin:1?behaves=nan"]
    assert truth.asked == ("standin?behaves=refuse", "standin:1?behaves=nan", "cpu")
    document = truth.to_dict()
    assert document["demoted"] is True
    assert [entry["code"] for entry in document["passed_over"]] == ["device.driver", "device.mismatch"]


def test_a_required_device_that_does_not_work_stops_the_start(climb):
    with pytest.raises(DeviceDemotedError, match=r"standin:0\?behaves=refuse is required") as refusal:
        climb("standin:0?behaves=refuse,standin:1?behaves=nan,cpu", demotion="require")
    said = str(refusal.value)
    assert "its driver is missing [device.driver]" in said
    assert "answers NaN" in said
    assert "cpu would" in said


def test_a_required_device_that_works_is_taken(climb):
    assert climb("standin,cpu", demotion="require").truth.got == "standin"


def test_where_nothing_works_one_error_names_all_reasons(climb):
    with pytest.raises(DeviceUnavailableError) as refusal:
        climb("standin:0?behaves=refuse,standin:1?behaves=nan")
    said = str(refusal.value)
    assert "no device of the list works" in said
    assert "standin:0?behaves=refuse" in said
    assert "standin:1?behaves=nan" in said


def test_the_reason_of_a_single_entry_is_the_error(climb):
    with pytest.raises(DriverError, match="its driver is missing"):
        climb("standin?behaves=refuse")


def test_a_device_that_does_not_exist_is_passed_over_naming_those_that_do(climb):
    with pytest.raises(
        DeviceUnavailableError,
        match=r'Stand-in has no device "7" here; found: standin:0 \(stand-in number 0\)',
    ):
        climb("standin:7")
    assert climb("standin:7,standin:1").truth.got == "standin:1"


def test_an_old_name_is_taken_with_a_notice(climb):
    truth = climb("understudy").truth
    assert truth.got == "understudy"
    assert truth.notices == ("understudy is an old name of standin, which is taken for it",)


@pytest.mark.parametrize(
    ("devices", "kind", "said"),
    [
        ("cpu,kuda", UnknownNameError, 'unknown provider "kuda"'),
        ("cpu,standin?behave=well", UnknownNameError, 'no such option "behave"; did you mean "behaves"'),
        ("cpu,standin?behaves=badly", SettingsError, "behaves: expected well, refuse"),
        ("cpu,standin:1?device_id=0", SettingsError, "the device is named twice"),
        ("cpu:first", SettingsError, "expected the number of a share"),
    ],
)
def test_a_list_with_a_bad_word_is_refused_before_anything_is_tried(climb, devices, kind, said):
    with pytest.raises(kind, match=said):
        climb(devices)


def test_another_word_for_demotion_is_refused(climb):
    with pytest.raises(SettingsError, match='demotion: expected prefer or require; got "allow"'):
        climb("cpu", demotion="allow")


def test_what_the_model_is_to_blame_for_ends_the_ladder():
    def prepared(rung):
        raise ModelFileError("the file is no model")

    with pytest.raises(ModelFileError):
        open_session(prepared, placements("standin,cpu"), find=find)


def test_an_engine_is_built_once_and_told(climb, tmp_path):
    climb("standin", entry=tmp_path)
    assert climb.told == ["building the engine for standin; this can take minutes"]
    climb("standin", entry=tmp_path, from_cache=True)
    assert len(climb.told) == 1


@pytest.mark.parametrize("listed", [True, False])
def test_a_damaged_engine_is_built_again(climb, tmp_path, listed, caplog):
    climb("standin", entry=tmp_path)
    (tmp_path / "engine" / "standin.engine").write_bytes(b"half an eng")
    if listed:  # as if a bad disk had spoilt the list as well
        Engines(tmp_path).prove()
    assert climb("standin", entry=tmp_path, from_cache=True).truth.got == "standin"
    assert len(climb.told) == 2


def test_runs_on_one_device_wait_for_each_other(climb, reference):
    one, other = climb("standin:0").session, climb("standin:0").session
    elsewhere = climb("standin:1").session
    bound = [s.bind(reference.feeds, fixed_shapes=False) for s in (one, other, elsewhere)]
    assert bound[0]._lock is bound[1]._lock
    assert bound[0]._lock is not bound[2]._lock
    np.testing.assert_array_equal(bound[0].run()[0], bound[2].run()[0])


def test_a_provider_that_the_wheel_lacks_is_passed_over_naming_what_it_has(climb):
    lacking = dataclasses.replace(standin.PROVIDER, open=None, extra="stage")

    def finder(placement):
        return lacking if placement.provider == "standin" else provider_of(placement)

    with pytest.raises(
        DeviceUnavailableError, match=r"has no StandInExecutionProvider, only .*lineside\[stage\]"
    ):
        open_session(lambda _: Prepared(b""), placements("standin"), find=finder)
    without = dataclasses.replace(lacking, extra=None)
    with pytest.raises(DeviceUnavailableError, match="No package that pip finds holds Stand-in"):
        open_session(lambda _: Prepared(b""), placements("standin"), find=lambda _: without)
