"""Basler cameras against pylon's own emulator: our pictures through the real way of a camera, and buffers that fail on purpose."""

from __future__ import annotations

import signal
from contextlib import closing
from threading import Thread

import cv2
import numpy as np
import pytest

import genicam_rigs
from genicam_rigs import next_frame
from lineside.capture.camera import CameraSettings, TriggerMode, open_camera
from lineside.capture.cameras import pylon
from lineside.capture.genicam.bindings import bound
from lineside.capture.pixels.convert import convert
from lineside.capture.pixels.formats import Kind, names, pixel_format
from lineside.core.errors import ImageError, SettingsError, SourceError, UnknownNameError
from lineside.core.geometry import Size

SMALL = {"Width": 64, "Height": 48}
ADDRESS = "pylon:0815-0001"


@pytest.fixture(scope="module", autouse=True)
def _emulator():
    genicam_rigs.require_pylon()


def opened(**settings):
    return open_camera(CameraSettings("top", ADDRESS, **settings))


@pytest.fixture
def folder(tmp_path):
    """Three pictures that differ, as files."""
    rng = np.random.default_rng(5)
    pictures = [
        cv2.GaussianBlur(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), (3, 3), 0) for _ in range(3)
    ]
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"part-{number}.png"), picture)
    return tmp_path, pictures


def test_emulated_cameras_are_found():
    found = {each.address: each for each in pylon.attached()}
    assert found[ADDRESS].facts["class"] == "BaslerCamEmu"
    with pytest.raises(SourceError, match='no camera "0815-0O01"; did you mean "0815-0001"'):
        open_camera(CameraSettings("top", "pylon:0815-0O01"))


def test_our_own_pictures_come_through_the_camera_pixel_by_pixel_one_for_each_trigger(folder):
    path, pictures = folder
    camera = opened(
        features={
            **SMALL,
            "PixelFormat": "BGR8Packed",
            "TestImageSelector": "Off",
            "ImageFilename": str(path),
            "ImageFileMode": "On",
        },
        trigger=TriggerMode.SOFTWARE,
    )
    assert camera.read(0.1) is None
    seen = []
    for _ in range(6):
        camera.trigger()
        seen.append(next_frame(camera).image)
        assert camera.read(0.05) is None
    camera.close()
    shown = [next(i for i, own in enumerate(pictures) if np.array_equal(own, image)) for image in seen]
    assert shown == [(shown[0] + i) % 3 for i in range(6)]


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="this system has no SIGALRM")
def test_a_read_keeps_its_time_where_the_program_has_the_alarm_signal_for_itself():
    with closing(opened(features=SMALL, trigger=TriggerMode.SOFTWARE)) as camera:
        signal.signal(
            signal.SIGALRM, signal.getsignal(signal.SIGALRM)
        )  # pylon put a handler of its own there
        seen = []
        reader = Thread(target=lambda: seen.append(camera.read(0.1)), daemon=True)
        reader.start()
        reader.join(10)
        assert seen == [None]


def test_a_buffer_that_fails_is_counted_and_never_handed_out():
    camera = opened(features=SMALL, fps=50)
    next_frame(camera)
    camera.configure({"ForceFailedBufferCount": 5, "ForceFailedBuffer": True})
    faults, whole = [], 0
    while len(faults) < 5 or whole < 20:
        try:
            whole += next_frame(camera) is not None
        except ImageError as fault:
            faults.append(str(fault))
    counts = camera.statistics()
    camera.close()
    assert len(faults) == counts.incomplete == 5
    assert all("cannot be used: The buffer was incompletely grabbed" in fault for fault in faults)
    assert counts.missed == counts.dropped == 0


def test_a_set_of_features_is_stored_as_text_and_set_again():
    camera = opened(features={**SMALL, "ExposureTime": 1234.0})
    stored = camera.stored_features()
    camera.close()
    other = opened(features={"Width": 128, "ExposureTime": 5000.0})
    assert next_frame(other).image.shape[1] == 128
    other.close()
    again = opened(features={"feature_set": stored})
    assert next_frame(again).image.shape == (48, 64, 3)
    assert "ExposureTime\t1234" in again.stored_features()
    again.close()
    with pytest.raises((SettingsError, SourceError), match="feature_set"):
        opened(features={"feature_set": "no set"})


def test_features_are_refused_with_their_limits():
    for features, kind, text in (
        ({"Exposuretime": 1.0}, UnknownNameError, 'did you mean "ExposureTime'),
        ({"ExposureTime": 1e12}, SettingsError, "ExposureTime: expected a number from 1 to 10000000"),
        ({"Width": 0}, SettingsError, "Width: expected a whole number from 1 to 4096; got 0"),
        ({"PixelFormat": "Mono13"}, UnknownNameError, 'there is no "Mono13"; did you mean "Mono1'),
    ):
        with pytest.raises(kind) as caught:
            opened(features=features)
        assert text in str(caught.value)


def test_a_size_that_is_locked_while_pictures_flow_is_changed_in_a_pause():
    camera = opened(features=SMALL, fps=50)
    numbers = [next_frame(camera).device_frame for _ in range(3)]
    camera.configure({"Width": 128})
    wider = next_frame(camera)
    camera.close()
    assert wider.image.shape[1] == 128
    assert wider.device_frame == numbers[-1] + 1


@pytest.mark.parametrize(
    "name", ["Mono8", "Mono12", "RGB16Packed", "BGRA8Packed", "BayerRG8", "BayerGB12", "BayerBG16"]
)
def test_every_kind_of_format_of_the_emulator_is_read(name):
    camera = opened(features={**SMALL, "PixelFormat": name})
    image = next_frame(camera).image
    camera.close()
    assert image.shape == (48, 64, 3)
    assert image.max() > image.min()


_PYLON_NAMES = {
    "Mono10Packed": "Mono10packed", "Mono12Packed": "Mono12packed", "RGB8": "RGB8packed", "BGR8": "BGR8packed",
    "RGBa8": "RGBA8packed", "BGRa8": "BGRA8packed", "RGB10": "RGB10packed", "RGB12": "RGB12packed",
    "BGR10": "BGR10packed", "BGR12": "BGR12packed", "RGB16": "RGB16packed", "YUV422_8_UYVY": "YUV422packed",
    "YUV422_8": "YUV422_YUYV_Packed",
}  # fmt: skip


# What pylon does not read has a slow reference only: tests/unit/capture/pixels.
_NOT_BASLERS = {"Mono14", "BGR16"} | {
    n for n in names() if n.startswith(("YCbCr",)) or n.endswith("10Packed")
}
_BASLERS = [name for name in names() if name not in _NOT_BASLERS or name == "Mono10Packed"]


@pytest.mark.parametrize("name", _BASLERS)
def test_basler_reads_the_same_bytes_as_the_same_picture(name):
    """Independent of us: pylon's own converter. Its Bayer interpolation is another, so that is compared on flat colours."""
    library = bound("pypylon.pylon", "pylon")
    converter = library.ImageFormatConverter()
    number = getattr(library, f"PixelType_{_PYLON_NAMES.get(name, name)}")
    assert converter.IsSupportedInputFormat(number)
    form, size = pixel_format(name), Size(16, 16)
    assert number == form.code
    raw = _bytes_of(form, size)
    converter.OutputPixelFormat = library.PixelType_BGR8packed
    picture = library.PylonImage()
    picture.AttachMemoryView(memoryview(raw), number, size.width, size.height, 0)
    expected = converter.Convert(picture).GetArray().astype(int)
    got = convert(raw, form, size).astype(int)
    inside = (slice(4, -4), slice(4, -4))
    tolerance = 2 if form.kind is Kind.YUV else 1 if form.bits > 8 else 0
    if form.kind is Kind.BAYER:
        got, expected = got[inside], expected[inside]
    assert np.abs(got - expected).max() <= tolerance


def _bytes_of(form, size):
    """Noise, or for a Bayer pattern one flat colour whose three values differ."""
    import slow_pixels

    rng = np.random.default_rng(9)
    high = 1 << form.bits
    if form.kind is Kind.BAYER:
        level = {"R": high // 2, "G": high // 4, "B": high // 8}
        cell = np.array([level[c] for c in form.order]).reshape(2, 2)
        samples = np.tile(cell, (size.height // 2, size.width // 2))
    else:
        samples = rng.integers(0, high, (size.height, size.width * form.samples_per_px))
    return slow_pixels.pack(samples.ravel(), form.packing)
