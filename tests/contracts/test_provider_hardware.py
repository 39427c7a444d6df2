"""Every provider says what it computes on in words that discovery knows, and names extras that exist."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import machines
from lineside.engine import advice
from lineside.engine.hardware import find_hardware
from lineside.engine.hardware.makers import MAKERS
from lineside.engine.provider import providers

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]
WORDS = {"cpu", "gpu", "npu"} | {
    f"{kind}:{maker.casefold()}" for kind in ("gpu", "npu") for maker in MAKERS.values()
}


@pytest.mark.parametrize("provider", providers(), ids=lambda each: each.name)
def test_a_providers_hardware_is_in_words_that_discovery_knows(provider):
    assert provider.hardware
    assert set(provider.hardware) <= WORDS


@pytest.mark.parametrize("provider", providers(), ids=lambda each: each.name)
def test_the_extras_that_would_be_installed_exist(provider):
    named = [build.extra for build in provider.builds] or [provider.extra]
    assert {extra for extra in named if extra} <= set(EXTRAS)
    assert not provider.builds or named[0] == provider.extra


@pytest.mark.parametrize(
    ("machine", "best"),
    [
        (machines.two_nvidia_cards, "cuda"),
        (machines.jetson, "cuda"),
        (machines.amd_without_rights, "migraphx"),
        (machines.intel_with_npu, "openvino"),
        (machines.limited_container, "cpu"),
    ],
)
def test_each_machine_is_offered_its_makers_own_first(tmp_path, machine, best):
    offered = [offer.extra for offer in advice.offers(find_hardware(machine(tmp_path)))]
    assert offered[0] == best
    assert "cpu" in offered


def test_without_a_runtime_the_message_lists_the_lines_for_this_hardware(tmp_path):
    told = advice.missing(find_hardware(machines.two_nvidia_cards(tmp_path)), "No module named 'onnxruntime'")
    lines = told.splitlines()
    assert lines[1].strip().startswith("pip install 'lineside[cuda]'")
    assert "NVIDIA GeForce RTX 4090" in lines[1]
    assert any(line.strip().startswith("pip install 'lineside[cpu]'") for line in lines)
    assert "lineside devices" in told
