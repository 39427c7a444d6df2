"""GigE Vision cameras by Aravis against its fake: the real protocol over UDP, with losses, unplugging and a second master."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np
import pytest

from genicam_rigs import fake_gige, next_frame
from lineside.capture.camera import CameraSettings, TriggerMode, open_camera
from lineside.capture.cameras import gige
from lineside.core.delivery import Delivery
from lineside.core.errors import (
    ImageError,
    ImageTooLargeError,
    SettingsError,
    SourceError,
    UnknownNameError,
)

SMALL = {"Width": 64, "Height": 48}


@pytest.fixture(scope="module")
def fake():
    with fake_gige() as one:
        yield one


@pytest.fixture
def camera(fake):
    one = fake.open(features=SMALL, fps=50)
    yield one
    one.close()


def refusal(kind, fake, features, **settings):
    with pytest.raises(kind) as caught:
        fake.open(features=features, **settings)
    return str(caught.value)


def test_a_camera_is_found_with_its_address_and_opened_by_any_of_its_names(fake):
    found = {each.address: each for each in gige.attached()}
    mine = found[f"gige:{fake.serial}"]
    assert (mine.kind, mine.serial, mine.facts["address"]) == ("gige", fake.serial, fake.address)
    for address in (mine.address, f"gige:{fake.address}", f"genicam://Aravis-{fake.serial}"):
        camera = open_camera(CameraSettings("top", address, features=SMALL))
        assert next_frame(camera).image.shape == (48, 64, 3)
        camera.close()


def test_a_small_receive_buffer_is_told_with_the_way_to_enlarge_it(fake, tmp_path):
    limit = tmp_path / "rmem_max"
    limit.write_text("212992\n")
    hints = {each.serial: each.hints for each in gige.attached(limit)}
    assert "sysctl -w net.core.rmem_max=4194304" in hints[fake.serial][0]
    limit.write_text("4194304\n")
    assert not {each.serial: each.hints for each in gige.attached(limit)}[fake.serial]


def test_a_camera_that_is_not_there_is_refused_with_the_near_ones(fake):
    with pytest.raises(SourceError, match=f'no camera "{fake.serial}x"; did you mean "{fake.serial}"'):
        open_camera(CameraSettings("top", f"gige:{fake.serial}x"))
    with pytest.raises(SettingsError, match="expected gige:SERIAL"):
        open_camera(CameraSettings("top", "gige:"))


def test_a_second_master_is_told_that_the_camera_is_in_use(fake, camera):
    assert "another program controls this camera" in refusal(SourceError, fake, {})
    assert next_frame(camera).image.any()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("Mono8", "grey"),
        ("Mono16", "grey"),
        ("BayerRG8", "colour"),
        ("BayerGB8", "colour"),
        ("RGB8", "colour"),
    ],
)
def test_every_format_of_the_fake_becomes_bgr(fake, name, shape):
    camera = fake.open(features={**SMALL, "PixelFormat": name})
    image = next_frame(camera).image
    camera.close()
    assert (image.dtype, image.shape) == (np.uint8, (48, 64, 3))
    is_grey = (image[..., :1] == image).all()
    assert is_grey == (shape == "grey")


def test_bayer_formats_of_one_scene_agree_in_their_colours(fake):
    means = {}
    for name in ("BayerRG8", "BayerGR8", "BayerGB8", "BayerBG8"):
        camera = fake.open(features={"Width": 256, "Height": 256, "PixelFormat": name})
        means[name] = next_frame(camera).image.mean(axis=(0, 1))
        camera.close()
    first = means.pop("BayerRG8")
    for other in means.values():
        assert np.abs(other - first).max() < 12


def test_features_are_checked_by_type_limits_and_names(fake):
    assert 'did you mean "ExposureTimeAbs"' in refusal(UnknownNameError, fake, {"ExposureTime": 5000.0})
    assert "ExposureTimeAbs: expected a number from 10 to 10000000; got 1000000000" in refusal(
        SettingsError, fake, {"ExposureTimeAbs": 1e9}
    )
    assert "Width: expected a whole number from 1 to 2048; got 2049" in refusal(
        SettingsError, fake, {"Width": 2049}
    )
    assert 'Width: expected a whole number from 1 to 2048; got "wide"' in refusal(
        SettingsError, fake, {"Width": "wide"}
    )
    assert "got true" in refusal(SettingsError, fake, {"Width": True})
    assert 'there is no "Mono12"; did you mean' in refusal(UnknownNameError, fake, {"PixelFormat": "Mono12"})
    assert "it cannot be written now; it is 2048" in refusal(SettingsError, fake, {"SensorWidth": 64})
    assert "AcquisitionFrameRate: expected a number from 0.1 to 1000; got 1000000" in refusal(
        SettingsError, fake, SMALL, fps=1e6
    )
    assert "TriggerMode" in refusal(SettingsError, fake, {"TriggerMode": "On"})


def test_a_picture_above_the_limit_is_refused_before_it_flows(fake):
    assert "top: expected pictures of at most 3071 pixels, got 64x48" in refusal(
        ImageTooLargeError, fake, SMALL, limit_px=3071
    )


def test_a_feature_changes_between_two_pictures(fake, camera):
    camera.configure({"ExposureTimeAbs": 100.0})
    dark = [next_frame(camera) for _ in range(8)][-1].image.mean()
    camera.configure({"ExposureTimeAbs": 10_000.0})
    bright = [next_frame(camera) for _ in range(8)][-1].image.mean()
    assert bright > dark + 20
    with pytest.raises(SettingsError, match="ExposureTimeAbs"):
        camera.configure({"ExposureTimeAbs": 0.0})


def test_frames_say_when_they_were_taken_and_the_cameras_own_number(camera):
    before_s = time.monotonic()
    frames = [next_frame(camera) for _ in range(20)]
    assert camera.period_s == pytest.approx(0.02)
    steps = np.diff([frame.device_s for frame in frames])
    assert np.median(steps) == pytest.approx(0.02, rel=0.3)
    assert all(before_s - 1 < frame.captured_s <= time.monotonic() for frame in frames)
    assert all(abs(frame.wall_s - time.time()) < 5 for frame in frames)


def test_numbers_go_on_where_those_of_the_camera_begin_again_after_sixteen_bits():
    with fake_gige() as fresh:  # it begins to count at 65,300 or so
        camera = fresh.open(features=SMALL, fps=200)
        numbers = [next_frame(camera).device_frame for _ in range(300)]
        counts = camera.statistics()
        camera.close()
    assert numbers == sorted(numbers)
    assert numbers[0] < 65_535 < numbers[-1]
    assert counts.missed == numbers[-1] - numbers[0] + 1 - len(numbers) - counts.dropped


def test_pictures_without_room_are_counted_as_dropped_and_not_as_missed(fake):
    camera = fake.open(features={**SMALL, "buffers": 2}, fps=200)
    next_frame(camera)
    until_s = time.monotonic() + 20
    while camera._device.no_room() < 20 and time.monotonic() < until_s:
        time.sleep(0.01)
    for _ in range(8):
        next_frame(camera)
    counts = camera.statistics()
    camera.close()
    assert counts.dropped > 0
    assert counts.frames == 9


def test_of_a_live_view_only_the_newest_is_handed_out(fake):
    camera = fake.open(features={**SMALL, "buffers": 32}, fps=100, delivery=Delivery.LATEST)
    first = next_frame(camera)
    time.sleep(0.2)  # pictures gather: that is the behaviour under test
    second = camera.read(0)
    counts = camera.statistics()
    camera.close()
    assert second.device_frame - first.device_frame > 5
    assert counts.dropped >= second.device_frame - first.device_frame - 1
    assert (second.sequence, counts.frames) == (1, 2)


def test_a_wire_that_never_pulses_gives_nothing_and_takes_no_software_trigger(fake):
    camera = fake.open(
        features={**SMALL, "TriggerSource": "Line0", "TriggerActivation": "RisingEdge"},
        trigger=TriggerMode.HARDWARE,
    )
    with suppress(ImageError):  # of what the fake sends while it is opened, which a wire could have triggered
        assert camera.read(0.1) is None
    frames = camera.statistics().frames
    for _ in range(20):
        with suppress(ImageError):
            assert camera.read(0.02) is None
    assert frames == camera.statistics().frames == 0
    with pytest.raises(SourceError, match='expected trigger = "software", it is "hardware"'):
        camera.trigger()
    assert camera.period_s == float("inf")
    camera.close()
    assert "TriggerSource" in refusal(
        SettingsError, fake, {"TriggerSource": "Software"}, trigger=TriggerMode.HARDWARE
    )
    assert 'there is no "Line7"' in refusal(
        UnknownNameError, fake, {"TriggerSource": "Line7"}, trigger=TriggerMode.HARDWARE
    )


def test_lost_packets_make_an_incomplete_picture_that_is_counted_and_never_handed_out():
    with fake_gige(lost_per_1000=2) as lossy:
        camera = lossy.open(features={"packet_size": 1400, "Width": 512, "Height": 512}, fps=50)
        whole, faults = [], []
        while len(whole) + len(faults) < 60:
            try:
                whole.append(next_frame(camera))
            except ImageError as fault:
                faults.append(str(fault))
        counts = camera.statistics()
        camera.close()
    assert faults
    assert whole
    assert counts.incomplete == len(faults)
    assert counts.frames == len(whole)
    assert any("packets are missing" in fault for fault in faults)
    assert all(fault.startswith("camera top: ") for fault in faults)
    # No torn picture passes for a whole one: the fake's scene is a smooth gradient, black nowhere for long.
    assert all((frame.image.reshape(-1, 512 * 3).std(axis=1) > 0).all() for frame in whole)


def test_an_unplugged_camera_says_so_and_comes_back_while_another_goes_on():
    with fake_gige() as doomed, fake_gige() as other:
        lost = doomed.open(features=SMALL, trigger=TriggerMode.SOFTWARE)
        steady = other.open(features=SMALL, fps=50)
        lost.trigger()
        next_frame(lost)
        doomed.kill()
        with pytest.raises(SourceError, match="control was lost"):
            lost.read(30)
        with pytest.raises(SourceError):
            lost.trigger()
        lost.close()
        with pytest.raises(SourceError):
            doomed.open(features=SMALL)
        doomed.start()
        again = doomed.open(features=SMALL)
        assert next_frame(again).sequence == 0
        again.close()
        assert next_frame(steady).image.any()
        steady.close()
