"""The PyAV decoder over a container that is written here."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lineside.core.errors import ImageError, SourceError

av = pytest.importorskip("av", reason="pip install 'lineside[av]'")
ADDRESS = "rtsp://op:s3cret@cam/x"


def decoder(packets, **other):
    from lineside.capture.stream.pyav import PyAvDecoder

    stream = SimpleNamespace(
        codec_context=SimpleNamespace(), average_rate=25, width=64, height=48, thread_type="AUTO"
    )

    def demux(_stream):
        for packet in packets:
            if isinstance(packet, Exception):
                raise packet
            yield SimpleNamespace(decode=packet)

    container = SimpleNamespace(streams=SimpleNamespace(video=[stream]), demux=demux, close=list)
    return PyAvDecoder("camera belt", container, **other)


def raising(error):
    def decode():
        raise error

    return decode


def test_a_lost_stream_does_not_tell_the_password():
    lost = decoder([av.FFmpegError(5, "Input/output error", ADDRESS)])
    with pytest.raises(SourceError, match="Input/output error") as told:
        lost.read()
    assert "s3cret" not in str(told.value)
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__


def test_a_picture_with_lost_packets_is_not_handed_on():
    with pytest.raises(ImageError, match="lost"):
        decoder([lambda: [SimpleNamespace(is_corrupt=True)]]).read()


def test_without_a_parser_a_packet_that_is_no_picture_is_passed_over():
    invalid = av.InvalidDataError(1094995529, "Invalid data", ADDRESS)
    assert decoder([raising(invalid)], skips=True).read() is None
    with pytest.raises(SourceError):
        decoder([raising(invalid)]).read()


def test_it_decodes_with_one_thread():
    made = decoder([])
    assert (made.fps, made.size) == (25.0, (48, 64))
