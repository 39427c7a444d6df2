from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import machines
from lineside.engine.hardware import find_hardware

MADE = [
    machines.two_nvidia_cards,
    machines.jetson,
    machines.amd_without_rights,
    machines.intel_with_npu,
    machines.unbound_card,
    machines.limited_container,
]

LIKELY = st.sampled_from(
    [
        b"",
        b"\n\n",
        b"max",
        b"-1",
        b"0x",
        b"9" * 5000,
        b"\xff\xfe",
        b"a b c",
        b": :\n:",
        b"processor: x\n",
        b"1 0",
    ]
)


@settings(max_examples=80)
@given(
    made=st.sampled_from(MADE),
    seed=st.randoms(),
    spoilt=st.lists(st.binary(max_size=60) | LIKELY, min_size=1),
)
def test_whatever_the_files_say_nothing_is_raised(made, seed, spoilt):
    with TemporaryDirectory() as folder:
        here = made(Path(folder))
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        for bytes_ in spoilt:
            seed.choice(files).write_bytes(bytes_)
        found = find_hardware(here)
        assert found.processor.usable >= 1
        assert all(sentence.startswith("/") and folder not in sentence for sentence in found.unread)


def test_a_number_that_is_none_is_told_with_its_file(tmp_path):
    here = machines.intel_with_npu(tmp_path)
    (tmp_path / machines.BUS / "0000:00:02.0" / "vendor").write_text("broken")
    found = find_hardware(here)
    assert found.unread == ('/sys/bus/pci/devices/0000:00:02.0/vendor: expected a number, got "broken"',)
    assert "npu:intel" in found.words


def test_a_file_that_cannot_be_read_is_told_and_the_rest_still_found(tmp_path):
    here = machines.intel_with_npu(tmp_path)
    (tmp_path / "proc/meminfo").unlink()
    (tmp_path / "proc/meminfo").mkdir()
    found = find_hardware(here)
    assert found.memory.total_bytes is None
    assert len(found.unread) == 1
    assert found.unread[0].startswith("/proc/meminfo: ")
    assert len(found.cards) == 2


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="the system has no links")
def test_links_that_lead_in_a_circle_are_told(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").symlink_to("cpuinfo")
    found = find_hardware(machines.places(tmp_path))
    assert any(sentence.startswith("/proc/cpuinfo: ") for sentence in found.unread)


def test_an_empty_machine_has_a_cpu_and_nothing_to_tell(tmp_path):
    found = find_hardware(machines.places(tmp_path, allowed=3))
    assert (found.processor.usable, found.cards, found.findings, found.unread) == (3, (), (), ())
