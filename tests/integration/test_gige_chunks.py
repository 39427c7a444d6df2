"""Numbers and times of pictures by their chunk data: both engines against a camera that writes it, and against one that does not."""

from __future__ import annotations

import itertools

import pytest

from genicam_rigs import fake_gige, fake_gige_with_chunks, next_frame, require_aravis
from lineside.capture.camera import CameraSettings, open_camera
from lineside.capture.genicam.aravis_device import AravisDevice
from lineside.capture.genicam.aravis_library import aravis
from lineside.capture.genicam.chunks import ask_for_chunks
from lineside.core.errors import ImageError, SettingsError


@pytest.fixture(params=["aravis", "viva"])
def engine(request):
    if request.param == "aravis":
        require_aravis()
    return request.param


def opened(address, engine, features=None, **settings):
    features = {"engine": engine, **(features or {})}
    return open_camera(CameraSettings("top", f"gige:{address}", features=features, **settings))


def test_each_picture_has_the_number_and_time_that_the_camera_wrote_behind_it(engine):
    with fake_gige_with_chunks() as address:
        camera = opened(address, engine, {"chunks": "required"})
        frames = [next_frame(camera) for _ in range(5)]
        counts = camera.statistics()
        assert camera.remark == ""
        camera.close()
        plain = opened(address, engine)
        alike = next_frame(plain)
        plain.close()
    assert [frame.device_frame for frame in frames] == [1, 2, 3, 4, 5]
    gaps_s = [after.device_s - before.device_s for before, after in itertools.pairwise(frames)]
    assert all(0.01 < gap_s < 0.5 for gap_s in gaps_s), gaps_s  # 50 a second, on a machine that may be busy
    assert (counts.frames, counts.incomplete, counts.missed) == (5, 0, 0)
    assert (frames[0].image == alike.image).all()  # the bytes behind the picture are none of it


def test_a_picture_that_lacks_its_chunk_data_is_none(engine):
    """The camera is told behind the reader's back to write no more numbers: then no other number is taken for them."""
    with fake_gige_with_chunks() as address:
        camera = opened(address, engine, {"chunks": True})
        camera.configure({"ChunkSelector": "FrameID", "ChunkEnable": False})
        with pytest.raises(ImageError, match="its chunk data is not whole"):
            next_frame(camera)
        assert camera.statistics().incomplete == 1
        camera.close()


def test_aravis_says_of_a_buffer_that_chunk_data_is_in_it():
    require_aravis()
    with fake_gige_with_chunks() as address:
        camera = AravisDevice(aravis(), address, "camera top", buffers=4, packet_size_bytes=None)
        camera.start()
        plain = camera.grab(5)
        plain.release()
        camera.stop()
        assert ask_for_chunks(camera, camera.nodes, "required", "camera top") == ""
        camera.start()
        chunked = camera.grab(5)
        chunked.release()
        camera.close()
    assert (plain.has_more, plain.frame_id) == (False, None)
    assert (chunked.has_more, chunked.frame_id) == (True, chunked.number)


def test_a_camera_without_chunk_data_says_so_and_its_packets_count(engine):
    with fake_gige() as fake:
        camera = opened(fake.address, engine, {"chunks": True, "Width": 64, "Height": 48})
        frame = next_frame(camera)
        camera.close()
        assert frame.device_frame is not None
        assert camera.remark == (
            "chunks: this camera writes no ChunkTimestamp and no ChunkFrameID; what its packets say counts in its place"
        )
        with pytest.raises(
            SettingsError, match=r'camera top: chunks: .*; expected both, as chunks = "required"'
        ):
            opened(fake.address, engine, {"chunks": "required"})
        opened(fake.address, engine).close()  # what was refused was let go of
