"""Folders that fill up, and files that are played, as cameras; on a real disk."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from lineside.capture.camera import CameraSettings, TriggerMode, open_camera
from lineside.capture.feed import Feed
from lineside.capture.mailbox import Mailbox
from lineside.core.delivery import Delivery
from lineside.core.errors import ImageFileError, SettingsError, SourceEndedError, SourceError

PATIENCE_S = 10


def picture(level, size=32):
    return np.full((size, size, 3), level, np.uint8)


def encoded(level, suffix=".png"):
    return cv2.imencode(suffix, np.random.default_rng(level).integers(0, 255, (64, 64, 3), np.uint8))[
        1
    ].tobytes()


def watched(folder, **features):
    return open_camera(CameraSettings("in", f"folder:{folder}", features={"settle_s": 0.05, **features}))


def next_of(camera):
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        if (frame := camera.read(0.2)) is not None:
            return frame
    raise AssertionError("no picture came")


def test_new_pictures_are_taken_and_old_ones_are_not(tmp_path):
    cv2.imwrite(str(tmp_path / "old.png"), picture(1))
    camera = watched(tmp_path)
    assert camera.read(0.2) is None
    cv2.imwrite(str(tmp_path / "new.png"), picture(9))
    frame = next_of(camera)
    assert frame.image[0, 0, 0] == 9
    assert frame.device_s == pytest.approx(time.time(), abs=30)
    assert camera.read(0.2) is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tiff", ".webp"])
def test_a_file_that_is_being_written_is_not_taken_before_it_is_whole(tmp_path, suffix):
    camera, data = watched(tmp_path), encoded(3, suffix)
    path = tmp_path / f"part{suffix}"
    with path.open("wb") as file:
        for cut in range(0, len(data), len(data) // 4):
            file.write(data[cut : cut + len(data) // 4])
            file.flush()
            if file.tell() < len(data):
                assert camera.read(0.15) is None
    assert np.array_equal(next_of(camera).image, cv2.imread(str(path)))


def test_a_file_that_its_writer_enlarged_beforehand_is_not_taken_before_it_is_whole(tmp_path):
    camera, data = watched(tmp_path), encoded(4)
    with (tmp_path / "part.png").open("wb") as file:
        file.truncate(len(data))
        file.flush()
        assert camera.read(0.2) is None
        file.write(data)
    next_of(camera)


def test_a_file_that_stays_damaged_is_told_once_and_the_next_follow(tmp_path):
    camera = watched(tmp_path, patience_s=0.2)
    (tmp_path / "a.png").write_bytes(encoded(5)[:-20])
    with pytest.raises(ImageFileError, match=r"a\.png"):
        next_of(camera)
    cv2.imwrite(str(tmp_path / "b.png"), picture(2))
    assert next_of(camera).image[0, 0, 0] == 2
    assert camera.statistics().incomplete == 1


def test_a_name_of_a_file_under_way_is_passed_over_until_it_is_renamed(tmp_path):
    camera = watched(tmp_path)
    path = tmp_path / "x.png.part"
    path.write_bytes(encoded(1))
    assert camera.read(0.3) is None
    path.rename(tmp_path / "x.png")
    next_of(camera)


def test_pictures_are_moved_and_never_overwrite_one_another(tmp_path):
    source, target = tmp_path / "in", tmp_path / "done"
    source.mkdir()
    camera = watched(source, after="move", move_to=str(target))
    for level in (1, 2):
        cv2.imwrite(str(source / "part.png"), picture(level))
        assert next_of(camera).image[0, 0, 0] == level
    assert sorted(path.name for path in target.iterdir()) == ["part-1.png", "part.png"]
    assert list(source.iterdir()) == []


def test_pictures_are_deleted_and_those_that_are_there_are_taken_first(tmp_path):
    cv2.imwrite(str(tmp_path / "old.png"), picture(1))
    camera = watched(tmp_path, after="delete")
    assert next_of(camera).image[0, 0, 0] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_goes_away_is_a_lost_camera(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    camera = watched(folder)
    folder.rmdir()
    with pytest.raises(SourceError, match="folder"):
        camera.read(0.1)


def test_moving_needs_a_place_to_move_to(tmp_path):
    with pytest.raises(SettingsError, match="move_to"):
        watched(tmp_path, after="move")


def test_a_watched_folder_is_not_triggered(tmp_path):
    with pytest.raises(SettingsError, match="trigger"):
        open_camera(CameraSettings("in", f"folder:{tmp_path}", trigger=TriggerMode.PLC))


def played(folder, **settings):
    for level in range(3):
        cv2.imwrite(str(folder / f"{level}.png"), picture(level))
    return open_camera(CameraSettings("in", f"folder:{folder}", **settings))


def test_a_folder_is_played_once(tmp_path):
    camera = played(tmp_path, features={"play": "once"})
    assert [next_of(camera).image[0, 0, 0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SourceEndedError, match="end"):
        camera.read(0.1)


def test_a_folder_is_played_for_ever_at_a_rate(tmp_path):
    camera = played(tmp_path, features={"play": "loop"}, fps=50)
    frames = [next_of(camera) for _ in range(7)]
    assert [frame.image[0, 0, 0] for frame in frames] == [0, 1, 2, 0, 1, 2, 0]
    assert frames[6].captured_s - frames[0].captured_s == pytest.approx(6 / 50, abs=0.001)


def test_each_trigger_plays_the_next_picture(tmp_path):
    camera = played(tmp_path, features={"play": "loop"}, trigger=TriggerMode.PLC)
    assert camera.read(0.05) is None
    camera.trigger()
    assert next_of(camera).image[0, 0, 0] == 0
    assert camera.read(0.05) is None


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "belt.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
    for level in range(20):
        writer.write(np.full((48, 64, 3), level * 12, np.uint8))
    writer.release()
    return path


def test_a_video_is_played_at_its_own_rate(video):
    camera = open_camera(CameraSettings("v", f"video:{video}"))
    frames = [next_of(camera) for _ in range(10)]
    assert camera.period_s == pytest.approx(0.04)
    assert frames[9].captured_s - frames[0].captured_s == pytest.approx(9 / 25, abs=0.001)
    assert [round(frame.image.mean() / 12) for frame in frames] == list(range(10))


def test_a_video_is_read_as_fast_as_it_goes_and_ends(video):
    camera = open_camera(CameraSettings("v", f"video:{video}", features={"rate": "fastest"}))
    assert to_the_end(camera)[0] == 20


def to_the_end(camera):
    count = 0
    try:
        while True:
            count += camera.read(1) is not None
    except SourceEndedError as end:
        return count, str(end)


def test_a_slow_reader_of_a_live_view_skips_frames_that_are_counted(video):
    camera = open_camera(CameraSettings("v", f"video:{video}", delivery=Delivery.LATEST))
    first = next_of(camera)
    time.sleep(0.2)
    second = next_of(camera)
    assert second.device_frame > first.device_frame + 1
    assert camera.statistics().dropped == second.device_frame - 1
    assert second.sequence == 1


def test_a_video_that_breaks_off_says_so_at_its_end(video):
    data = video.read_bytes()
    whole = cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT)
    assert whole == 20
    broken = video.with_suffix(".avi")
    writer = cv2.VideoWriter(str(broken), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(20):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    data = broken.read_bytes()
    broken.write_bytes(data[: len(data) * 2 // 3])
    camera = open_camera(CameraSettings("v", f"video:{broken}", features={"rate": "fastest"}))
    assert "truncated" in to_the_end(camera)[1]


def test_a_video_in_a_feed_loops_or_ends(video):
    box, events = Mailbox(Delivery.EVERY_PART, room=200), []
    settings = CameraSettings("v", f"video:{video}", features={"rate": "fastest"})
    with Feed(settings, on_frame=box.put, on_event=events.append) as feed:
        frames = [box.take(PATIENCE_S) for _ in range(20)]
        assert feed.join(PATIENCE_S)
    assert [frame.sequence for frame in frames] == list(range(20))
    assert [event.code for event in events] == ["camera.ended"]
