"""What is worth measuring: every variant of every provider that contradicts nothing that was asked for."""

from pathlib import Path

import pytest

from lineside.core.errors import SettingsError
from lineside.core.geometry import Size
from lineside.core.placement import Placement, placements
from lineside.engine.provider import provider, providers
from lineside.evaluation.tuning.candidates import Candidate, Form, candidates, forms, ready
from lineside.evaluation.tuning.settings import TuneSettings

BEST = Path("best.onnx")


def texts(found):
    return [str(form.placement) for form in found]


def test_each_provider_is_tried_in_each_of_its_variants():
    found = texts(forms([BEST], placements("cpu,openvino:CPU,tensorrt:0"), [None]))
    assert found == [
        "cpu",
        "openvino:CPU?precision=f32",
        "openvino:CPU?precision=bf16",
        "openvino:CPU?precision=f16",
        "tensorrt:0",
        "tensorrt:0?trt_fp16_enable=on",
        "tensorrt:0?trt_bf16_enable=on",
    ]


def test_what_the_placement_says_is_not_varied():
    assert texts(forms([BEST], placements("openvino?precision=bf16"), [None])) == ["openvino?precision=bf16"]


def test_sizes_and_files_multiply():
    found = forms([BEST, Path("int8.onnx")], placements("cpu"), [None, Size(320, 320)])
    assert len(found) == 4
    assert len({Candidate(form).name for form in found}) == 4


def test_threads_are_halved_down_to_one_and_written_as_the_provider_spells_them():
    form = Form(BEST, Placement.parse("openvino?precision=f32"))
    found = candidates(form, cores=8, batches=(1,))
    assert [str(one.placement) for one in found] == [
        "openvino?precision=f32&num_of_threads=8",
        "openvino?precision=f32&num_of_threads=4",
        "openvino?precision=f32&num_of_threads=1",
    ]


def test_callers_share_the_cores():
    found = candidates(Form(BEST, Placement("cpu")), cores=8, batches=(1,), callers=4)
    assert sorted(one.threads for one in found) == [1, 2]


def test_threads_that_the_placement_sets_stay_and_cards_have_none():
    fixed = Form(BEST, Placement.parse("cpu?intra_op_num_threads=3"))
    assert [str(one.placement) for one in candidates(fixed, cores=8, batches=(1, 2))] == [
        "cpu?intra_op_num_threads=3",
        "cpu?intra_op_num_threads=3",
    ]
    assert len(candidates(Form(BEST, Placement("cuda", "0")), cores=8, batches=(1,))) == 1


def test_all_ready_devices_are_tried_the_cpu_first():
    every = [provider("cpu"), provider("cuda"), provider("openvino")]
    found = ready(every, lambda one: "not installed" if one.name == "cuda" else "")
    assert str(found[0]) == "cpu"
    assert all(one.provider in {"cpu", "openvino"} for one in found)


@pytest.mark.parametrize("one", providers(), ids=lambda one: one.name)
def test_variants_and_the_thread_option_are_options_that_the_provider_knows(one):
    from lineside.engine.options import checked

    for variant in one.variants:
        placement = Placement.parse(f"{one.name}?{variant}" if variant else one.name)
        checked(one.options, placement.settings, where=one.name)
    if one.thread_option:
        checked(one.options, {one.thread_option: "1"}, where=one.name)


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"deadline_s": 0}, "--deadline-ms"),
        ({"deadline_s": float("nan")}, "--deadline-ms"),
        ({"deadline_s": 1, "tolerance": -0.1}, "--tolerance"),
        ({"deadline_s": 1, "callers": 0}, "--streams"),
        ({"deadline_s": 1, "budget_s": 0}, "--seconds"),
        ({"deadline_s": 1, "pictures": 0}, "--pictures"),
    ],
)
def test_settings_out_of_range_are_refused_by_their_option(settings, option):
    with pytest.raises(SettingsError, match=option):
        TuneSettings(**settings)
