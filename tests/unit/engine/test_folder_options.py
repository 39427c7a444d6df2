"""A provider's own cache is on only where there is a folder for it, and never against what a person has set."""

from __future__ import annotations

from pathlib import Path

from lineside.engine.options import checked
from lineside.engine.ort_options import provider_options
from lineside.engine.provider import provider
from lineside.engine.session import SessionRequest

TENSORRT = provider("tensorrt")


def asked(folder, **given):
    options = checked(TENSORRT.options, given, where="tensorrt")
    return provider_options(TENSORRT, SessionRequest(b"", options, folder=folder))


def test_without_a_folder_no_engine_is_written_into_the_working_folder():
    assert not {key for key in asked(None) if "cache" in key}


def test_with_a_folder_engines_and_timings_are_kept_there():
    set_to = asked(Path("/cache/model"))
    assert set_to["trt_engine_cache_enable"] == "True"
    assert set_to["trt_engine_cache_path"] == set_to["trt_timing_cache_path"] == str(Path("/cache/model"))


def test_what_a_person_sets_goes_before_it():
    set_to = asked(Path("/cache/model"), trt_engine_cache_path="/mine", trt_timing_cache_enable="off")
    assert set_to["trt_engine_cache_path"] == "/mine"
    assert set_to["trt_timing_cache_enable"] == "False"
