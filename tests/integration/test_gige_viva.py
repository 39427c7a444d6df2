"""The second engine for GigE Vision, a package of another author and language, against Aravis' fake."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

import genicam_rigs
from genicam_rigs import fake_gige, next_frame
from lineside.capture.camera import TriggerMode
from lineside.capture.cameras import gige
from lineside.core.errors import ImageError, SettingsError, SourceError, UnknownNameError
from lineside.testing.camera_checks import CHECKS, Rig

VIVA = {"engine": "viva", "Width": 64, "Height": 48}


@pytest.fixture(scope="module", autouse=True)
def _package():
    if find_spec("viva_genicam") is None:
        genicam_rigs.missing("viva", "viva-genicam is not installed")


@pytest.fixture(scope="module")
def fake():
    with fake_gige() as one:
        yield one


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_word_of_every_camera(fake, check):
    changes = {"ExposureTimeAbs": 400.0}
    check(Rig(gige, f"gige:{fake.address}", features=VIVA, absent="gige:127.255.1.1", changes=changes))


def test_both_engines_see_the_same_scene(fake):
    images = []
    for engine in ("aravis", "viva"):
        camera = fake.open(features={**VIVA, "engine": engine, "PixelFormat": "BayerRG8"})
        images.append(next_frame(camera).image.astype(int))
        camera.close()
    # The scene moves on by a grey level a picture.
    assert np.abs(images[0].mean(axis=(0, 1)) - images[1].mean(axis=(0, 1))).max() < 12


def test_features_are_refused_as_by_the_other_engine(fake):
    for features, kind, text in (
        ({"ExposureTimeAb": 1.0}, UnknownNameError, 'did you mean "ExposureTimeAbs"'),
        ({"ExposureTimeAbs": 1e9}, SettingsError, "expected a number from 10 to 10000000; got 1000000000"),
        ({"Width": 2049}, SettingsError, "Width: expected a whole number from 1 to 2048; got 2049"),
        ({"SensorWidth": 64}, SettingsError, "it cannot be written now; it is 2048"),
        ({"buffers": 4}, SettingsError, 'buffers: engine = "viva" has no such option'),
        ({"engine": "vivid"}, SettingsError, "engine: expected 'aravis' or 'viva'; got \"vivid\""),
    ):
        with pytest.raises(kind) as caught:
            fake.open(features={**VIVA, **features})
        assert text in str(caught.value)


def test_lost_packets_are_counted_and_never_handed_out():
    with fake_gige(lost_per_1000=2) as lossy:
        camera = lossy.open(
            features={"engine": "viva", "packet_size": 1400, "Width": 512, "Height": 512}, fps=20
        )
        whole, faults = 0, []
        while whole + len(faults) < 40:
            try:
                whole += next_frame(camera) is not None
            except ImageError as fault:
                faults.append(str(fault))
        counts = camera.statistics()
        camera.close()
    assert faults
    assert whole
    assert (counts.incomplete, counts.frames) == (len(faults), whole)


def test_an_unplugged_camera_says_so_and_comes_back():
    with fake_gige() as doomed:
        lost = doomed.open(features=VIVA, trigger=TriggerMode.SOFTWARE)
        lost.trigger()
        next_frame(lost)
        doomed.kill()
        with pytest.raises(SourceError, match="camera top: "):
            lost.read(30)
        with pytest.raises(SourceError):
            lost.trigger()
        lost.close()
        doomed.start()
        again = doomed.open(features=VIVA)
        assert next_frame(again).sequence == 0
        again.close()
