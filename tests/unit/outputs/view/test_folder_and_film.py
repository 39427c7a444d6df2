"""A view in a folder and in a video file."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np
import pytest

from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.view.film import FilmView
from lineside.outputs.view.folder import FolderView
from lineside.outputs.view.scene import Scene
from viewers import lost, part, settings, until, view, watched


def scene(*views, **how):
    return Scene(watched(*views, **how), clock=time.monotonic, old_s=5.0)


def quiet(*_):
    return None


def test_each_view_has_its_picture_and_the_page_shows_them(tmp_path):
    folder = FolderView(tmp_path / "view", scene("top/1", "side", "back"), settings(), note=quiet)
    late = Reason.LATE
    folder.show(
        part(1, view("top/1"), view("side", grey=True), lost("back"), verdict=Verdict.UNKNOWN, reason=late)
    )
    folder.close()
    folder.close()
    pictures = {
        path.name.partition("~")[0]: cv2.imread(str(path)) for path in (tmp_path / "view").glob("*.jpg")
    }
    assert set(pictures) == {"top_1", "side.jpg", "back.jpg"}
    assert pictures["side.jpg"].shape[0] > 240, "the banner is above the picture"
    page = (tmp_path / "view" / "index.html").read_text()
    assert all(path.name in page for path in (tmp_path / "view").glob("*.jpg"))
    assert (tmp_path / "view" / "seen.js").read_text().startswith("seen(")
    assert not list((tmp_path / "view").glob(".*"))
    assert not any(thread.name == "view" for thread in threading.enumerate())


def test_parts_that_come_while_one_is_drawn_are_skipped_and_nobody_waits(tmp_path):
    folder = FolderView(tmp_path, scene(), settings(fps=0.01), note=quiet)
    until((tmp_path / "index.html").exists)
    before = (tmp_path / "top.jpg").read_bytes()
    begun_s = time.monotonic()
    for number in range(2000):
        folder.show(part(number))
    assert time.monotonic() - begun_s < 5
    folder.close()
    assert (tmp_path / "top.jpg").read_bytes() != before, "the last one is drawn at the end"


def test_where_no_part_comes_any_more_the_picture_is_written_again_as_old(tmp_path):
    away = {}
    folder = FolderView(tmp_path, scene(away=away), settings(), note=quiet)
    folder.show(part(0))

    def saturation():
        image = cv2.imread(str(tmp_path / "top.jpg")) if (tmp_path / "top.jpg").exists() else None
        return None if image is None else int(np.ptp(image[200].astype(int), axis=1).max())

    until(lambda: (saturation() or 0) > 100)
    away["top"] = "the cable is out"
    until(lambda: saturation() is not None and saturation() < 10)
    folder.close()


def test_a_folder_that_is_gone_is_told_once_and_ends_nothing(tmp_path):
    notes = []
    folder = FolderView(tmp_path / "view", scene(), settings(), note=lambda code, _: notes.append(code))
    until((tmp_path / "view" / "index.html").exists)
    (tmp_path / "view").rename(tmp_path / "moved")
    until(lambda: notes == ["view.unwritten"])
    folder.show(part(1))
    (tmp_path / "view").mkdir()
    until(lambda: notes[-1] == "view.written")
    folder.close()
    assert notes == ["view.unwritten", "view.written"]
    assert (tmp_path / "view" / "index.html").exists()


@pytest.mark.parametrize("make", [FolderView, FilmView])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, make):
    (tmp_path / "view").write_text("")
    with pytest.raises(OutputError):
        make(tmp_path / "view" / "a.mp4", scene(), settings(), note=quiet)


def frames(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    found = []
    while True:
        is_read, image = capture.read()
        if not is_read:
            return found
        found.append((capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, image))


def test_a_film_shows_what_happened_at_its_pace_and_a_loss_as_a_loss(tmp_path):
    away = {}
    film = FilmView(tmp_path / "a.mp4", scene("top", "side", away=away), settings(fps=30), note=quiet)
    begun_s = time.monotonic()
    film.show(part(0, view("top"), view("side")))
    until(lambda: film._movie is not None and film._movie.frames >= 2)
    away["top"] = "the cable is out"
    until(lambda: film._movie.frames >= 5)
    film.close()
    lasted_s = time.monotonic() - begun_s
    found = frames(tmp_path / "a.mp4")
    assert len(found) == film._movie.frames >= 5
    assert 0.3 < found[-1][0] <= lasted_s, "its times are those of the clock"
    height, width = found[0][1].shape[:2]
    row = height // 2 + height // 12
    first, last = (np.ptp(image[row].astype(int), axis=1) for image in (found[0][1], found[-1][1]))
    assert first[: width // 2].max() > 100
    assert last[: width // 2].max() < 40, "the lost camera is grey"
    assert last[width // 2 :].max() > 100, "the other one is not"


def test_pictures_of_another_size_fit_into_the_same_film(tmp_path):
    film = FilmView(tmp_path / "a.mp4", scene(), settings(fps=60), note=quiet)
    for number, size in enumerate([(240, 320), (400, 300), (31, 33)]):
        film.show(part(number, view(size=type(view().detections.size)(*size))))
        until(lambda count=number: film._movie is not None and film._movie.frames > count)
    film.show(part(9, lost(), verdict=Verdict.UNKNOWN, reason=Reason.NO_FRAME))
    film.close()
    assert len({image.shape for _, image in frames(tmp_path / "a.mp4")}) == 1


def test_a_film_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "a.mp4").write_text("of yesterday")
    film = FilmView(tmp_path / "a.mp4", scene(), settings(), note=quiet)
    assert film.place.endswith("a-2.mp4")
    film.show(part(0))
    film.close()
    assert (tmp_path / "a.mp4").read_text() == "of yesterday"
    assert frames(tmp_path / "a-2.mp4")


def test_without_any_part_there_is_no_film(tmp_path):
    FilmView(tmp_path / "a.mp4", scene(), settings(), note=quiet).close()
    assert list(tmp_path.iterdir()) == []


def test_a_film_whose_disk_is_gone_ends_and_says_so(tmp_path):
    notes = []

    def gone(_folder):
        raise FileNotFoundError(2, "No such file or directory")

    film = FilmView(
        tmp_path / "a.mp4", scene(), settings(fps=60), note=lambda *what: notes.append(what), free_bytes=gone
    )
    film.show(part(0))
    until(lambda: notes)
    film.close()
    assert [code for code, _ in notes] == ["view.unwritten"]
    assert "No such file" in notes[0][1]


def test_a_film_ends_whole_before_the_disk_is_full_and_says_so(tmp_path):
    notes = []
    film = FilmView(
        tmp_path / "a.mp4",
        scene(),
        settings(fps=60),
        note=lambda code, _: notes.append(code),
        free_bytes=lambda _: 1_000_000,
    )
    film.show(part(0))
    until(lambda: notes == ["view.full"])
    film.show(part(1))
    film.close()
    assert len(frames(tmp_path / "a.mp4")) == 1
