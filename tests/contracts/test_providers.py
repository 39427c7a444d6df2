"""What every file of the folder owes: a schema that fits itself, devices found without a fault, faults understood."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from lineside.core import plugins
from lineside.core.errors import SettingsError, UnknownNameError
from lineside.core.placement import Placement
from lineside.engine.options import Kind, checked
from lineside.engine.provider import ERRORS, FOLDER, Device, Fault, Keeps, provider, providers

NAMES = plugins.own(FOLDER)
CORPUS = tomllib.loads((Path(__file__).parent / "fault_corpus.toml").read_text(encoding="utf-8"))["fault"]
PRECISIONS = {"float32", "tf32", "float16", "bfloat16", "int8", "float8"}
NONSENSE = {
    Kind.SWITCH: "perhaps",
    Kind.INTEGER: "many",
    Kind.NUMBER: "much",
    Kind.BYTES: "a lot",
    Kind.CHOICE: "whatever",
    Kind.PATH: " ",
    Kind.TEXT: " ",
}


@pytest.fixture(params=NAMES)
def one(request):
    return provider(request.param)


def module_of(one):
    return importlib.import_module(f"{FOLDER}.{one.name}")


def good_value(option):
    """A value that the option accepts, as a person would write it."""
    match option.kind:
        case Kind.SWITCH:
            return "on"
        case Kind.CHOICE:
            return option.choices[0]
        case Kind.INTEGER | Kind.NUMBER | Kind.BYTES:
            return str(int(option.least))
        case _:
            return "something"


def test_the_files_name_is_the_providers_name():
    assert [one.name for one in providers() if one.name in NAMES] == list(NAMES)


def test_every_provider_that_onnxruntime_knows_has_a_file():
    wanted = {
        "cpu",
        "cuda",
        "tensorrt",
        "tensorrt_rtx",
        "migraphx",
        "directml",
        "coreml",
        "qnn",
        "cann",
        "xnnpack",
    }
    assert wanted <= set(NAMES)


def test_a_placement_can_name_it(one):
    assert Placement.parse(f"{one.name}:0").provider == one.name
    assert one.title
    assert one.runtime_name.endswith("ExecutionProvider")


def test_no_two_providers_share_a_name_or_an_old_one():
    names = [name for one in providers() for name in (one.name, *one.old_names)]
    assert len(set(names)) == len(names)


def test_an_old_name_is_taken_for_the_new_one(one):
    assert all(provider(old) is one for old in one.old_names)


def test_what_brings_it_is_told(one):
    assert one.packages or one.notes, "without a package a note must say where it comes from"
    if one.plugin:
        assert one.packages
        assert one.plugin.isidentifier()
    if one.extra is not None:
        assert re.fullmatch(r"[a-z0-9-]+", one.extra)
    assert set(one.systems) <= {"linux", "win32", "darwin"}


def test_option_names_are_told_once(one):
    names = [option.name for option in one.options]
    keys = [(option.scope, option.key or option.name) for option in one.options]
    assert len(set(names)) == len(names)
    assert len(set(keys)) == len(keys)


def test_each_option_is_one_sentence_in_plain_words(one):
    for option in one.options:
        assert option.meaning[0].isupper(), option.name
        assert option.meaning.endswith("."), option.name
        assert len(option.meaning) < 260, option.name
        assert "\n" not in option.meaning, option.name


def test_each_option_accepts_its_own_default_and_ours(one):
    for option in one.options:
        for value in (option.default, option.ours):
            if value is not None:
                assert option.spelt(value, where=one.name) == value, option.name


def test_only_choices_have_choices_and_each_is_accepted_in_any_case(one):
    for option in one.options:
        assert bool(option.choices) == (option.kind is Kind.CHOICE), option.name
        for choice in option.choices:
            assert option.spelt(choice.upper(), where="") in option.choices
            assert option.spelt(choice.lower(), where="") in option.choices


def test_numbers_have_limits_and_sizes_a_unit(one):
    for option in one.options:
        if option.kind in {Kind.INTEGER, Kind.NUMBER, Kind.BYTES}:
            assert option.least is not None, option.name
            assert option.most is None or option.least <= option.most, option.name
        if option.kind is Kind.BYTES:
            assert option.unit == "bytes", option.name


def test_a_number_outside_of_its_limits_is_refused(one):
    for option in one.options:
        if option.kind not in {Kind.INTEGER, Kind.BYTES}:
            continue
        outside = [str(int(option.least) - 1)] + ([] if option.most is None else [str(int(option.most) + 1)])
        for number in outside:
            with pytest.raises(SettingsError, match=re.escape(option.name)):
                option.spelt(number, where=one.name)


def test_each_option_takes_a_good_value_and_refuses_nonsense(one):
    for option in one.options:
        assert checked(one.options, {option.name: good_value(option)}, where=one.name)[option.name]
        with pytest.raises(SettingsError, match=re.escape(option.name)):
            checked(one.options, {option.name: NONSENSE[option.kind]}, where=one.name)


def test_a_misspelt_option_is_refused_with_the_near_one(one):
    for option in one.options:
        with pytest.raises(UnknownNameError) as refusal:
            checked(one.options, {f"{option.name}x": "1"}, where=f"devices: {one.name}:0")
        assert str(refusal.value).startswith(f"devices: {one.name}:0: no such option")
        assert f'"{option.name}"' in str(refusal.value)


def test_the_option_that_names_the_device_exists(one):
    if one.device_option is not None:
        assert one.device_option in {option.name for option in one.options}


def test_finding_devices_raises_nothing_here_and_tells_no_device_twice(one):
    found = one.find_devices()
    assert isinstance(found, tuple)
    assert all(isinstance(device, Device) and device.provider == one.name for device in found)
    assert len({device.index for device in found}) == len(found)
    for device in found:
        assert device.name
        assert device.physical
        assert Placement.parse(f"{one.name}:{device.index}").device == device.index
        assert device.memory_bytes is None or device.memory_bytes > 0


def test_the_precision_is_a_known_word_by_default_and_with_each_switch(one):
    defaults = checked(one.options, {}, where=one.name)
    assert one.precision_of(defaults) in PRECISIONS
    for option in one.options:
        if option.kind is Kind.SWITCH:
            for state in ("on", "off"):
                options = checked(one.options, {option.name: state}, where=one.name)
                assert one.precision_of(options) in PRECISIONS, option.name


NARROW = (
    ("cuda", {"use_tf32": "on"}, "tf32"),
    ("cuda", {}, "float32"),
    ("tensorrt", {}, "tf32"),
    ("tensorrt", {"trt_fp16_enable": "on"}, "float16"),
    ("tensorrt", {"trt_bf16_enable": "yes"}, "bfloat16"),
    ("tensorrt", {"trt_fp16_enable": "on", "trt_int8_enable": "on"}, "int8"),
    ("migraphx", {}, "float32"),
    ("migraphx", {"migraphx_fp16_enable": "1"}, "float16"),
    ("migraphx", {"migraphx_bf16_enable": "1"}, "bfloat16"),
    ("migraphx", {"migraphx_fp8_enable": "1"}, "float8"),
    ("migraphx", {"migraphx_int8_enable": "1"}, "int8"),
    ("coreml", {}, "float32"),
    ("coreml", {"MLComputeUnits": "ALL"}, "float16"),
    ("coreml", {"MLComputeUnits": "cpuonly"}, "float32"),
    ("coreml", {"ModelFormat": "NeuralNetwork"}, "float16"),
    ("coreml", {"AllowLowPrecisionAccumulationOnGPU": "on"}, "float16"),
    ("qnn", {}, "float16"),
    ("qnn", {"htp_bf16_enable": "on"}, "bfloat16"),
    ("qnn", {"backend_type": "cpu"}, "float32"),
    ("cann", {}, "float32"),
    ("cann", {"precision_mode": "force_fp16"}, "float16"),
    ("cann", {"precision_mode": "allow_mix_precision"}, "float16"),
)


@pytest.mark.parametrize(("name", "options", "precision"), NARROW)
def test_what_narrows_the_precision_is_said(name, options, precision):
    one = provider(name)
    assert one.precision_of(checked(one.options, options, where=name)) == precision


def test_what_is_set_with_a_folder_fits_the_schema(one):
    known = {option.name: option for option in one.options}
    for name, text in one.with_folder.items():
        value = text.replace("{folder}", "/cache/model")
        assert known[name].spelt(value, where=one.name) == value
    if one.with_folder:
        assert one.keeps in {Keeps.ENGINE, Keeps.CONTEXT}


def test_the_rest_of_what_is_said_is_in_range(one):
    assert 0 < one.least_share <= 1
    for note in one.notes:
        assert note[0].isalnum()
        assert note.endswith(".")


def test_where_the_schema_was_read_from_is_written_down(one):
    module = module_of(one)
    left_out = getattr(module, "LEFT_OUT", {})
    assert not set(left_out) & {option.name for option in one.options}
    if one.name != "cpu" and hasattr(module, "READ_FROM"):
        assert re.search(r"\d+\.\d+", module.READ_FROM)


def test_every_fault_has_an_error_and_every_pattern_compiles(one):
    assert set(ERRORS) == set(Fault)
    for pattern, fault in one.faults:
        re.compile(pattern)
        assert fault in ERRORS


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case['provider']}: {case['text'][-60:]}")
def test_a_real_fault_is_understood(case):
    assert case["seen"]
    assert provider(case["provider"]).classify(case["text"]) is Fault(case["means"])


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case['provider']}: {case['text'][-60:]}")
def test_a_real_fault_is_understood_in_lower_case_too(case):
    assert provider(case["provider"]).classify(case["text"].casefold()) is Fault(case["means"])


def test_the_corpus_knows_every_kind_of_fault():
    assert {Fault(case["means"]) for case in CORPUS} == set(Fault)


@pytest.mark.parametrize("name", ["cuda", "tensorrt", "tensorrt_rtx"])
def test_all_that_runs_on_cuda_knows_a_sticky_fault(name):
    assert provider(name).classify("CUDA failure 700: an illegal memory access was encountered") is Fault.LOST


def test_a_text_that_nobody_has_seen_is_the_devices_fault(one):
    assert one.classify("something that nobody has seen before") is Fault.DEVICE


def test_the_page_of_the_providers_is_in_step_with_the_files():
    place = Path(__file__).parents[2] / "tools" / "provider_tables.py"
    spec = importlib.util.spec_from_file_location("provider_tables", place)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = tool.PAGE.read_text(encoding="utf-8")
    assert tool.written(page) == page, "python tools/provider_tables.py writes it anew"
    assert set(re.findall(r"<!-- provider: (\w+) -->", page)) == set(NAMES)
