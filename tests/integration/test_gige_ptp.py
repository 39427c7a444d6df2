"""What a camera's clock follows: read over the network by both engines, from a fake whose states the test sets."""

from __future__ import annotations

import time
from importlib.util import find_spec

import pytest

from genicam_rigs import fake_gige_with_ptp, missing, next_frame
from lineside.capture.camera import CameraSettings, open_camera
from lineside.capture.feed import Feed
from lineside.capture.genicam.aravis_device import AravisDevice
from lineside.capture.genicam.aravis_library import aravis
from lineside.capture.genicam.camera import GenicamCamera
from lineside.capture.genicam.viva_device import VivaDevice, found

LISTENING, SLAVE = 1, 3
SMALL = {"Width": 64, "Height": 48}
FOLLOWS = {**SMALL, "PtpEnable": True, "PtpOffsetFromMaster": -250, "TestPtpStatus": SLAVE}


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    with fake_gige_with_ptp(tmp_path_factory.mktemp("ptp")) as one:
        yield one


def until(condition, patience_s=20.0):
    end_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def device_of(engine, address):
    if engine == "aravis":
        return AravisDevice(aravis(), address, "camera top", buffers=8, packet_size_bytes=None)
    if find_spec("viva_genicam") is None:
        missing("viva", "viva-genicam is not installed")
    return VivaDevice(found(address, "camera top"), "camera top", packet_size_bytes=None)


@pytest.mark.parametrize("engine", ["aravis", "viva"])
def test_a_camera_that_follows_a_grandmaster_gives_its_pictures_its_own_time(fake, engine):
    settings = CameraSettings("top", f"gige:{fake.address}")
    camera = GenicamCamera(settings, device_of(engine, fake.address), FOLLOWS, ask_clock_every_s=1.0)
    first, done = next_frame(camera), camera.statistics()
    camera.configure({"TestPtpStatus": LISTENING})
    until(lambda: camera.statistics().clock == "ptp listening")
    after = next_frame(camera)
    camera.close()
    assert (done.clock, done.clock_offset_s) == ("ptp slave", -250e-9)
    assert first.wall_s == first.device_s  # this fake's clock counts UTC
    assert after.wall_s != after.device_s
    assert abs(after.wall_s - time.time()) < 60


def test_a_change_is_an_event_of_the_feed(fake):
    events, cameras = [], []

    def opened(settings):
        cameras.append(open_camera(settings))
        return cameras[-1]

    settings = CameraSettings("top", f"gige:{fake.address}", features={**FOLLOWS, "TestPtpStatus": 0})
    feed = Feed(settings, opened, on_frame=lambda frame: None, on_event=events.append)
    feed.start()
    try:
        until(lambda: feed.statistics().camera.clock == "own")
        cameras[0].configure({"TestPtpStatus": SLAVE})
        until(lambda: [each.code for each in events] == ["camera.clock"])
        assert events[0].sentence == "its clock: ptp slave; before: own"
        assert feed.statistics().camera.clock == "ptp slave"
    finally:
        feed.stop()
        assert feed.join(20)
