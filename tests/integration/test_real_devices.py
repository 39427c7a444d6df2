"""Real devices of three kinds in one process: the CPU, OpenVINO's own runtime, and WebGPU on a software driver.

A copy of WebGPU's library is a second device, so there are five entries with a forty-fold spread of speeds. `make vulkan`
fetches the driver; `LINESIDE_EXPECT=openvino,webgpu` makes a missing device a failure.
"""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import perf_counter

import numpy as np
import pytest

import real_devices
from lineside import Detector
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from lineside.core.geometry import Size
from lineside.engine.openvino_runtime import core
from lineside.engine.provider import provider
from lineside.testing.graphs.spot_pictures import draw_spots
from lineside.testing.graphs.spots import colour_spots

# A driver made of software compiles shaders for a quarter of a minute, and for two on a machine that is busy otherwise.
pytestmark = pytest.mark.timeout(900)

# How far a box in pixels and a score may move, by what the device computes in.
TOLERANCES = {"float32": (0.05, 1e-3), "bfloat16": (2.0, 0.05)}
CONFIDENCE = 0.4
MODELS = ("plant", "spots")


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    """Placements by a name for the reader; the CPU first."""
    named = {"cpu": "cpu"}
    real_devices.require("openvino", "CPU")
    named["openvino f32"] = "openvino:CPU"
    if "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        named["openvino bf16"] = "openvino:CPU?precision=bf16"
    real_devices.require("webgpu")
    named["webgpu"] = "webgpu"
    from lineside.engine.libraries import packaged

    own = packaged(provider("webgpu"))
    copy = tmp_path_factory.mktemp("library") / own.name
    shutil.copy(own, copy)
    named["webgpu, second"] = f"webgpu?library={copy}"
    return named


@pytest.fixture(scope="module", params=MODELS)
def case(request, devices, tmp_path_factory):
    """A model on every device, pictures, and what the CPU sees in them."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "plant":
        model = "shipped:plant"
        plant = Plant(PlantSettings("disc", seed=41, lighting="evening", defect_rate=1.0))
        pictures = [plant.render(part, 0)[0] for part in range(2)]
    else:
        model = folder / "spots.onnx"
        model.write_bytes(colour_spots(Size(height=160, width=160)).SerializeToString())
        size = Size(height=160, width=160)
        pictures = [draw_spots(np.random.default_rng(seed), size, 2).image for seed in range(2)]
    detectors = {
        name: Detector(model, devices=placement, demotion="require", cache=folder / "cache")
        for name, placement in devices.items()
    }
    seen = [detectors["cpu"](picture, confidence=CONFIDENCE) for picture in pictures]
    assert sum(map(len, seen)) >= 2
    return detectors, pictures, seen


def misses(expected, got, precision):
    """What one of the two sees for sure and the other does not see there, as that."""
    pixels, score = TOLERANCES[precision]

    def lacks(one, other):
        for xyxy, confidence, kind in zip(one.xyxy, one.confidence, one.class_id, strict=True):
            near = np.abs(other.xyxy - xyxy).max(axis=1, initial=0) <= pixels
            same = near & (other.class_id == kind) & (np.abs(other.confidence - confidence) <= score)
            if confidence > CONFIDENCE + score and not same.any():
                yield xyxy, confidence, kind

    return [*lacks(expected, got), *lacks(got, expected)]


def test_every_device_is_what_was_asked_for(case):
    detectors, _, _ = case
    for name, detector in detectors.items():
        truth = detector.truth
        assert not truth.is_demoted, name
        assert truth.placing.share == 1, name
        assert truth.precision == ("bfloat16" if "bf16" in name else "float32"), name
        if name != "cpu":
            assert truth.probe.deviation <= truth.probe.tolerance, name


def test_every_device_sees_what_the_cpu_sees(case):
    detectors, pictures, seen = case
    for name, detector in detectors.items():
        for picture, expected in zip(pictures, seen, strict=True):
            got = detector(picture, confidence=CONFIDENCE)
            assert not misses(expected, got, detector.truth.precision), name


def test_all_devices_judge_at_the_same_time_without_a_mismatch(case, capsys):
    """The slow ones judge two pictures each; the fast ones go on until those are done."""
    detectors, pictures, seen = case
    slow = {name for name in detectors if name.startswith("webgpu")}
    done = {name: Event() for name in slow}

    def judge(name):
        detector, judged, wrong, start = detectors[name], 0, [], perf_counter()
        while judged < 2 or (name not in slow and not all(event.is_set() for event in done.values())):
            at = judged % len(pictures)
            got = detector(pictures[at], confidence=CONFIDENCE)
            wrong += misses(seen[at], got, detector.truth.precision)
            judged += 1
        if name in slow:
            done[name].set()
        return name, judged, wrong, judged / (perf_counter() - start)

    with ThreadPoolExecutor(len(detectors)) as pool:
        results = list(pool.map(judge, detectors))
    with capsys.disabled():
        sys.stdout.write(f"\n{_table(results)}\n")
    assert [(name, wrong) for name, _, wrong, _ in results if wrong] == []
    assert all(judged >= 2 for _, judged, _, _ in results)


def _table(results):
    speeds = [speed for *_, speed in results]
    rows = [f"  {name:15} {speed:8.2f}  {judged:5d}" for name, judged, _, speed in results]
    title = f"{len(results)} devices at the same time: pictures a second, pictures judged"
    return "\n".join([title, *rows, f"  spread of speeds {max(speeds) / min(speeds):.0f}"])


def test_several_callers_of_one_library_image_take_turns(case):
    """Two sessions that run on one image at a time end the process."""
    detectors, pictures, seen = case
    detector = detectors["webgpu"]

    def judge(at):
        return misses(seen[at], detector(pictures[at], confidence=CONFIDENCE), "float32")

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(judge, [0, 1, 0])) == [[], [], []]
