"""A camera over a decoder that is written here."""

from __future__ import annotations

import time
from threading import Event

import numpy as np
import pytest

from lineside.capture.camera import CameraSettings, TriggerMode
from lineside.capture.stream.live import ROOM, LiveCamera
from lineside.core.delivery import Delivery
from lineside.core.errors import ImageError, ImageTooLargeError, SettingsError, SourceError
from lineside.core.geometry import Size

PATIENCE_S = 10


class Scripted:
    """A decoder: pictures, errors to raise, and `None` at the end, each when it is asked for."""

    def __init__(self, steps, *, size=None, fps=25.0, gate=None):
        self.size, self.fps, self.remark = size, fps, ""
        self.closed, self.all_given = Event(), Event()
        self._steps, self._gate = list(steps), gate

    def read(self):
        if not self._steps:
            self.all_given.set()
            if self._gate is not None:
                self._gate.wait(PATIENCE_S)
            return None
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def close(self):
        self.closed.set()


def picture(level=0, shape=(4, 6, 3)):
    return np.full(shape, level, np.uint8)


def live(decoder, **settings):
    return LiveCamera(CameraSettings("belt", "rtsp://op:s3cret@cam/x", **settings), lambda: decoder)


def test_each_picture_is_handed_on_without_a_copy_where_every_one_counts():
    images = [picture(level) for level in range(5)]
    camera = live(Scripted(images))
    frames = [camera.read(PATIENCE_S) for _ in images]
    assert all(frame.image is image for frame, image in zip(frames, images, strict=True))
    assert [frame.sequence for frame in frames] == list(range(5))
    assert camera.period_s == pytest.approx(0.04)


class Slow(Scripted):
    """A decoder that moves a clock by the first of each step and gives the second."""

    def __init__(self, steps):
        super().__init__(steps)
        self.now_s = 0.0

    def read(self):
        took_s, image = super().read() or (0.0, None)
        self.now_s += took_s
        return image


@pytest.mark.parametrize(
    ("waits_s", "kept"),
    [
        ([0.006] * 5 + [0.06] + [0.006] * 3 + [0.04] * 6, [13, 14]),  # as over RTSP, the machine busy once
        ([0.04] * 6, [4, 5]),  # nothing had piled up
        ([0.05] * 6, [3, 4, 5]),  # a machine that decodes too slowly to tell
        ([0.006] * 40, list(range(30, 40))),  # no more than can have come while it was opened
    ],
)
def test_what_piled_up_while_the_stream_was_opened_is_dropped_and_counted(waits_s, kept):
    steps = [(wait_s, picture(level)) for level, wait_s in enumerate(waits_s)]
    decoder = Slow(steps)

    def opened():
        decoder.now_s += 1.0
        return decoder

    settings = CameraSettings("belt", "rtsp://cam/x", clock=lambda: decoder.now_s)
    camera = LiveCamera(settings, opened, is_sending=True)
    frames = [camera.read(PATIENCE_S) for _ in kept]
    assert [frame.image[0, 0, 0] for frame in frames] == kept
    assert [frame.device_frame for frame in frames] == list(range(len(kept)))
    assert camera.statistics().dropped == len(waits_s) - len(kept)


def test_the_newest_picture_alone_waits_where_only_that_counts():
    gate = Event()
    decoder = Scripted([picture(level) for level in range(5)], gate=gate)
    camera = live(decoder, delivery=Delivery.LATEST)
    assert decoder.all_given.wait(PATIENCE_S)
    frame = camera.read(PATIENCE_S)
    assert (frame.image[0, 0, 0], frame.sequence, frame.device_frame) == (4, 0, 4)
    assert camera.statistics().dropped == 4
    gate.set()


def test_what_finds_no_room_is_dropped_and_counted():
    gate = Event()
    decoder = Scripted([picture(level) for level in range(ROOM + 3)], gate=gate)
    camera = live(decoder)
    assert decoder.all_given.wait(PATIENCE_S)
    assert [camera.read(0).image[0, 0, 0] for _ in range(ROOM)] == list(range(ROOM))
    assert camera.statistics().dropped == 3
    gate.set()


def test_a_damaged_picture_is_told_in_its_place_and_the_next_follow():
    camera = live(Scripted([picture(1), ImageError("packets were lost"), picture(2)]))
    assert camera.read(PATIENCE_S).sequence == 0
    with pytest.raises(ImageError, match="packets"):
        camera.read(PATIENCE_S)
    assert camera.read(PATIENCE_S).device_frame == 2
    assert camera.statistics().incomplete == 1


@pytest.mark.parametrize("steps", [[], [SourceError("the stream is lost")]])
def test_an_end_is_a_loss_and_the_stream_is_let_go_of(steps):
    decoder = Scripted(steps)
    camera = live(decoder)
    with pytest.raises(SourceError) as lost:
        camera.read(PATIENCE_S)
    assert "s3cret" not in str(lost.value)
    assert decoder.closed.wait(PATIENCE_S)


def test_a_stream_that_grows_beyond_the_limit_is_lost():
    camera = live(Scripted([picture(), picture(shape=(40, 60, 3))]), limit_px=100)
    camera.read(PATIENCE_S)
    with pytest.raises(SourceError, match="60x40"):
        camera.read(PATIENCE_S)


def test_a_stream_whose_header_is_beyond_the_limit_is_not_decoded():
    decoder = Scripted([picture()], size=Size(height=1000, width=1000))
    with pytest.raises(ImageTooLargeError):
        live(decoder, limit_px=100)
    assert decoder.closed.is_set()


def test_closing_does_not_wait_for_a_decoder_that_hangs():
    gate = Event()
    decoder = Scripted([], gate=gate)
    camera = live(decoder)
    assert decoder.all_given.wait(PATIENCE_S)
    began_s = time.monotonic()
    camera.close()
    assert time.monotonic() - began_s < 5
    with pytest.raises(SourceError, match="closed"):
        camera.read(0)
    gate.set()
    assert decoder.closed.wait(PATIENCE_S)


def test_what_sends_by_itself_is_not_triggered():
    with pytest.raises(SettingsError, match="trigger free"):
        live(Scripted([]), trigger=TriggerMode.PLC)
