"""A detector on a list of devices: what it answers, what it reports, and what is kept on disk for each."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from lineside.core import plugins
from lineside.core.errors import DeviceDemotedError, SettingsError
from lineside.core.placement import Placement
from lineside.detector.detector import Detector
from lineside.detector.slicing import SlicedDetector
from lineside.engine import provider as registry
from standin_package import install

NOISE = np.random.default_rng(0).integers(0, 256, (128, 160, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def standin(tmp_path, monkeypatch):
    """The stand-in among the installed packages, for one test."""
    caches = (plugins.names, plugins._entry_points, registry.provider)
    monkeypatch.syspath_prepend(install(tmp_path / "packages"))
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def model(tmp_path, small):
    return shutil.copy(small, tmp_path / "best.onnx")


@pytest.fixture
def kept(tmp_path):
    return tmp_path / "cache"


def entries(folder):
    return sorted(path for path in folder.iterdir() if path.is_dir())


@pytest.mark.parametrize(
    "devices",
    ["standin:1,cpu", ["standin:1", "cpu"], Placement("standin", "1"), [Placement("standin", "1"), "cpu"]],
)
def test_a_list_may_be_a_text_a_placement_or_a_sequence(model, kept, devices):
    detector = Detector(model, devices=devices, cache=kept)
    assert detector.truth.got == "standin:1"
    assert repr(detector).endswith("on standin:1)")


def test_another_device_answers_the_same(model, kept):
    on_cpu = Detector(model, threads=1, cache=kept)(NOISE, confidence=0.05)
    elsewhere = Detector(model, devices="standin", cache=kept)(NOISE, confidence=0.05)
    assert len(on_cpu)
    np.testing.assert_allclose(elsewhere.xyxy, on_cpu.xyxy, atol=1e-2)


def test_the_cpu_is_reported_as_itself(model, kept):
    truth = Detector(model, threads=1, cache=kept).truth
    assert (truth.asked, truth.got, truth.is_demoted) == (("cpu",), "cpu", False)
    assert (truth.precision, truth.probe, truth.threads) == ("float32", None, 1)
    assert truth.placing.share == 1
    assert truth.warm_up_s > 0
    assert truth.sentence == "runs on cpu as asked"


def test_a_demotion_is_in_the_report_and_slices_have_it_too(model, kept):
    detector = Detector(model, devices="standin?behaves=nan,cpu", cache=kept)
    assert detector.truth.is_demoted
    assert SlicedDetector(detector).truth is detector.truth


def test_what_is_required_and_does_not_work_opens_no_detector(model, kept):
    with pytest.raises(DeviceDemotedError):
        Detector(model, devices="standin?behaves=elsewhere,cpu", demotion="require", cache=kept)


@pytest.mark.parametrize("devices", ["", [], "standin:", 7])
def test_a_list_of_another_form_is_refused(model, kept, devices):
    with pytest.raises(SettingsError):
        Detector(model, devices=devices, cache=kept)


def test_each_device_and_each_setting_has_a_preparation_of_its_own(model, kept):
    lists = (
        "cpu",
        "standin:0",
        "standin:1",
        "standin:0?precision=tf32",
        "cpu?graph_optimization_level=ort_enable_basic",
    )
    for devices in lists:
        assert not Detector(model, devices=devices, cache=kept).from_cache
    assert len(entries(kept)) == len(lists)
    for devices in lists:
        assert Detector(model, devices=devices, cache=kept).from_cache


def test_threads_share_one_preparation(model, kept):
    Detector(model, threads=1, cache=kept)
    assert Detector(model, devices="cpu?intra_op_num_threads=2", cache=kept).from_cache


def test_the_second_start_uses_the_engine_and_runs_nothing_on_the_cpu(model, kept, monkeypatch):
    told = []
    Detector(model, devices="standin", cache=kept, progress=told.append)
    assert told == ["building the engine for standin; this can take minutes"]
    monkeypatch.setattr("lineside.engine.reference.Reference.taken", None)
    second = Detector(model, devices="standin", cache=kept, progress=told.append)
    assert second.from_cache
    assert len(told) == 1
    assert second.truth.probe.deviation < 0.005


@pytest.mark.parametrize("file", ["model.onnx", "reference.npz", "card.json"])
def test_a_damaged_preparation_is_told_and_made_again(model, kept, file, caplog):
    Detector(model, devices="standin", cache=kept)
    (entry,) = entries(kept)
    content = bytearray((entry / file).read_bytes())
    content[len(content) // 2] ^= 1
    (entry / file).write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = Detector(model, devices="standin", cache=kept)
    assert "damaged" in caplog.text
    assert (again.from_cache, again.truth.got) == (False, "standin")


def test_without_a_place_for_the_preparation_the_device_is_used_all_the_same(model, tmp_path, caplog):
    (tmp_path / "file").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        detector = Detector(model, devices="standin", cache=tmp_path / "file")
    assert "cannot be kept" in caplog.text
    assert detector.truth.got == "standin"
    assert detector.truth.probe is not None


FULL = """
import logging
import resource
import sys

from lineside import Detector

logging.basicConfig(stream=sys.stdout, format="%(message)s")
# No file may grow beyond this: what a full disk is to the one who writes.
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
detector = Detector(sys.argv[1], devices="standin,cpu", cache=sys.argv[2])
print(detector.truth.got, detector.from_cache)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is the Linux kernel's")
def test_a_full_cache_is_told_and_the_device_is_used_all_the_same(model, kept, tmp_path):
    paths = os.pathsep.join(filter(None, [str(tmp_path / "packages"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", FULL, model, kept],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    told, outcome = done.stdout.strip().splitlines()
    assert "the prepared model cannot be kept" in told
    assert outcome == "standin False"
    assert entries(kept) == []


READ_ONLY = """
import os
import sys

from lineside import Detector

Detector(sys.argv[1], devices="standin", cache=sys.argv[2])  # all is imported; Python itself may lie where others may not read
os.setuid(65534)
detector = Detector(sys.argv[1], devices="standin", cache=sys.argv[2], progress=print)
print(detector.truth.got, detector.from_cache)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can play another user")
def test_the_engine_of_another_user_is_used_though_nothing_can_be_written(small):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        packages = install(place / "packages")
        model = shutil.copy(small, place / "best.onnx")
        Detector(model, devices="standin", cache=place / "cache")
        for path in (place, *place.rglob("*")):
            path.chmod(0o755)
        paths = os.pathsep.join(filter(None, [str(packages), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, model, place / "cache"],
            env=os.environ | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.splitlines() == ["standin True"], done.stderr
