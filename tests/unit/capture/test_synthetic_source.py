"""`synthetic:` opens a plant's cameras, and says what is wrong with an argument that it cannot open."""

from itertools import islice

import numpy as np
import pytest

from lineside.capture.pictures import Reading
from lineside.capture.plant.camera import PlantCamera
from lineside.capture.plant.plant import Plant
from lineside.capture.plant.settings import PlantSettings
from lineside.capture.sources import open_sources
from lineside.core.errors import ImageTooLargeError, SettingsError, SourceError, UnknownNameError
from lineside.core.geometry import Size

SMALL = "size=128x96&variants=2"


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self):
        self.now_s = 100.0
        self.slept_s = []

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.slept_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def plant():
    return Plant(PlantSettings(size=Size(96, 128), variants=2))


def test_a_product_opens_one_source_for_each_camera():
    sources = open_sources([f"synthetic:cap?{SMALL}&count=3"])

    assert [(s.name, s.count) for s in sources] == [("synthetic:cap/top", 3), ("synthetic:cap/side", 3)]
    for source in sources:
        frames = list(source)
        assert [f.sequence for f in frames] == [f.part for f in frames] == [0, 1, 2]
        assert {f.stream for f in frames} == {source.name}
        assert {f.image.shape for f in frames} == {(96, 128, 3)}
        assert [f.truth.part for f in frames] == [0, 1, 2]
        assert all(f.time_s is None and f.captured_s is not None for f in frames)


def test_one_camera_can_be_chosen():
    (source,) = open_sources([f"synthetic:disc?{SMALL}&camera=side&count=1"])
    assert source.name == "synthetic:disc/side"


def test_the_keys_reach_the_plant():
    argument = "synthetic:disc?seed=3&lighting=evening&size=160x120&count=2&defects=1&camera=top&variants=3"
    (source,) = open_sources([argument])
    wanted = PlantSettings(
        seed=3, lighting="evening", size=Size(height=120, width=160), defect_rate=1, variants=3
    )

    for number, frame in enumerate(source):
        np.testing.assert_array_equal(frame.image, Plant(wanted).render(number, 0)[0])


def test_without_a_count_there_is_no_end():
    (source,) = open_sources([f"synthetic:disc?{SMALL}&camera=top"])

    assert source.count is None
    assert [f.sequence for f in islice(source, 5)] == [0, 1, 2, 3, 4]


def test_an_iteration_starts_from_the_beginning_and_closing_ends_it(plant):
    camera = PlantCamera(plant)
    first = iter(camera)
    next(first)
    kept = next(first).image

    second = list(islice(camera, 2))
    np.testing.assert_array_equal(second[1].image, kept)
    assert list(first) == []

    third = iter(camera)
    next(third)
    camera.close()
    camera.close()
    assert list(third) == []


def test_frames_come_in_real_time_when_asked(plant):
    clock = Clock()
    camera = PlantCamera(plant, count=4, fps=20, clock=clock, sleep=clock.sleep)

    assert [f.captured_s for f in camera] == pytest.approx([100.0, 100.05, 100.1, 100.15])


def test_a_camera_that_is_late_does_not_wait_and_loses_nothing(plant):
    clock = Clock()
    camera = PlantCamera(plant, count=4, fps=20, clock=clock, sleep=clock.sleep)
    frames = []
    for frame in camera:
        frames.append(frame)
        clock.now_s += 0.12

    assert [f.sequence for f in frames] == [0, 1, 2, 3]
    assert clock.slept_s == [0, 0, 0, 0]


def test_a_trigger_takes_the_part_that_it_names(plant):
    camera = PlantCamera(plant, 1, clock=lambda: 7.5)

    frames = [camera.trigger(part) for part in (9, 2)]

    assert [(f.part, f.sequence, f.captured_s) for f in frames] == [(9, 0, 7.5), (2, 1, 7.5)]
    np.testing.assert_array_equal(frames[0].image, plant.render(9, 1)[0])
    with pytest.raises(SettingsError, match="part"):
        camera.trigger(-1)


@pytest.mark.parametrize("wrong", [{"camera": 2}, {"count": 0}, {"fps": 0.0}, {"fps": float("nan")}])
def test_a_camera_refuses_what_it_cannot_do(plant, wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        PlantCamera(plant, **wrong)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("disk", '"disk".*"disc"'),
        ("", "disc, cap, mixed"),
        ("disc?sed=1", '"sed".*"seed"'),
        ("disc?lighting=nihgt", '"night"'),
        ("disc?camera=tip", '"top"'),
        ("disc?", None),
    ],
)
def test_an_unknown_name_is_refused_with_the_near_ones(argument, says):
    if says is None:
        assert len(open_sources([f"synthetic:{argument}"])) == 2
        return
    with pytest.raises(UnknownNameError, match=says):
        open_sources([f"synthetic:{argument}"])


@pytest.mark.parametrize(
    "query",
    [
        "seed=-1",
        "seed=1.5",
        "seed=",
        "seed",
        "seed=1&seed=2",
        "seed=99999999999999999999",
        "size=640",
        "size=640x",
        "size=10x10",
        "size=9000x640",
        "count=0",
        "count=many",
        "defects=1.5",
        "defects=nan",
        "fps=0",
        "fps=inf",
        "variants=0",
    ],
)
def test_a_bad_value_is_refused_by_its_key(query):
    with pytest.raises(SettingsError, match=f"synthetic:disc.*{query.partition('=')[0]}"):
        open_sources([f"synthetic:disc?{query}"])


def test_frames_above_the_limit_are_refused_before_they_are_drawn():
    with pytest.raises(ImageTooLargeError, match="640x480"):
        open_sources(["synthetic:disc?size=640x480"], reading=Reading(limit_px=640 * 480 - 1))


def test_the_plant_is_asked_for_by_name_alone():
    with pytest.raises(SourceError):
        open_sources(["disc?seed=3"])
