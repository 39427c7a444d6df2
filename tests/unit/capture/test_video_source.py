"""A video is read to its end, or said to end early."""

import os
import struct

import cv2
import numpy as np
import pytest

from lineside.capture.containers import read_container
from lineside.capture.kinds.video import VideoFile
from lineside.capture.pictures import Reading
from lineside.capture.sources import Unreadable, open_sources
from lineside.core.errors import ImageTooLargeError, SourceError
from lineside.core.frame import Frame
from lineside.core.geometry import Size

VIDEOS = [
    ("a.mp4", "mp4v"),
    ("a.mov", "mp4v"),
    ("a.m4v", "mp4v"),
    ("a.avi", "MJPG"),
    ("b.avi", "XVID"),
    ("a.mkv", "mp4v"),
    ("a.webm", "VP80"),
]


def put_header_first(data: bytes) -> bytes:
    """The MP4 with its header before its pictures, as files for streaming have it."""
    at = data.index(b"moov") - 4
    header = bytearray(data[at:])
    pictures_at = data.index(b"mdat") - 4
    table = header.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", header, table)
    for index in range(count):
        place = table + 4 + 4 * index
        struct.pack_into(">I", header, place, struct.unpack_from(">I", header, place)[0] + len(header))
    return data[:pictures_at] + bytes(header) + data[pictures_at:at]


def read(path):
    outcomes = list(VideoFile(str(path), Reading()))
    frames = [o for o in outcomes if isinstance(o, Frame)]
    return frames, [o for o in outcomes if isinstance(o, Unreadable)]


@pytest.mark.parametrize(("name", "codec"), VIDEOS)
def test_every_frame_of_a_video_comes_once_in_order(film, name, codec):
    path = film(name, codec=codec)

    (source,) = open_sources([str(path)])
    frames = list(source)

    assert (source.count, source.fps, source.size) == (60, 20.0, Size(height=120, width=160))
    assert all(isinstance(f, Frame) and f.stream == str(path) for f in frames)
    assert [f.sequence for f in frames] == list(range(60))
    assert [f.time_s for f in frames] == pytest.approx([i / 20 for i in range(60)], abs=1e-3)
    centres = [np.argwhere(f.image[:, :, 2] > 128)[:, 1].mean() for f in frames]
    assert centres == pytest.approx([10 + 2 * i for i in range(60)], abs=1)


def test_frames_are_owned(film):
    frames, _ = read(film("a.mp4", frames=3))

    assert all(f.image.flags.owndata and f.image.flags.c_contiguous for f in frames)
    assert not np.shares_memory(frames[0].image, frames[1].image)


def test_a_video_can_be_read_twice(film):
    source = VideoFile(str(film("a.mp4", frames=5)), Reading())

    assert [o.sequence for o in source] == [o.sequence for o in source] == [0, 1, 2, 3, 4]


def test_a_closed_video_ends_without_complaint(film):
    source = VideoFile(str(film("a.mp4")), Reading())
    outcomes = iter(source)
    next(outcomes)

    source.close()
    source.close()

    assert list(outcomes) == []


@pytest.mark.parametrize("part", [0.5, 0.7, 0.99])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "MJPG"), ("b.avi", "XVID"), ("a.mkv", "mp4v"), ("a.webm", "VP80")]
)
def test_a_cut_video_is_told_after_its_last_frame(film, name, codec, part):
    path = film(name, codec=codec)
    os.truncate(path, int(path.stat().st_size * part))

    frames, told = read(path)

    assert [f.sequence for f in frames] == list(range(len(frames)))
    assert len(told) == 1
    assert told[0].sequence == len(frames)
    assert isinstance(told[0].error, SourceError)
    assert f"bytes are missing at its end, after {len(frames)} of 60 frames" in str(told[0].error)


@pytest.mark.parametrize("part", [0.5, 0.999])
def test_a_cut_mp4_with_its_header_first_is_told(film, part):
    path = film("a.mp4")
    data = put_header_first(path.read_bytes())
    path.write_bytes(data)
    assert [len(outcomes) for outcomes in read(path)] == [60, 0]
    path.write_bytes(data[: int(len(data) * part)])

    frames, told = read(path)

    assert frames
    assert "truncated" in str(told[0].error)


def test_an_mp4_cut_before_its_header_is_refused(film):
    path = film("a.mp4")
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(
        SourceError, match=r"a\.mp4: OpenCV cannot open .* it is truncated: \d+ bytes are missing"
    ):
        open_sources([str(path)])


@pytest.mark.parametrize(("name", "codec"), [("b.avi", "XVID"), ("a.mkv", "mp4v")])
def test_frames_lost_in_the_middle_are_told(film, name, codec):
    path = film(name, codec=codec)
    data = bytearray(path.read_bytes())
    start = len(data) // 3
    data[start : start + len(data) // 4] = bytes(len(data) // 4)
    path.write_bytes(data)

    frames, told = read(path)

    assert len(frames) < 58
    assert f"ended after {len(frames)} of 60 frames" in str(told[0].error)


@pytest.mark.parametrize(("claimed", "is_told"), [(62, False), (63, True), (600, True)])
def test_a_count_that_is_off_by_two_frames_is_no_fault(film, claimed, is_told):
    path = film("a.avi", codec="MJPG")
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"strh") + 8 + 32, claimed)
    path.write_bytes(data)

    frames, told = read(path)

    assert len(frames) == 60
    assert bool(told) is is_told


def test_a_video_that_vanished_is_told(film):
    path = film("a.mp4", frames=3)
    source = VideoFile(str(path), Reading())
    path.unlink()

    (told,) = source

    assert isinstance(told, Unreadable)
    assert "cannot be read" in str(told.error)


@pytest.mark.parametrize("content", [b"", b"hello " * 100, bytes(1000), b"RIFF\xff\xff\xff\xffAVI LIST"])
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=r"a\.mp4: OpenCV cannot open this file as a video"):
        open_sources([str(path)])


def test_frames_above_the_limit_are_refused(film):
    path = film("a.mp4", frames=2)

    with pytest.raises(ImageTooLargeError, match=r"at most 19199 pixels, they are 160x120"):
        open_sources([str(path)], reading=Reading(limit_px=160 * 120 - 1))


def test_a_folder_gives_its_pictures_then_its_videos(film, save, picture, tmp_path):
    film("a.mp4", frames=3)
    save("z.png", picture)
    (tmp_path / "broken.avi").write_bytes(b"RIFF")
    film("c.mkv", frames=2)

    sources = open_sources([str(tmp_path)])
    outcomes = [list(s) for s in sources]

    assert [s.count for s in sources] == [1, 3, 1, 2]
    assert [len(o) for o in outcomes] == [1, 3, 1, 2]
    (broken,) = outcomes[2]
    assert isinstance(broken, Unreadable)
    assert "broken.avi" in str(broken.error)


def test_a_video_whose_name_means_more_to_a_decoder_is_a_plain_file(film, tmp_path, monkeypatch):
    film("plain.mp4", frames=3).rename(tmp_path / "concat:a%02d.mp4")
    monkeypatch.chdir(tmp_path)

    (source,) = open_sources(["concat:a%02d.mp4"])

    assert len(list(source)) == 3


@pytest.mark.parametrize(("name", "codec"), VIDEOS)
def test_what_a_container_lacks_is_counted(film, name, codec):
    path = film(name, codec=codec)
    size = path.stat().st_size
    assert read_container(path).bytes_missing == 0

    # A frame's length field may itself be lost with the last bytes of an MP4, so the cut is small.
    os.truncate(path, size - 5)

    assert read_container(path).bytes_missing in (4, 5)


@pytest.mark.parametrize(
    ("head", "missing"),
    [
        (b"\x00\x00\x00\x00mdat", 0),  # reaches to the end, whatever that is
        (b"\x00\x00\x00\x01mdat" + struct.pack(">Q", 5000), 4000),
        (b"\x00\x00\x00\x03mdat", 0),  # no size a box can have
        (b"RIFF\x00\x00\x00\x00AVI ", 0),  # never finished by its writer
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff", 0),  # a live recording
        (b"\x1aE\xdf\xa3\x80\x18S\x80g\x44\x00", 35),
        (b"\x1aE\xdf\xa3\x00", 0),
        (b"something else", 0),
    ],
)
def test_odd_containers_are_measured(tmp_path, head, missing):
    path = tmp_path / "a"
    path.write_bytes(head.ljust(1000, b"\0"))

    assert read_container(path).bytes_missing == missing


def matroska(path, times_ms, duration_ms):
    """A WebM of one JPEG frame at each of the times, without a rate in its header."""
    _, jpeg = cv2.imencode(".jpg", np.full((32, 32, 3), 90, np.uint8))

    def element(identity, *content):
        body = b"".join(content)
        return bytes.fromhex(identity) + (len(body) | 1 << 56).to_bytes(8, "big") + body

    def number(identity, value):
        return element(identity, value.to_bytes(4, "big"))

    video = element("e0", number("b0", 32), number("ba", 32))
    track = element(
        "ae", number("d7", 1), number("73c5", 1), number("83", 1), element("86", b"V_MJPEG"), video
    )
    info = element("1549a966", number("2ad7b1", 1_000_000), element("4489", struct.pack(">d", duration_ms)))
    blocks = [
        element("1f43b675", number("e7", t), element("a3", b"\x81\x00\x00\x80", jpeg.tobytes()))
        for t in times_ms
    ]
    header = element("1a45dfa3", element("4282", b"matroska"), number("4287", 4), number("4285", 2))
    path.write_bytes(header + element("18538067", info, element("1654ae6b", track), *blocks))
    return path


def test_a_video_of_varying_rate_is_complete_when_its_times_reach_the_end(tmp_path):
    times = [*range(0, 1000, 20), *range(1000, 10_000, 500)]
    path = matroska(tmp_path / "a.mkv", times, 10_000)
    assert (
        VideoFile(str(path), Reading()).count > len(times) + 100
    )  # the count that the first second suggests

    frames, told = read(path)

    assert len(frames) == len(times)
    assert told == []


def test_a_video_of_varying_rate_that_stops_early_is_told(tmp_path):
    times = [*range(0, 1000, 20), *range(1000, 8000, 500)]

    frames, told = read(matroska(tmp_path / "a.mkv", times, 10_000))

    assert len(frames) == len(times)
    assert len(told) == 1


def test_sound_that_outlasts_the_picture_is_no_fault(tmp_path):
    frames, told = read(matroska(tmp_path / "a.mkv", range(0, 4000, 50), 4800))

    assert len(frames) == 80
    assert told == []
