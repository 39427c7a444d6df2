"""An annotated video is complete, or not there and told."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from lineside.core.errors import ImageFormatError, OutputError, SettingsError
from lineside.core.geometry import Size
from lineside.outputs.video import VideoWriter

SIZE = Size(height=120, width=160)


def frames(count):
    for index in range(count):
        image = np.zeros((*SIZE, 3), np.uint8)
        cv2.circle(image, (20 + 4 * index, 60), 12, (0, 255, 0), cv2.FILLED)
        yield image


@pytest.mark.parametrize("count", [1, 2, 25])
def test_a_video_holds_all_its_frames_at_its_rate(tmp_path, count):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, fps=12.5, size=SIZE) as video:
        for image in frames(count):
            video.write(image)
        assert not path.exists()

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert capture.get(cv2.CAP_PROP_FPS) == 12.5
    for expected in frames(count):
        is_read, image = capture.read()
        assert is_read
        assert np.abs(image.astype(int) - expected).mean() < 5
    assert not capture.read()[0]
    capture.release()
    assert list(tmp_path.iterdir()) == [path]


def test_an_odd_size_loses_its_last_row_and_column_only(tmp_path):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, fps=10, size=Size(121, 161)) as video:
        video.write(np.full((121, 161, 3), 128, np.uint8))

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert capture.read()[1].shape == (120, 160, 3)
    capture.release()


def test_a_run_that_breaks_off_leaves_no_video(tmp_path):
    def run():
        with VideoWriter(tmp_path / "a.mp4", fps=10, size=SIZE) as video:
            video.write(next(frames(1)))
            raise KeyError

    with pytest.raises(KeyError):
        run()
    assert list(tmp_path.iterdir()) == []


def test_an_older_video_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("old")
    video = VideoWriter(path, fps=10, size=SIZE)
    video.write(next(frames(1)))

    video.discard()
    video.discard()

    assert path.read_text() == "old"


def test_a_video_without_frames_is_told_and_removed(tmp_path):
    video = VideoWriter(tmp_path / "a.mp4", fps=10, size=SIZE)

    with pytest.raises(OutputError, match="holds 0 of the 0 frames"):
        video.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(120, 161, 3), (120, 160), (120, 160, 4)])
def test_a_frame_of_another_size_is_refused_not_dropped(tmp_path, shape):
    def run():
        with VideoWriter(tmp_path / "a.mp4", fps=10, size=SIZE) as video:
            video.write(np.zeros(shape, np.uint8))

    with pytest.raises(ImageFormatError, match=r"expected frames of uint8 \(120, 160, 3\), got"):
        run()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fps": 0}, "fps: expected a rate above 0"),
        ({"fps": float("nan")}, "fps: expected a rate above 0"),
        ({"size": Size(1, 160)}, "at least 2x2"),
    ],
)
def test_settings_that_make_no_video_are_refused(tmp_path, settings, message):
    with pytest.raises(SettingsError, match=message):
        VideoWriter(tmp_path / "a.mp4", **{"fps": 10, "size": SIZE} | settings)


def test_another_container_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"ends in \.mp4"):
        VideoWriter(tmp_path / "a.avi", fps=10, size=SIZE)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", fps=10, size=SIZE)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from lineside.core.errors import OutputError
from lineside.core.geometry import Size
from lineside.outputs.video import VideoWriter

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0)
try:
    with VideoWriter(Path(sys.argv[1]), fps=10, size=Size(120, 160)) as video:
        for _ in range(50):
            video.write(noise.integers(0, 256, (120, 160, 3), dtype=np.uint8))
except OutputError as told:
    print(told)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the size of files")
def test_a_disk_that_fills_up_is_told_and_nothing_is_left(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "a.mp4"], capture_output=True, text=True, check=True
    )

    assert "of the 50 frames that were written, and is removed. Is the disk full?" in done.stdout
    assert list(tmp_path.iterdir()) == []
