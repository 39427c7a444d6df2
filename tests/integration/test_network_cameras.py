"""Cameras on the network: a real RTSP server that is killed, frozen and brought back, and HTTP."""

from __future__ import annotations

import os
import statistics
import time
from threading import Condition

import cv2
import numpy as np
import pytest

from lineside.capture.camera import CameraSettings, open_camera
from lineside.capture.feed import Feed
from lineside.capture.stream.options import GATE, VARIABLE
from lineside.core.delivery import Delivery
from lineside.core.errors import ImageTooLargeError, LinesideError, SettingsError, SourceError
from video_peers import RtspServer, file_server, mjpeg_server, read_clock_us

PATIENCE_S = 40
ENGINES = ["opencv", "pyav"]


@pytest.fixture(params=ENGINES)
def engine(request):
    if request.param == "pyav":
        pytest.importorskip("av", reason="pip install 'lineside[av]'")
    return request.param


def settings(address, engine="opencv", **other):
    features = {"engine": engine, "open_timeout_s": 2, "read_timeout_s": 2, **other.pop("features", {})}
    return CameraSettings("belt", address, features=features, delivery=Delivery.LATEST, **other)


def patient(address, engine):
    """A library that waits for long."""
    return settings(address, engine, features={"read_timeout_s": 8})


class Watched:
    """A feed, and waits for what it says."""

    def __init__(self, settings):
        self.frames, self.events = [], []
        self._changed = Condition()
        self.feed = Feed(
            settings,
            on_frame=lambda frame: self._add(self.frames, frame),
            on_event=lambda event: self._add(self.events, event),
        )

    def _add(self, kept, item):
        with self._changed:
            kept.append(item)
            self._changed.notify_all()

    def __enter__(self):
        self.feed.start()
        return self

    def __exit__(self, *_):
        self.feed.stop()
        self.feed.join(10)

    @property
    def codes(self):
        return [event.code for event in self.events]

    def until(self, condition):
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_S), (len(self.frames), self.events)


def test_pictures_are_fresh_and_the_newest(engine):
    with RtspServer() as server, Watched(settings(server.address, engine)) as watched:
        watched.until(lambda: len(watched.frames) > 40)
        frame = watched.frames[-1]
        assert frame.image.shape == (480, 640, 3)
        ages_ms = [
            (frame.captured_s * 1e6 - read_clock_us(frame.image)) / 1000 for frame in watched.frames[20:]
        ]
        assert 0 < statistics.median(ages_ms) < 500
        assert watched.feed.statistics().camera.frames == len(watched.frames)


def test_the_first_picture_is_not_as_old_as_the_opening_took(engine):
    with RtspServer() as server:
        began_s = time.monotonic()
        camera = open_camera(settings(server.address, engine))
        opened_s = time.monotonic() - began_s
        first = camera.read(10)
        dropped = camera.statistics().dropped
        camera.close()
    age_s = first.captured_s - read_clock_us(first.image) / 1e6
    # A machine that is too busy to decode at once cannot tell old from new, and hands on more of them.
    assert age_s < max(0.5, opened_s / 2) or dropped < 15, (age_s, opened_s, dropped)


def test_a_reader_that_was_away_gets_the_newest_picture_and_the_others_are_counted():
    with RtspServer() as server:
        camera = open_camera(settings(server.address))
        first = camera.read(10)
        time.sleep(1)  # the reader is away for longer than any decoder buffers
        second = camera.read(10)
        age_s = time.monotonic() - read_clock_us(second.image) / 1e6
        camera.close()
        assert second.sequence == first.sequence + 1
        assert second.device_frame > first.device_frame + 5
        assert camera.statistics().dropped >= 5
        assert age_s < 0.7


def test_a_camera_that_is_killed_is_lost_at_once_and_comes_back(engine):
    with RtspServer() as server, Watched(settings(server.address, engine)) as watched:
        watched.until(lambda: len(watched.frames) > 10)
        server.kill()
        killed_s = time.monotonic()
        watched.until(lambda: watched.codes)
        assert watched.codes[0] in {"camera.lost", "camera.frozen"}
        assert watched.events[0].at_s - killed_s < 2
        server.start()
        watched.until(lambda: "camera.back" in watched.codes)
        seen = len(watched.frames)
        watched.until(lambda: len(watched.frames) > seen + 10)
        assert [frame.sequence for frame in watched.frames] == list(range(len(watched.frames)))


def test_a_camera_that_freezes_is_noticed_before_the_library_does_and_comes_back(engine):
    with RtspServer() as server, Watched(patient(server.address, engine)) as watched:
        watched.until(lambda: len(watched.frames) > 20)
        server.freeze()
        frozen_s = time.monotonic()
        watched.until(lambda: watched.codes)
        assert watched.codes[0] == "camera.frozen"
        assert watched.events[0].at_s - frozen_s < 4
        server.thaw()
        watched.until(lambda: "camera.back" in watched.codes)
        # What the server sends after its sleep is fresh again, and no picture is of an opening that was given up.
        seen = len(watched.frames)
        watched.until(lambda: len(watched.frames) > seen + 30)
        assert time.monotonic() - read_clock_us(watched.frames[-1].image) / 1e6 < 2


def test_a_camera_that_is_not_there_says_so_quickly():
    began_s = time.monotonic()
    with pytest.raises(SourceError, match=r"nothing answers at 127\.0\.0\.1 port 1"):
        open_camera(settings("rtsp://127.0.0.1:1/belt"))
    assert time.monotonic() - began_s < 5


def test_a_password_comes_from_the_environment_and_is_never_shown(monkeypatch, engine):
    password = "p@ss:w/rd?#1"
    monkeypatch.setenv("BELT_PASSWORD", password)
    with mjpeg_server(user="op", password=password) as port:
        address = f"http://op:${{BELT_PASSWORD}}@127.0.0.1:{port}/live"
        with Watched(settings(address, engine)) as watched:
            watched.until(lambda: len(watched.frames) > 3)
        monkeypatch.setenv("BELT_PASSWORD", "wrong-one")
        with pytest.raises(SourceError) as refused:
            open_camera(settings(address, engine))
    assert "wrong-one" not in str(refused.value)
    assert "***@127.0.0.1" in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_password_in_the_address_opens_an_rtsp_camera_and_is_in_no_event():
    with RtspServer("320x240", 25, "live", "op", "s3cret") as server:
        address = server.address.replace("rtsp://", "rtsp://op:s3cret@")
        with Watched(settings(address)) as watched:
            watched.until(lambda: len(watched.frames) > 3)
            server.kill()
            watched.until(lambda: "camera.lost" in watched.codes or "camera.frozen" in watched.codes)
            assert "s3cret" not in str(watched.events) + str(watched.feed.statistics())
        with pytest.raises(SourceError, match=r"\*\*\*@127"):
            open_camera(settings(address))


def test_pictures_above_the_limit_are_refused(engine):
    with mjpeg_server() as port, pytest.raises(ImageTooLargeError, match="64x48"):
        open_camera(settings(f"http://127.0.0.1:{port}/", engine, limit_px=100)).read(10)


def segment(path):
    """Two seconds of video as HTTP live streaming sends them."""
    av = pytest.importorskip("av", reason="pip install 'lineside[av]'")
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(50):
            image = np.full((48, 64, 3), 4 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())


def test_a_server_cannot_make_it_read_a_file_of_this_machine(engine, tmp_path):
    segment(tmp_path / "part.ts")
    for name, place in (("own", "part.ts"), ("foreign", f"file://{tmp_path}/part.ts")):
        (tmp_path / f"{name}.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{place}\n#EXT-X-ENDLIST\n"
        )
    with file_server(tmp_path) as port:
        camera = open_camera(settings(f"http://127.0.0.1:{port}/own.m3u8", engine))
        assert camera.read(10).image.shape == (48, 64, 3)
        camera.close()
        with pytest.raises(SourceError):
            open_camera(settings(f"http://127.0.0.1:{port}/foreign.m3u8", engine)).read(10)


def test_a_file_can_be_opened_while_a_camera_is(tmp_path):
    path = tmp_path / "belt.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    for _ in range(10):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    with GATE.held("rtsp_transport;udp", 1):
        assert open_camera(CameraSettings("file", f"video:{path}")).read(10) is not None


def test_the_processs_environment_is_as_it_was():
    before = os.environ.get(VARIABLE)
    with mjpeg_server() as port:
        camera = open_camera(settings(f"http://127.0.0.1:{port}/"))
        camera.read(10)
        camera.close()
    assert os.environ.get(VARIABLE) == before


def test_hardware_that_is_not_there_is_told_and_the_processor_decodes():
    pytest.importorskip("av", reason="pip install 'lineside[av]'")
    with RtspServer() as server:
        features = {"engine": "pyav", "hardware": "cuda"}
        with Watched(settings(server.address, features=features)) as watched:
            watched.until(lambda: len(watched.frames) > 3)
            if "camera.fallback" in watched.codes:  # else this machine has such hardware
                assert "cuda" in watched.events[0].sentence


def test_a_frame_less_of_delay_is_had_without_the_parser():
    pytest.importorskip("av", reason="pip install 'lineside[av]'")
    ages_ms = {}
    with RtspServer("640x480", 25, "unsliced") as server:
        for low_delay in (False, True):
            features = {"engine": "pyav", "low_delay": low_delay}
            with Watched(settings(server.address, features=features)) as watched:
                watched.until(lambda watched=watched: len(watched.frames) > 30)
                # The quickest ones: what a busy machine adds is no matter of the parser.
                ages_ms[low_delay] = sorted(
                    f.captured_s * 1e3 - read_clock_us(f.image) / 1e3 for f in watched.frames[15:]
                )[3]
    assert ages_ms[True] < ages_ms[False]


@pytest.mark.parametrize(
    ("address", "features", "expected"),
    [
        ("rtsp://host/x", {"hardware": "cuda"}, "engine"),
        ("rtsp://host/x", {"transport": "quic"}, "transport"),
        ("rtsp:///x", {}, "host"),
        ("http://h:p0rt/x", {}, "host"),
        ("rtsp://u:${NOT_SET_ANYWHERE}@host/x", {}, "NOT_SET_ANYWHERE"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_opened(address, features, expected):
    with pytest.raises(SettingsError, match=expected):
        open_camera(CameraSettings("belt", address, features=features))


def test_a_stream_of_no_video_is_refused(engine, tmp_path):
    with mjpeg_server(user="op", password="x") as port, pytest.raises(LinesideError, match="belt"):
        open_camera(settings(f"http://127.0.0.1:{port}/", engine))
