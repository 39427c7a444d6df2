from __future__ import annotations

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lineside.core.errors import (
    DeviceError,
    DeviceMemoryError,
    DeviceMismatchError,
    ImageFileError,
    ModelOutputError,
    RunCancelledError,
    SettingsError,
    UnknownNameError,
)
from lineside.core.geometry import Size
from lineside.core.placement import Placement
from lineside.dispatch.askings import Askings
from lineside.dispatch.front import EngineDetector
from lineside.dispatch.opening import DetectorModel, DetectorOpener
from lineside.dispatch.words import Fault
from lineside.dispatch.worker import WorkerModel, as_refusal, fault_of
from lineside.testing.faults import Broken, FaultyDetector
from lineside.testing.graphs import SPOT_CLASSES, colour_spots, draw_spots


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("spots") / "spots.onnx"
    path.write_bytes(colour_spots(dynamic_batch=True).SerializeToString())
    return path


@pytest.fixture(scope="module")
def detector(path):
    return FaultyDetector(path, threads=1)


@pytest.fixture
def model(detector):
    detector.broken = None
    return DetectorModel(detector)


@pytest.fixture(scope="module")
def picture():
    return draw_spots(np.random.default_rng(1), Size(height=320, width=320), 6).image


def test_a_healthy_model_answers_its_test_picture_as_before(model):
    model.probe(1)
    model.probe(2)


def test_a_model_that_answers_its_test_picture_otherwise_is_refused(model, detector):
    detector.broken = Broken.MODEL
    with pytest.raises(DeviceMismatchError, match="answered otherwise than at the start"):
        model.probe(1)


def test_a_probe_of_a_broken_device_fails_as_a_run_does(model, detector):
    detector.broken = Broken.DEVICE
    with pytest.raises(DeviceError):
        model.probe(1)


def test_each_picture_of_a_run_has_its_own_settings(model, detector, picture):
    looks = model.run([picture] * 3, [{}, {"classes": [SPOT_CLASSES[0]]}, {"confidence": 0.9999}])
    plain, one_class, none = (look.detections for look in looks)
    assert len(plain) == len(detector(picture)) > len(none)
    assert set(one_class.class_id) <= {0}


def test_settings_are_told_apart_by_their_values(model, picture):
    for limit in (1, 2, 1):
        assert len(model.run([picture], [{"max_detections": limit}])[0].detections) == limit
    for names in (["0"], [0], (0,), [1]):
        (seen,) = model.run([picture], [{"classes": names}])
        assert set(seen.detections.class_id) <= {int(names[0])}


@pytest.fixture
def askings(detector):
    return Askings(detector.card)


def test_settings_are_their_asker_s_no_more_once_they_were_checked(askings):
    names = [SPOT_CLASSES[0]]
    first = askings.checked({"classes": names})
    names[0] = SPOT_CLASSES[1]
    assert first == {"classes": (SPOT_CLASSES[0],)}
    assert askings.checked({"classes": [SPOT_CLASSES[0]]}) is not askings.checked({"classes": names})
    assert askings.checked({"classes": names}) == {"classes": (SPOT_CLASSES[1],)}


def test_a_model_that_settings_of_calls_do_not_fit_is_refused_by_its_name_once(detector, askings):
    bare = replace(detector.card, file="bare.onnx", names=("a", "b", "c"))
    for asked in ({"classes": [SPOT_CLASSES[0]]}, {"classes": [SPOT_CLASSES[1]]}, {"confidence": 0.5}):
        askings.checked(asked)
    said = r"^bare\.onnx: calls came with settings that do not fit it: classes: the model has no class"
    with pytest.raises(UnknownNameError, match=said):
        askings.add(bare)
    askings.checked(
        {"classes": [SPOT_CLASSES[1]]}
    )  # a call that still comes is known again, for the model that runs
    with pytest.raises(UnknownNameError, match=SPOT_CLASSES[1]):
        askings.add(bare)
    askings.add(bare)
    askings.keep(bare)
    with pytest.raises(UnknownNameError):
        askings.checked({"classes": [SPOT_CLASSES[1]]})


def test_a_detector_over_an_engine_is_of_the_model_that_runs_now(detector):
    engine = SimpleNamespace(card=detector.card)
    front = EngineDetector(engine)
    assert front.names == SPOT_CLASSES
    engine.card = replace(detector.card, names=("a", "b", "c"))
    assert front.card is engine.card
    assert front.names == ("a", "b", "c")
    assert front.thresholds(classes=["b"]).asked == {"classes": ("b",)}
    with pytest.raises(UnknownNameError):
        front.thresholds(classes=[SPOT_CLASSES[0]])


def test_classes_may_be_whatever_can_be_gone_through_as_for_a_detector(askings, model, picture):
    for classes in ((n for n in [1]), {1}, {1: "one"}.keys(), np.array([1]), range(1, 2)):
        (seen,) = model.run([picture], [askings.checked({"classes": classes})])
        assert set(seen.detections.class_id) == {1}
    with pytest.raises(SettingsError, match="classes: "):
        askings.checked({"classes": np.array(1)})


def test_long_arrays_are_told_apart_by_their_middle(askings):
    many = np.zeros(3000, int)
    other = many.copy()
    other[1500] = 1
    assert askings.checked({"classes": many}) is not askings.checked({"classes": other})
    assert askings.checked({"classes": many}) is askings.checked({"classes": many.copy()})


def test_settings_are_refused_however_many_were_right_before(model, picture):
    for share in np.linspace(0, 1, 300):
        model.run([picture], [{"iou": float(share)}])
    with pytest.raises(UnknownNameError):
        model.run([picture], [{"classes": ["nothing"]}])


def test_an_opener_travels_with_the_folder_of_prepared_models(tmp_path, monkeypatch):
    monkeypatch.setenv("LINESIDE_CACHE", str(tmp_path))
    opener = pickle.loads(pickle.dumps(DetectorOpener(Placement("cpu"), threads=1)))
    assert opener == DetectorOpener(Placement("cpu"), threads=1, cache=str(tmp_path))


def test_an_opener_takes_no_other_device(path):
    with pytest.raises(DeviceError):
        DetectorOpener(Placement("cuda"))(WorkerModel("model", str(path)))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (DeviceMemoryError("x"), Fault.MEMORY),
        (MemoryError(), Fault.MEMORY),
        (RunCancelledError("x"), Fault.CANCELLED),
        (ImageFileError("x"), Fault.INPUT),
        (UnknownNameError("x"), Fault.INPUT),
        (ModelOutputError("x"), Fault.MODEL),
        (DeviceError("x"), Fault.DEVICE),
        (KeyError("x"), Fault.DEVICE),
    ],
)
def test_faults_are_classed_as_the_scheduler_needs_them(fault, kind):
    assert fault_of(fault) is kind


def test_what_is_no_refusal_becomes_one_with_its_type():
    refusal = as_refusal(KeyError("x"))
    assert isinstance(refusal, DeviceError)
    assert "KeyError: 'x'" in str(refusal)
    assert as_refusal(refusal) is refusal
