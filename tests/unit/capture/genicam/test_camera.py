"""What every machine-vision camera does with its buffers, whatever library brings them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineside.capture.camera import CameraSettings, CameraStatistics, TriggerMode
from lineside.capture.genicam.camera import GenicamCamera
from lineside.core.delivery import Delivery
from lineside.core.errors import (
    ImageError,
    ImageFormatError,
    ImageTooLargeError,
    SettingsError,
    SourceError,
)
from lineside.core.geometry import Size
from standin_genicam import (
    ListDevice,
    TableNodes,
    buffer,
    choice,
    command,
    damaged,
    integer,
    real,
    triggered_nodes,
)


def opened(buffers, features=None, *, device=None, levels=None, **settings):
    device = device or ListDevice(buffers=list(buffers))
    settings = CameraSettings("top", "gige:1", clock=lambda: 100.0, wall_clock=lambda: 2e9, **settings)
    return GenicamCamera(settings, device, features or {}, levels=levels), device


def test_a_picture_becomes_a_frame_with_its_number_and_times():
    camera, device = opened([buffer(41, 9, device_s=5.5, age_s=0.25), buffer(42)])
    frame = camera.read(0)
    assert (frame.image == 9).all()
    assert frame.image.shape == (2, 4, 3)
    assert (frame.stream, frame.sequence, frame.device_frame, frame.device_s) == ("top", 0, 41, 5.5)
    assert frame.captured_s == pytest.approx(99.75, abs=1)  # the test may be held up
    assert frame.captured_s <= 99.75
    assert frame.wall_s == pytest.approx(2e9 + frame.captured_s - 100.0)
    assert camera.read(0).sequence == 1
    assert camera.read(0) is None
    assert device.released == [41, 42]
    assert camera.statistics() == CameraStatistics(frames=2)


def test_a_damaged_picture_is_an_error_is_counted_and_the_next_is_well():
    camera, device = opened([buffer(1), damaged(2), buffer(3)])
    camera.read(0)
    with pytest.raises(ImageError, match="camera top: picture 2 cannot be used: packets are missing"):
        camera.read(0)
    assert camera.read(0).sequence == 1
    assert device.released == [1, 2, 3]
    assert camera.statistics() == CameraStatistics(frames=2, incomplete=1)


def test_the_rest_of_what_was_sent_before_is_passed_over_where_nobody_asked_for_it():
    camera, device = opened([damaged(), damaged(), buffer(7), damaged()])
    assert camera.read(0).device_frame == 7
    with pytest.raises(ImageError):
        camera.read(0)
    assert device.released == [None, None, 7, None]
    assert camera.statistics() == CameraStatistics(frames=1, incomplete=1)


def test_a_picture_that_was_asked_for_or_came_by_a_wire_may_be_damaged_from_the_first():
    camera, _ = opened([damaged(), buffer(7)], trigger=TriggerMode.HARDWARE)
    with pytest.raises(ImageError):
        camera.read(0)
    camera, device = opened([damaged()], trigger=TriggerMode.SOFTWARE)
    assert camera.read(0) is None
    device.left.append(damaged())
    camera.trigger()
    with pytest.raises(ImageError):
        camera.read(0)


def test_a_format_or_a_size_that_changes_under_way_is_refused_where_it_is_not_read():
    camera, _ = opened(
        [buffer(1, form=0x02180021), buffer(2, size=Size(2, 5)), buffer(3, size=Size(2, 2)), buffer(4)],
        limit_px=8,
    )
    with pytest.raises(ImageFormatError, match="camera top: pixel format 0x02180021 is not read"):
        camera.read(0)
    with pytest.raises(ImageTooLargeError):
        camera.read(0)
    assert camera.read(0).image.shape == (2, 2, 3)
    assert camera.read(0).sequence == 1
    assert camera.statistics() == CameraStatistics(frames=2, incomplete=2)


def test_numbers_that_never_came_are_missed_or_dropped_where_we_had_no_room():
    camera, _ = opened([buffer(1), buffer(4), 9, buffer(5), buffer(10), buffer(12)])
    while camera.read(0) is not None:
        pass
    assert camera.statistics() == CameraStatistics(frames=5, missed=2 + 1, dropped=4)


def test_of_the_latest_the_older_are_given_back_and_counted():
    camera, device = opened(
        [buffer(1), damaged(2), buffer(3), buffer(4, 99), damaged(5)], delivery=Delivery.LATEST
    )
    frame = camera.read(0)
    assert frame.device_frame == 4
    assert camera.statistics() == CameraStatistics(frames=1, dropped=2, incomplete=2)
    assert sorted(device.released) == [1, 2, 3, 4, 5]


def test_a_read_of_the_latest_ends_where_pictures_come_faster_than_they_are_passed_over():
    camera, device = opened([buffer(number) for number in range(1, 1000)], delivery=Delivery.LATEST)
    assert camera.read(0).device_frame == 65  # 64 buffers were full when it began, so this one came later
    assert camera.read(0).device_frame == 130
    assert camera.statistics() == CameraStatistics(frames=2, dropped=128)
    assert len(device.released) == 130


def test_a_camera_lost_behind_a_picture_gives_that_back_and_says_so():
    camera, device = opened([buffer(1), SourceError("gone")], delivery=Delivery.LATEST)
    with pytest.raises(SourceError, match="gone"):
        camera.read(0)
    assert device.released == [1]


@pytest.mark.parametrize("mode", [TriggerMode.SOFTWARE, TriggerMode.PLC])
def test_a_trigger_is_passed_on(mode):
    camera, device = opened([], trigger=mode)
    device.nodes.log.clear()
    camera.trigger()
    assert device.nodes.log == [("TriggerSoftware", True)]


@pytest.mark.parametrize("mode", [TriggerMode.FREE, TriggerMode.HARDWARE])
def test_a_camera_that_nobody_asks_takes_no_trigger(mode):
    camera, _ = opened([], trigger=mode)
    with pytest.raises(SourceError, match='expected trigger = "software"'):
        camera.trigger()


@pytest.mark.parametrize(
    ("features", "settings", "kind"),
    [
        ({"Width": 9999}, {}, SettingsError),
        ({"PixelFormat": "Jpeg"}, {}, ImageFormatError),
        ({}, {"limit_px": 7}, ImageTooLargeError),
        ({}, {"fps": 1000}, SettingsError),
    ],
)
def test_a_camera_that_is_refused_is_let_go_of_before_pictures_flow(features, settings, kind):
    device = ListDevice()
    with pytest.raises(kind, match="camera top"):
        opened([], features, device=device, **settings)
    assert device.closed == 1
    assert not device.is_started


def test_closing_twice_closes_once_and_everything_after_is_refused():
    camera, device = opened([buffer(1)])
    camera.close()
    camera.close()
    assert device.closed == 1
    for work in (lambda: camera.read(0), lambda: camera.configure({})):
        with pytest.raises(SourceError, match="it was closed"):
            work()
    assert camera.statistics().frames == 0


def test_another_product_gets_other_features_and_what_the_trigger_says_stays():
    camera, device = opened([])
    camera.configure({"Width": 8})
    assert device.nodes.get("Width") == 8
    with pytest.raises(SettingsError, match="TriggerMode"):
        camera.configure({"TriggerMode": "On"})


def test_a_running_camera_drops_what_was_on_its_way_and_its_numbers_go_on():
    device = ListDevice(buffers=[buffer(41), buffer(42)], next_buffers=[buffer(1), buffer(2), buffer(4)])
    camera, _ = opened([], device=device)
    assert camera.read(0).device_frame == 41
    camera.configure({"Width": 8})
    assert device.is_started
    assert [camera.read(0).device_frame for _ in range(3)] == [42, 43, 45]
    assert camera.statistics() == CameraStatistics(frames=4, missed=1)
    assert camera.settles_s == 0


def test_a_wired_camera_goes_on_while_it_is_set_and_says_how_long_pictures_may_be_of_before():
    nodes = triggered_nodes(ExposureTime=real(300_000.0))
    device = ListDevice(nodes, buffers=[buffer(41)])
    camera, _ = opened([], device=device, trigger=TriggerMode.HARDWARE)
    camera.configure({"ExposureTime": 20_000.0})
    assert camera.read(0).device_frame == 41
    assert camera.settles_s == pytest.approx(0.3 + 0.1)


def test_a_locked_feature_is_set_in_a_pause_and_a_wires_numbers_are_the_cameras_own_then():
    class Locking(TableNodes):
        def describe(self, name):
            node = super().describe(name)
            return replace(node, writable=not device.is_started) if name == "Width" else node

    nodes = triggered_nodes(OffsetX=integer(16))
    nodes.__class__ = Locking
    device = ListDevice(nodes, buffers=[buffer(41)], next_buffers=[buffer(1)])
    camera, _ = opened([], {"Width": 4, "OffsetX": 16}, device=device, trigger=TriggerMode.HARDWARE)
    camera.read(0)
    nodes.log.clear()
    camera.configure({"Width": 8, "OffsetX": 4})
    assert nodes.log == [("OffsetX", 0), ("Width", 8), ("OffsetX", 4)]
    assert camera.read(0).device_frame == 1
    with pytest.raises(SettingsError):
        camera.configure({"Width": 10**6})
    assert device.is_started


def test_what_the_camera_was_opened_with_is_no_change_and_no_command_is_done_twice():
    nodes = triggered_nodes(UserSetLoad=command())
    features = {"buffers": 4, "UserSetLoad": True, "Width": 8}
    settings = CameraSettings("top", "gige:1", features=features, trigger=TriggerMode.SOFTWARE)
    camera = GenicamCamera(settings, ListDevice(nodes), {"UserSetLoad": True, "Width": 8})
    nodes.log.clear()
    camera.configure(features | {"Width": 12})
    assert nodes.log == [("Width", 12)]
    with pytest.raises(SettingsError, match="buffers: expected this option in the line's settings"):
        camera.configure({"buffers": 5})


def test_levels_make_the_most_of_a_dark_picture():
    camera, _ = opened([buffer(1, 20)], levels=(10, 30))
    assert (camera.read(0).image == 128).all()


def test_the_wall_time_is_the_cameras_where_it_follows_a_grandmaster():
    nodes = triggered_nodes(PtpStatus=choice("Slave", "Slave"), PtpDataSetLatch=command())
    camera, _ = opened([], device=ListDevice(nodes, [buffer(1, device_s=2e9 + 37 - 0.125)]))
    assert camera.read(0).wall_s == 2e9 - 0.125


def test_a_camera_without_the_usual_features_is_taken_as_it_is():
    nodes = TableNodes(Gain=integer(1))
    camera, _ = opened([], device=ListDevice(nodes, [buffer(1)]))
    assert camera.period_s is None
    assert camera.read(0).image.any()
