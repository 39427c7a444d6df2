"""The same seed draws the same parts, and a picture is the caller's own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from lineside.capture.plant.lighting import DRIFT_PARTS, PRESETS
from lineside.capture.plant.part import LOT_PARTS
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import LIGHTINGS, PlantSettings
from lineside.core.errors import SettingsError, UnknownNameError
from lineside.core.geometry import Size

SMALL = Size(height=144, width=176)


def plant(**settings):
    return Plant(PlantSettings(**({"size": SMALL, "variants": 4, "seed": 5} | settings)))


def test_a_part_looks_the_same_in_any_order_and_in_any_plant_of_the_same_seed():
    one, other = plant(product="mixed", defect_rate=1), plant(product="mixed", defect_rate=1)
    forward = {(n, c): one.render(n, c) for n in (0, 1, 25, 99) for c in (0, 1)}
    backward = {(n, c): other.render(n, c) for c in (1, 0) for n in (99, 25, 1, 0)}

    for key, (image, truth) in forward.items():
        np.testing.assert_array_equal(image, backward[key][0])
        np.testing.assert_array_equal(truth.xyxy, backward[key][1].xyxy)
        assert truth.verdict == backward[key][1].verdict


def test_drawing_everything_beforehand_changes_no_pixel():
    lazy, eager = plant(product="mixed"), plant(product="mixed")
    eager.warm()

    for number in (3, 30):
        np.testing.assert_array_equal(lazy.render(number, 1)[0], eager.render(number, 1)[0])


def test_threads_that_share_a_plant_get_the_pictures_that_one_alone_gets():
    alone, shared = plant(defect_rate=1), plant(defect_rate=1)
    jobs = [(number, camera) for number in range(12) for camera in (0, 1)]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: shared.render(*job)[0], jobs))

    for job, image in zip(jobs, together, strict=True):
        np.testing.assert_array_equal(image, alone.render(*job)[0])


def test_another_seed_draws_other_parts():
    assert (plant(seed=1).render(0)[0] != plant(seed=2).render(0)[0]).mean() > 0.5


def test_a_picture_belongs_to_the_caller():
    camera = plant()
    first, _ = camera.render(0)
    kept = first.copy()

    camera.render(1)

    np.testing.assert_array_equal(first, kept)
    assert first.flags.owndata
    assert first.flags.c_contiguous
    assert first.flags.writeable


@pytest.mark.parametrize(
    "size", [Size(96, 96), Size(120, 320), Size(320, 120), Size(97, 203), Size(480, 640)], ids=str
)
@pytest.mark.parametrize("product", ["disc", "cap"])
def test_any_size_is_filled_to_its_edges(size, product):
    camera = plant(size=size, product=product, defect_rate=1)

    for number in range(3):
        for each in (0, 1):
            image, truth = camera.render(number, each)
            assert image.shape == (*size, 3)
            assert image.dtype == np.uint8
            assert truth.xyxy.shape[1:] == (4,)
            assert (truth.xyxy[:, :2] >= 0).all()
            assert (truth.xyxy[:, 2] <= size.width).all()
            assert (truth.xyxy[:, 3] <= size.height).all()
            edges = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
            assert edges.max(axis=1).min() > 0


def test_a_camera_draws_the_same_alone_and_beside_another():
    both, alone = plant(defect_rate=1), plant(defect_rate=1, cameras=("side",))

    for number in range(4):
        image, truth = both.render(number, 1)
        again, truth_again = alone.render(number, 0)
        np.testing.assert_array_equal(image, again)
        assert truth.verdict == truth_again.verdict


def test_mixed_products_come_in_lots():
    products = [plant(product="mixed").part(n).product for n in range(3 * LOT_PARTS)]

    assert products == ["disc"] * LOT_PARTS + ["cap"] * LOT_PARTS + ["disc"] * LOT_PARTS


def test_the_parts_of_a_lot_are_of_one_make_and_lie_differently():
    camera = plant(variants=16)
    parts = [camera.part(n) for n in range(LOT_PARTS)]

    assert len({p.make for p in parts}) == 1
    assert len({p.belt for p in parts}) == 1
    assert len({p.resting.turn for p in parts}) == LOT_PARTS


def test_the_light_drifts():
    camera = plant()
    levels = [
        np.mean([camera.render(start + n)[0].mean() for n in range(4)])
        for start in range(0, DRIFT_PARTS, LOT_PARTS * 4)
    ]

    assert max(levels) - min(levels) > 1


def test_each_lighting_has_its_own_colour():
    warmth = {}
    for lighting in LIGHTINGS:
        image = plant(lighting=lighting, product="cap").render(0)[0].astype(float)
        rail = image[:3].mean(axis=(0, 1))
        warmth[lighting] = rail[2] / rail[0]

    assert warmth["evening"] > warmth["night"] > 1 > warmth["day"] * 0.98


@pytest.mark.parametrize("product", ["disc", "cap"])
def test_a_light_of_ones_own_takes_the_place_of_the_named_one(product):
    asked = {"product": product, "lighting": "day", "defect_rate": 1}
    settings = PlantSettings(size=SMALL, variants=4, seed=5, **asked)
    named, own = plant(**asked | {"lighting": "evening"}), Plant(settings, PRESETS["evening"])

    for camera in (0, 1):
        image, truth = own.render(0, camera)
        np.testing.assert_array_equal(image, named.render(0, camera)[0])
        np.testing.assert_array_equal(truth.xyxy, named.render(0, camera)[1].xyxy)
        assert (image != plant(**asked).render(0, camera)[0]).mean() > 0.5


def test_a_plant_says_what_lights_it():
    own = replace(PRESETS["day"], flicker=0.0)

    assert plant(lighting="night").light is PRESETS["night"]
    assert Plant(PlantSettings(), own).light is own


@pytest.mark.parametrize(("number", "camera"), [(-1, 0), (0, 2), (0, -1)])
def test_there_is_no_such_part_or_camera(number, camera):
    with pytest.raises(SettingsError, match="expected"):
        plant().render(number, camera)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"product": "disk"}, 'product: .*"disk".*"disc"'),
        ({"lighting": "dya"}, '"day"'),
        ({"cameras": ("top", "sides")}, '"side"'),
    ],
)
def test_an_unknown_name_is_refused_with_the_near_one(wrong, says):
    with pytest.raises(UnknownNameError, match=says):
        PlantSettings(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"size": Size(95, 640)},
        {"size": Size(640, 9000)},
        {"defect_rate": 1.01},
        {"defect_rate": float("nan")},
        {"cameras": ()},
        {"cameras": ("top", "top")},
        {"variants": 0},
        {"defect_px": (3.0, 90.0)},
        {"defect_px": (9.0, 8.0)},
        {"defect_px": (200.0, 300.0)},
        {"limit_px": 0.0},
        {"limit_px": float("inf")},
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_its_name(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        PlantSettings(**wrong)
