"""What the tensors hold: counted within bounds, fed as on the line, and turned into ranges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lineside.core.errors import QuantisationError, SettingsError, UnknownNameError
from lineside.core.geometry import Size
from lineside.engine import run_once
from lineside.evaluation.pictures import FEWEST, Digest, Pictures, choose
from lineside.evaluation.quantising.calibration import METHODS, Feeding, Histogram, collect, ranges
from lineside.evaluation.quantising.settings import QuantiseSettings
from lineside.models.file import ModelFile
from lineside.models.reading import read_model
from lineside.models.surgery import prepare
from lineside.preprocess.letterbox import Slot
from lineside.testing.graphs import GraphSpec, anchor_free, yolox
from lineside.testing.graphs.transformers import rfdetr


def histogram(*pictures):
    one = Histogram()
    for values in pictures:
        one.add(np.asarray(values, np.float32))
    return one


def reading_of(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return read_model(ModelFile.read(path), run=run_once)


@pytest.fixture
def feeding(tmp_path):
    return Feeding(reading_of(tmp_path, anchor_free()))


@pytest.mark.parametrize("build", [anchor_free, yolox, rfdetr])
def test_a_calibration_picture_is_fed_exactly_as_on_the_line(tmp_path, build):
    reading = reading_of(tmp_path, build())
    image = np.random.default_rng(4).integers(0, 256, (77, 101, 3), np.uint8)
    feeding = Feeding(reading)
    feeding.fill(image)
    exported = run_once(reading.subject.model.SerializeToString(), feeding.feeds)
    slot = Slot(reading.subject.picture.size, reading.conventions)
    slot.fill(image)
    online = run_once(prepare(reading, run_once)[0], reading.subject.picture.feeds(slot.planes))
    for one, other in zip(exported, online, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-2)


def test_a_histogram_holds_every_value_however_far_later_ones_lie():
    one = histogram(np.linspace(-1, 1, 1000), np.linspace(0, 900, 1000))
    assert (one.low, one.high) == (-1, 900)
    assert one.counts.sum() == 2000
    below = one.counts[one.centres < -2].sum()
    assert below == 0


def test_a_large_tensor_is_sampled_and_its_limits_are_exact():
    values = np.zeros(1_000_000, np.float32)
    values[123_457] = 7
    one = histogram(values)
    assert one.high == 7
    assert one.counts.sum() < 40_000


@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_the_bulk_and_the_same_twice(feeding, method):
    values = np.random.default_rng(0).normal(size=50_000)
    found = ranges({"t": histogram(values)}, method, feeding)
    low, high = found["t"]
    assert values.min() - 1e-3 <= low < -1.5
    assert 1.5 < high <= values.max() + 1e-3
    assert found == ranges({"t": histogram(values)}, method, feeding)


@pytest.mark.parametrize("method", ["mse", "percentile", "entropy"])
def test_one_huge_outlier_does_not_stretch_the_range(feeding, method):
    values = np.append(np.random.default_rng(0).normal(size=50_000), 60.0)
    low, high = ranges({"t": histogram(values)}, method, feeding)["t"]
    assert high < 30
    assert low < -1.5
    assert ranges({"t": histogram(values)}, "minmax", feeding)["t"][1] == 60


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_that_never_changes_has_a_range(feeding, method):
    low, high = ranges({"t": histogram(np.full(100, 3.0)), "z": histogram(np.zeros(9))}, method, feeding)["t"]
    assert low <= high
    assert np.isfinite([low, high]).all()


def test_the_range_of_the_picture_is_that_of_all_pictures(tmp_path, feeding):
    assert feeding.limits[1] == (0, 1)
    assert Feeding(reading_of(tmp_path, yolox())).limits[1] == (0, 255)


def test_no_picture_and_values_that_are_not_finite_are_refused(tmp_path):
    reading = reading_of(tmp_path, anchor_free())
    data = reading.subject.model.SerializeToString()
    name = reading.subject.model.graph.node[0].output[0]
    with pytest.raises(QuantisationError, match="no picture"):
        collect(data, [name], Feeding(reading), [])
    feeding = Feeding(reading)
    feeding.fill = lambda _: next(iter(feeding.feeds.values())).fill(np.inf)
    with pytest.raises(QuantisationError, match="only finite ones"):
        collect(data, [name], feeding, [np.zeros((9, 9, 3), np.uint8)])


def test_pictures_are_spread_and_the_judging_ones_are_held_out():
    choice = choose(1000, 200)
    assert (len(choice.calibrating), len(choice.judging)) == (200, 100)
    assert not set(choice.calibrating) & set(choice.judging)
    assert choice.held_out
    assert max(np.diff(choice.calibrating)) <= 7
    assert choice.calibrating[-1] > 950
    assert choose(1000, 200) == choice


def test_few_pictures_do_both():
    choice = choose(20, 200)
    assert choice.calibrating == choice.judging == tuple(range(20))
    assert not choice.held_out


def test_a_bad_picture_is_noted_and_the_others_are_read(tmp_path):
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))
    (tmp_path / "2.png").write_bytes(b"no picture")
    pictures = Pictures.of_source(str(tmp_path), 10)
    assert [int(image[0, 0, 0]) for image in pictures.read((0, 2, 4))] == [0, 4]
    assert list(pictures.unreadable) == [f"{tmp_path / '2.png'} #1"]


def test_an_endless_source_gives_as_many_as_are_needed():
    pictures = Pictures.of_source("synthetic:disc?size=96x96&seed=1", 30)
    assert pictures.total == 40
    numbers = (0, 21, 39)
    once = [image.tobytes() for image in pictures.read(numbers)]
    assert len(set(once)) == 3
    assert once == [image.tobytes() for image in pictures.read(numbers)]
    pictures.close()


def test_the_digest_tells_pictures_apart():
    one, other, turned = Digest(), Digest(), Digest()
    one.add(np.zeros((2, 3, 3), np.uint8))
    other.add(np.zeros((2, 3, 3), np.uint8))
    turned.add(np.zeros((3, 2, 3), np.uint8))
    assert str(one) == str(other) != str(turned)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("precision", "int4", UnknownNameError),
        ("method", "mimax", UnknownNameError),
        ("pictures", FEWEST - 1, SettingsError),
        ("max_drop", 1.5, SettingsError),
        ("max_drop", float("nan"), SettingsError),
        ("tolerance", 0, SettingsError),
        ("search_s", -1, SettingsError),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_option(option, value, error):
    with pytest.raises(error, match=f"--{option.replace('_', '-')}"):
        QuantiseSettings(**{option: value})


def test_a_graph_of_another_size_is_fed_in_its_own(tmp_path):
    spec = GraphSpec(dynamic_batch=True, dynamic_size=True, size=Size(height=64, width=96))
    feeding = Feeding(reading_of(tmp_path, anchor_free(spec)))
    assert next(iter(feeding.feeds.values())).shape == (1, 3, 64, 96)
