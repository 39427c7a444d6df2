"""Any GenTL producer, tried on the one inside the `genicam` package: three virtual cameras with a bouncing ball each."""

from __future__ import annotations

import time

import numpy as np
import pytest

import genicam_rigs
from genicam_rigs import next_frame
from lineside.capture.camera import CameraSettings, TriggerMode, open_camera
from lineside.capture.cameras import gentl
from lineside.capture.genicam.gentl_device import GentlDevice
from lineside.capture.genicam.gentl_producer import producer as loaded
from lineside.core.delivery import Delivery
from lineside.core.errors import SettingsError, SourceError, UnknownNameError
from lineside.core.geometry import Size


@pytest.fixture(scope="module")
def producer():
    return genicam_rigs.require_gentl()


def opened(address, **settings):
    return open_camera(CameraSettings("top", address, **settings))


def test_cameras_are_found_by_the_folders_of_the_standards_variable(producer):
    found = gentl.attached({gentl.PATHS: str(producer.parent)})
    assert [each.address for each in found] == [f"gentl:{producer}#{n}" for n in range(3)]
    assert found[0].model == "Machine Vision Games Ltd. Viky"
    assert gentl.attached({}) == []


def test_three_cameras_of_one_producer_run_side_by_side_in_their_colours(producer):
    cameras = [opened(f"gentl:{producer}#{n}", fps=50, features={"buffers": 64}) for n in range(3)]
    frames = [[next_frame(camera) for _ in range(10)] for camera in cameras]
    for camera in cameras:
        camera.close()
    strongest = []
    for images in frames:
        numbers = [frame.device_frame for frame in images]
        assert numbers == list(range(numbers[0], numbers[0] + 10))
        colours = images[-1].image.reshape(-1, 3)
        coloured = colours[(colours.max(axis=1) - colours.min(axis=1)) > 50]
        strongest.append("bgr"[int(np.argmax(coloured.mean(axis=0)))])
    assert strongest == ["r", "g", "b"]


def test_a_camera_that_was_closed_opens_again(producer):
    for _ in range(3):
        camera = opened(f"gentl:{producer}#1")
        assert next_frame(camera).image.shape == (400, 400, 3)
        camera.close()


def test_mono_and_its_levels_are_read(producer):
    camera = opened(f"gentl:{producer}#0", features={"PixelFormat": "Mono8"})
    grey = next_frame(camera).image
    camera.close()
    assert (grey[..., :1] == grey).all()


def test_a_buffer_says_that_chunk_data_is_in_it(producer):
    library = loaded(producer)
    device = GentlDevice(library, library.found()[0], "camera top", buffers=4)
    told = []
    for wanted in (True, False):
        device.nodes.set("ChunkModeActive", wanted)
        device.start()
        grabbed = device.grab(5)
        told.append((grabbed.has_more, grabbed.size))
        grabbed.release()
        device.stop()
    device.close()
    assert told == [(True, Size(400, 400)), (False, Size(400, 400))]


def test_only_the_newest_is_handed_out_of_a_live_view(producer):
    camera = opened(f"gentl:{producer}#0", fps=100, delivery=Delivery.LATEST, features={"buffers": 32})
    first = next_frame(camera)
    time.sleep(0.2)  # pictures gather: that is the behaviour under test
    second = next_frame(camera)
    counts = camera.statistics()
    camera.close()
    assert counts.dropped > 3
    # The producer itself loses pictures where its thread gets no time; each is counted as one or the other.
    assert counts.dropped + counts.missed == second.device_frame - first.device_frame - 1


def test_what_is_not_accepted_is_told(producer, tmp_path):
    for address, kind, text in (
        (f"gentl:{producer}#9", SourceError, 'no camera "9"'),
        (f"gentl:{producer}", SourceError, "expected one camera, found #0, #1, #2"),
        (f"gentl:{tmp_path / 'none.cti'}#1", SourceError, "there is none"),
        ("gentl:", SettingsError, "expected gentl:PRODUCER.cti#SERIAL"),
    ):
        with pytest.raises(kind) as caught:
            opened(address)
        assert text in str(caught.value)
    (tmp_path / "text.cti").write_text("no library")
    with pytest.raises(SourceError, match="cannot be loaded"):
        opened(f"gentl:{tmp_path / 'text.cti'}#1")
    with pytest.raises(UnknownNameError, match='did you mean "Width"'):
        opened(f"gentl:{producer}#1", features={"Widht": 1})
    with pytest.raises(SettingsError, match='cannot be triggered; expected "free", got "software"'):
        opened(f"gentl:{producer}#1", trigger=TriggerMode.SOFTWARE)
    opened(f"gentl:{producer}#1").close()
