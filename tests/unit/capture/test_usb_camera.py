"""The USB kind over a capture that is written here: no such device exists where the tests run."""

from __future__ import annotations

import cv2
import pytest

from lineside.capture.camera import CameraSettings, TriggerMode, scheme_of
from lineside.capture.cameras.usb import attached, open_camera
from lineside.core.errors import ImageTooLargeError, SettingsError, SourceError
from webcam import Webcam


@pytest.fixture
def devices(tmp_path):
    (tmp_path / "video0").touch()
    return tmp_path


def opened(devices, webcam, address="usb:0", **settings):
    return open_camera(CameraSettings("web", address, **settings), webcam, devices)


@pytest.mark.parametrize("address", ["usb:0", "usb:/dev/video0", "/dev/video0"])
def test_pictures_come_until_it_is_unplugged(devices, address):
    assert scheme_of(address) == "usb"
    webcam = Webcam(pictures=2)
    camera = opened(devices, webcam, address)
    frames = [camera.read(5), camera.read(5)]
    assert [frame.image.shape for frame in frames] == [(480, 640, 3)] * 2
    assert camera.period_s == pytest.approx(1 / 30)
    with pytest.raises(SourceError, match="ended"):
        camera.read(5)
    camera.close()
    assert webcam.released
    assert webcam.device == str(devices / "video0")


def test_what_is_asked_for_is_set_in_the_order_that_drivers_want(devices):
    webcam = Webcam()
    features = {"width": 1280, "height": 720, "fourcc": "MJPG", "exposure": 50, "gain": 3}
    camera = opened(devices, webcam, features=features, fps=60)
    assert camera.read(5).image.shape == (720, 1280, 3)
    camera.close()
    assert webcam.order[:4] == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
    ]
    assert webcam.order.index(cv2.CAP_PROP_AUTO_EXPOSURE) < webcam.order.index(cv2.CAP_PROP_EXPOSURE)


def test_a_size_that_the_device_does_not_take_is_refused(devices):
    webcam = Webcam(stubborn=[cv2.CAP_PROP_FRAME_WIDTH])
    with pytest.raises(SettingsError, match=r"width: asked for 1280, the device has 640"):
        opened(devices, webcam, features={"width": 1280})
    assert webcam.released


def test_a_device_that_is_in_use_is_refused(devices):
    with pytest.raises(SourceError, match="another program"):
        opened(devices, Webcam(opens=False))


def test_a_device_that_is_not_there_is_refused_with_those_that_are(devices):
    with pytest.raises(SourceError, match=r"no device .*video1.*video0"):
        opened(devices, Webcam(), "usb:1")


@pytest.mark.parametrize("address", ["usb:", "usb:first", "usb:/etc/passwd", "usb:/dev/../etc/passwd"])
def test_an_address_that_is_no_device_is_refused(devices, address):
    with pytest.raises(SettingsError, match="expected usb:NUMBER"):
        opened(devices, Webcam(), address)


def test_a_usb_camera_cannot_be_triggered_by_software(devices):
    with pytest.raises(SettingsError, match="trigger"):
        opened(devices, Webcam(), trigger=TriggerMode.SOFTWARE)


def test_pictures_above_the_limit_are_refused_before_any_is_read(devices):
    webcam = Webcam()
    with pytest.raises(ImageTooLargeError, match="640x480"):
        opened(devices, webcam, limit_px=1000)
    assert webcam.released


def test_what_the_kernel_knows_is_listed_once_a_camera(tmp_path):
    for number, index in ((0, 0), (1, 1), (10, 0)):
        entry = tmp_path / f"video{number}"
        entry.mkdir()
        (entry / "name").write_text(f"Webcam {number}\n")
        (entry / "index").write_text(f"{index}\n")
    usbfs = tmp_path / "usbfs"
    usbfs.write_text("16\n")
    found = attached(tmp_path, usbfs)
    assert [(camera.address, camera.model) for camera in found] == [
        ("/dev/video0", "Webcam 0"),
        ("/dev/video10", "Webcam 10"),
    ]
    assert "echo 1000" in found[0].hints[0]
