"""Every option of CUDA and TensorRT goes through ONNX Runtime's own parser, with a good value and with a bad one.

There is no card, so a session fails in the end; what it fails for tells whether the parser took the option.
"""

from __future__ import annotations

import re

import pytest

from lineside.engine.options import Kind, Scope
from lineside.engine.provider import provider
from lineside.engine.providers import cuda, tensorrt

NO_CARD = "CUDA failure 100: no CUDA-capable device is detected"
REFUSED = re.compile(r"Failed to parse provider option|should be 'True' or 'False'|ValueError sto\w+")


def options_of(name):
    """The options that the provider's parser reads; the device's number cannot be taken where there is no device."""
    return [o for o in provider(name).options if o.scope is Scope.PROVIDER and o.name != "device_id"]


def good(option):
    match option.kind:
        case Kind.SWITCH:
            return option.on
        case Kind.CHOICE:
            return option.choices[-1]
        case Kind.INTEGER | Kind.NUMBER | Kind.BYTES:
            return str(int(option.least))
        case _:
            return "something"


@pytest.fixture(scope="module", params=["cuda", "tensorrt"])
def name(request):
    return request.param


def test_every_option_is_known_to_the_runtime_and_takes_a_good_value(ask, name):
    options = options_of(name)
    answers = ask(name, [{o.key or o.name: good(o)} for o in options])
    assert {o.name: answer for o, answer in zip(options, answers, strict=True) if NO_CARD not in answer} == {}


def test_every_switch_takes_both_of_its_words(ask, name):
    switches = [o for o in options_of(name) if o.kind is Kind.SWITCH]
    answers = ask(name, [{o.key or o.name: o.off} for o in switches])
    assert {
        o.name: answer for o, answer in zip(switches, answers, strict=True) if NO_CARD not in answer
    } == {}


def test_every_word_of_a_choice_is_the_runtimes(ask):
    words = [(o.name, word) for o in options_of("cuda") for word in o.choices]
    answers = ask("cuda", [{name: word} for name, word in words])
    assert [pair for pair, answer in zip(words, answers, strict=True) if NO_CARD not in answer] == []


def test_the_runtime_refuses_the_bad_values_that_we_refuse(ask, name):
    options = [o for o in options_of(name) if o.kind not in {Kind.PATH, Kind.TEXT}]
    answers = ask(name, [{o.key or o.name: "nonsense"} for o in options])
    assert {o.name: a for o, a in zip(options, answers, strict=True) if not REFUSED.search(a)} == {}


def test_the_runtime_refuses_an_option_that_does_not_exist(ask, name):
    (answer,) = ask(name, [{"lineside_bogus": "1"}])
    assert "lineside_bogus" in answer
    assert NO_CARD not in answer


def test_what_we_set_ourselves_is_accepted_together(ask, name):
    ours = {o.key or o.name: o.ours for o in options_of(name) if o.ours is not None}
    ours |= {
        key: text.replace("{folder}", "/tmp/engines") for key, text in provider(name).with_folder.items()
    }
    (answer,) = ask(name, [ours])
    assert NO_CARD in answer


def test_the_defaults_are_those_that_the_parser_names(ask):
    """CUDA's parser answers a bad value with the value that the option has until then: its default."""
    options = [o for o in options_of("cuda") if o.kind in {Kind.SWITCH, Kind.INTEGER, Kind.BYTES}]
    answers = ask("cuda", [{o.name: "nonsense"} for o in options])
    told = {
        o.name: re.search(r'Failed to parse value: "(\d+)"', answer)[1]
        for o, answer in zip(options, answers, strict=True)
    }
    assert told == {o.name: o.default for o in options}


@pytest.mark.parametrize("module", [cuda, tensorrt])
def test_what_is_left_out_is_what_the_runtime_knows_beside(ask, module):
    keys = [key for key in module.LEFT_OUT if not key.endswith("*")]
    answers = ask(module.PROVIDER.name, [{key: "0"} for key in keys])
    assert {key: answer for key, answer in zip(keys, answers, strict=True) if NO_CARD not in answer} == {}
