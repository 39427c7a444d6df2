"""A video of JPEG pictures that is whole at every moment."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lineside.core.errors import OutputError
from lineside.core.geometry import Size
from lineside.outputs.view.mp4 import JpegMovie

SIZE = Size(height=48, width=64)


def jpeg(grey):
    return cv2.imencode(".jpg", np.full((*SIZE, 3), grey, np.uint8))[1].tobytes()


def played(path):
    """The time in ms and the grey of each picture, and how many the file says that it has."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert capture.isOpened()
    count, found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), []
    while True:
        is_read, image = capture.read()
        if not is_read:
            return found, count
        found.append((round(capture.get(cv2.CAP_PROP_POS_MSEC)), round(image.mean())))


PACE_S = [0.1, 0.5, 0.1, 2.0, 0.04]
SHOWN = [(0, 0), (100, 40), (600, 80), (700, 120), (2700, 160)]


def written(path):
    movie = JpegMovie(path, SIZE)
    for number, seconds in enumerate(PACE_S):
        movie.write(jpeg(40 * number), seconds)
    return movie


def left_alone(path):
    """As a process leaves it that is killed."""
    written(path)._file.close()


def near(found, shown):
    assert [at for at, _ in found] == [at for at, _ in shown]
    assert all(abs(a - b) <= 2 for (_, a), (_, b) in zip(found, shown, strict=True))


def test_a_whole_video_shows_each_picture_at_its_time(tmp_path):
    movie = written(tmp_path / "a.mp4")
    movie.close()
    movie.close()
    found, count = played(tmp_path / "a.mp4")
    near(found, SHOWN)
    assert count == len(SHOWN)


def test_one_that_was_never_closed_shows_as_much(tmp_path):
    left_alone(tmp_path / "a.mp4")
    near(played(tmp_path / "a.mp4")[0], SHOWN)


@pytest.mark.parametrize("lost_bytes", [1, 200, 700])
def test_one_whose_end_is_torn_off_shows_what_is_whole(tmp_path, lost_bytes):
    left_alone(tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[:-lost_bytes])
    near(played(tmp_path / "a.mp4")[0][:4], SHOWN[:4])


def test_one_that_died_while_it_was_finished_shows_as_much(tmp_path):
    """The table is there, and the fragments are not yet hidden."""
    movie = written(tmp_path / "a.mp4")
    before = (tmp_path / "a.mp4").read_bytes()
    movie.close()
    after = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(before + after[len(before) :])
    near(played(tmp_path / "a.mp4")[0], SHOWN)


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "a.mp4").write_text("kept")
    with pytest.raises(OutputError):
        JpegMovie(tmp_path / "a.mp4", SIZE)
    assert (tmp_path / "a.mp4").read_text() == "kept"


def test_a_disk_that_is_full_costs_the_picture_and_no_other(tmp_path):
    movie = written(tmp_path / "a.mp4")

    class Full:
        closed = False

        def __init__(self, file):
            self._file = file
            self.truncate, self.seek, self.fileno, self.close = (
                file.truncate,
                file.seek,
                file.fileno,
                file.close,
            )

        def write(self, data):
            self._file.write(data[: len(data) // 2])
            raise OSError(28, "No space left on device")

    file, movie._file = movie._file, Full(movie._file)
    with pytest.raises(OutputError, match="No space"):
        movie.write(jpeg(200), 0.1)
    movie._file = file
    movie.close()
    near(played(tmp_path / "a.mp4")[0], SHOWN)
