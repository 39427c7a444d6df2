"""What a camera writes behind its pictures is asked for, and told where it cannot be had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lineside.capture.camera import CameraSettings
from lineside.capture.genicam.camera import GenicamCamera
from lineside.capture.genicam.chunks import NUMBER, TIME, ask_for_chunks, stamped
from lineside.core.errors import ImageError, SettingsError, SourceError
from lineside.core.geometry import Size
from standin_genicam import ListDevice, TableNodes, buffer, choice, damaged, integer, switch, triggered_nodes


def chunked(*entries, mode=None):
    return TableNodes(
        ChunkModeActive=mode or switch(False),
        ChunkSelector=choice("Gain", "Gain", *entries),
        ChunkEnable=switch(False),
        ChunkTimestamp=integer(0),
        ChunkFrameID=integer(0),
    )


def test_what_is_needed_is_switched_on_and_nothing_else():
    nodes, device = chunked("Timestamp", "ExposureTime", "FrameID"), ListDevice()
    assert ask_for_chunks(device, nodes, True, "camera top") == ""
    assert device.chunks == (TIME, NUMBER)
    assert nodes.log == [
        ("ChunkModeActive", True),
        ("ChunkSelector", "Timestamp"),
        ("ChunkEnable", True),
        ("ChunkSelector", "FrameID"),
        ("ChunkEnable", True),
    ]


def test_without_the_option_the_camera_is_left_as_it_is():
    nodes, device = chunked("Timestamp", "FrameID"), ListDevice()
    assert ask_for_chunks(device, nodes, False, "camera top") == ""
    assert (nodes.log, device.chunks) == ([], ())


@pytest.mark.parametrize(
    ("nodes", "read", "lacks"),
    [
        (TableNodes(), (), "ChunkTimestamp and no ChunkFrameID"),
        (chunked(), (), "ChunkTimestamp and no ChunkFrameID"),
        (chunked("Timestamp"), (TIME,), "ChunkFrameID"),
    ],
)
def test_what_the_camera_does_not_write_is_told_or_refused_where_it_is_required(nodes, read, lacks):
    device = ListDevice()
    said = ask_for_chunks(device, nodes, True, "camera top")
    assert said == f"chunks: this camera writes no {lacks}; what its packets say counts in its place"
    assert device.chunks == read
    with pytest.raises(
        SettingsError, match=f"camera top: chunks: this camera writes no {lacks}; expected both"
    ):
        ask_for_chunks(device, nodes, "required", "camera top")
    if not read and "ChunkModeActive" in nodes.table:
        assert nodes.get("ChunkModeActive") is False


def test_an_engine_that_reads_none_leaves_chunk_mode_off():
    nodes = chunked("Timestamp", "FrameID")
    assert "writes no ChunkTimestamp" in ask_for_chunks(object(), nodes, True, "camera top")
    assert nodes.log == []


def test_number_and_time_come_from_the_chunk_data_and_gaps_from_the_packets():
    ticks = {TIME: 5_000, NUMBER: 70_001}
    whole = stamped(buffer(4, device_s=1.0), (TIME, NUMBER), 1e-3, ticks.__getitem__)
    assert (whole.number, whole.frame_id, whole.device_s, whole.fault) == (4, 70_001, 5.0, "")
    timed = stamped(buffer(4, device_s=1.0), (TIME,), 1e-3, ticks.__getitem__)
    assert (timed.frame_id, timed.device_s) == (None, 5.0)
    again = [replace(whole, number=n, frame_id=70_000 + n) for n in (4, 6)]
    settings = CameraSettings("top", "gige:1", clock=lambda: 100.0, wall_clock=lambda: 2e9)
    camera = GenicamCamera(settings, ListDevice(triggered_nodes(), again, number_bits=16), {})
    assert [camera.read(0).device_frame for _ in again] == [70_004, 70_006]
    assert camera.statistics().missed == 1


def test_where_rows_begin_is_not_guessed_from_a_number_of_bytes_that_chunk_data_swells():
    """Packed bit by bit, this picture and its chunk data have as many bytes as one whose rows begin at whole bytes."""
    joined = buffer(1, raw=np.zeros(63 * 80 * 12 // 8 + 40, np.uint8), form="Mono12p", size=Size(80, 63))
    settings = CameraSettings("top", "gige:1", clock=lambda: 100.0, wall_clock=lambda: 2e9)
    buffers = [replace(joined, has_more=True), replace(joined, has_more=True, row_bytes=95), joined]
    camera = GenicamCamera(settings, ListDevice(triggered_nodes(), buffers), {})
    with pytest.raises(ImageError, match="where rows begin is unclear"):
        camera.read(0)
    assert camera.read(0).image.shape == (80, 63, 3)
    assert camera.read(0).image.shape == (80, 63, 3)


def test_a_buffer_without_its_chunk_data_is_no_picture():
    def lacking(name):
        raise SourceError(f"{name} not found")

    spoilt = stamped(buffer(4), (TIME,), 1e-9, lacking)
    assert spoilt.fault == "its chunk data is not whole (ChunkTimestamp not found)"
    assert (spoilt.number, spoilt.size, spoilt.raw.size) == (4, None, 0)
    torn = damaged(5)
    assert stamped(torn, (TIME,), 1e-9, lacking) is torn
