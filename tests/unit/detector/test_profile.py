"""A profile holds as long as all that it was measured with is the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lineside.core.errors import OutputError
from lineside.core.geometry import Size
from lineside.detector.detector import Detector
from lineside.detector.fingerprint import changes, fingerprint
from lineside.detector.profile import Profile, Profiles, identity
from lineside.engine.provider import provider
from lineside.models.facts import ModelFacts
from lineside.models.file import ModelFile
from lineside.testing.graphs import colour_spots

SPOTS = Size(height=192, width=256)

PROFILE = Profile(
    model="0" * 64,
    file="best.onnx",
    file_sha256="1" * 64,
    placement="cpu?intra_op_num_threads=1",
    size=Size(height=320, width=416),
    batch=2,
    callers=1,
    deadline_s=0.02,
    p50_s=0.01,
    p99_s=0.015,
    pictures_per_s=90.0,
    agreement="as is",
    made="2026-01-02T03:04:05+00:00",
    fingerprint={"cores": "2"},
)


@pytest.fixture
def tuned(planted_file, tmp_path):
    """A profile of the planted model in a folder of its own, and that folder."""
    file = ModelFile.read(planted_file)
    profile = replace(
        PROFILE,
        model=identity(file, ModelFacts()),
        file=str(planted_file),
        file_sha256=file.sha256,
        size=None,
        fingerprint=fingerprint(provider("cpu")),
    )
    Profiles(tmp_path).put(profile)
    return profile, tmp_path


@pytest.mark.parametrize("size", [Size(320, 416), None])
def test_a_profile_comes_back_as_it_was_written(tmp_path, size):
    profile = replace(PROFILE, size=size)
    profiles = Profiles(tmp_path)
    profiles.put(profile)
    assert profiles.get(profile.model) == profile
    profiles.drop(profile.model)
    assert profiles.get(profile.model) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="LINESIDE_CACHE"):
        Profiles(tmp_path / "file").put(PROFILE)


def test_a_start_without_named_devices_runs_as_tuned_and_says_so(planted_file, tuned):
    profile, folder = tuned
    detector = Detector(planted_file, cache=folder)
    assert detector.truth.got == profile.placement
    assert detector.truth.threads == 1
    assert any("tuned on 2026-01-02" in notice for notice in detector.truth.notices)


def test_a_list_of_pictures_goes_through_in_batches_of_the_tuned_size(write, tmp_path, spot_pictures):
    path = write(colour_spots(SPOTS, dynamic_batch=True), "batched")
    file = ModelFile.read(path)
    profile = replace(
        PROFILE,
        model=identity(file, ModelFacts()),
        file=str(path),
        file_sha256=file.sha256,
        size=None,
        fingerprint=fingerprint(provider("cpu")),
    )
    plain = Detector(path, cache=tmp_path, devices="cpu")
    Profiles(tmp_path).put(profile)
    tuned = Detector(path, cache=tmp_path)
    assert (plain.batch, tuned.batch) == (1, 2)
    images = [drawn.image for drawn in spot_pictures[:5]]
    found = tuned(images)
    assert sum(len(one) for one in found) > 0
    for one, other in zip(plain(images), found, strict=True):
        np.testing.assert_allclose(one.xyxy, other.xyxy, atol=0.01)


def test_named_devices_threads_or_another_reading_of_the_file_go_before_it(planted_file, tuned):
    _, folder = tuned
    assert Detector(planted_file, cache=folder, devices="cpu").truth.got == "cpu"
    assert Detector(planted_file, cache=folder, threads=2).truth.got == "cpu"
    by_hand = ModelFacts(names=("a", "b", "c", "d", "e"))
    assert Detector(planted_file, cache=folder, facts=by_hand).truth.got == "cpu"


@pytest.mark.parametrize("what", ["cores", "onnxruntime", "lineside", "processor"])
def test_a_change_of_what_it_was_measured_with_is_told_and_it_is_not_used(planted_file, tuned, what):
    profile, folder = tuned
    Profiles(folder).put(replace(profile, fingerprint=profile.fingerprint | {what: "another"}))
    truth = Detector(planted_file, cache=folder).truth
    assert truth.got == "cpu"
    assert any(f"{what} was another, is " in notice for notice in truth.notices)


def test_another_model_in_the_place_of_the_chosen_file_is_not_run(planted_file, tuned, write, plants):
    profile, folder = tuned
    other = write(plants.model, "other")
    other.write_bytes(other.read_bytes() + b"")
    Profiles(folder).put(replace(profile, file=str(other), file_sha256="2" * 64))
    truth = Detector(planted_file, cache=folder).truth
    assert truth.got == "cpu"
    assert any("holds another model" in notice for notice in truth.notices)


def test_a_chosen_file_that_is_gone_is_told(planted_file, tuned, tmp_path):
    profile, folder = tuned
    Profiles(folder).put(replace(profile, file=str(tmp_path / "gone.onnx"), file_sha256="2" * 64))
    truth = Detector(planted_file, cache=folder).truth
    assert truth.got == "cpu"
    assert any("gone.onnx" in notice for notice in truth.notices)


def test_changes_are_told_one_by_one():
    assert changes({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == (
        "a was 1, is not there",
        "b was 2, is 3",
        "c was not there, is 4",
    )
