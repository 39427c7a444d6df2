"""Pictures, folders and patterns become sources, and no picture is lost on the way."""

import os
from pathlib import Path

import numpy as np
import pytest

from lineside.capture.pictures import Reading
from lineside.capture.sources import Unreadable, open_sources
from lineside.core.errors import (
    ImageFileError,
    ImageFormatError,
    ImageTooLargeError,
    SettingsError,
    SourceError,
)
from lineside.core.frame import Frame


def streams(sources):
    return [Path(outcome.stream).name for source in sources for outcome in source]


def test_a_picture_is_a_source_of_one_frame(save, picture):
    path = save("a.png", picture)

    (source,) = open_sources([str(path)])
    (frame,) = source

    assert (source.name, source.count) == (str(path), 1)
    assert isinstance(frame, Frame)
    assert (frame.stream, frame.sequence, frame.time_s) == (str(path), 0, None)
    np.testing.assert_array_equal(frame.image, picture)


def test_the_stream_is_the_path_as_given(save, picture, tmp_path, monkeypatch):
    save("part/a.png", picture)
    monkeypatch.chdir(tmp_path)

    ((frame,),) = open_sources(["part/../part/a.png"])

    assert frame.stream == "part/../part/a.png"


def test_a_folder_gives_its_pictures_in_natural_order(save, picture, tmp_path):
    for name in ("p10.png", "p9.jpg", "P1.BMP", "p2.tiff", "p3.webp"):
        save(name, picture)
    save("deeper/p0.png", picture)
    (tmp_path / "labels.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / ".hidden.png").write_text("no picture")

    (source,) = open_sources([str(tmp_path)])
    frames = list(source)

    assert source.count == 5
    assert [Path(f.stream).name for f in frames] == ["P1.BMP", "p2.tiff", "p3.webp", "p9.jpg", "p10.png"]
    assert [f.sequence for f in frames] == [0, 1, 2, 3, 4]


def test_a_bad_picture_takes_its_place_and_the_others_follow(save, picture, tmp_path):
    save("1.png", picture)
    (tmp_path / "2.png").touch()
    save("3.png", picture.astype(np.uint16))
    (tmp_path / "4.gif").write_bytes(b"GIF89a")
    save("5.png", picture)

    (source,) = open_sources([str(tmp_path)])
    outcomes = list(source)

    assert [o.sequence for o in outcomes] == [0, 1, 2, 3, 4]
    assert [type(o) for o in outcomes] == [Frame, Unreadable, Unreadable, Unreadable, Frame]
    errors = [o.error for o in outcomes if isinstance(o, Unreadable)]
    assert [type(e) for e in errors] == [ImageFileError, ImageFormatError, ImageFileError]
    assert all(Path(o.stream).name in str(o.error) for o in outcomes if isinstance(o, Unreadable))


def test_a_picture_that_vanished_is_told(save, picture, tmp_path):
    for name in ("1.png", "2.png"):
        save(name, picture)
    (source,) = open_sources([str(tmp_path)])
    (tmp_path / "1.png").unlink()

    first, second = source

    assert isinstance(first, Unreadable)
    assert "no such file" in str(first.error)
    assert isinstance(second, Frame)


def test_a_dangling_link_in_a_folder_is_told(save, picture, tmp_path):
    save("1.png", picture)
    (tmp_path / "2.png").symlink_to(tmp_path / "nowhere.png")

    (source,) = open_sources([str(tmp_path)])

    assert [type(o) for o in source] == [Frame, Unreadable]


def test_a_picture_without_a_suffix_is_found_by_its_content(save, picture, tmp_path):
    save("a.png", picture).rename(tmp_path / "IMG_0001")
    (tmp_path / "README").write_text("text")

    assert streams(open_sources([str(tmp_path)])) == ["IMG_0001"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_does_not_block_a_folder(save, picture, tmp_path):
    save("a.png", picture)
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jpg")

    (source,) = open_sources([str(tmp_path)])

    assert [type(o) for o in source] == [Frame, Unreadable]


def test_a_folder_can_be_read_twice(save, picture, tmp_path):
    save("a.png", picture)
    (source,) = open_sources([str(tmp_path)])

    assert len(list(source)) == len(list(source)) == 1


def test_the_limits_reach_the_pictures(save, picture):
    deep, small = save("deep.png", np.full((2, 2), 4095, np.uint16)), save("a.png", picture)
    reading = Reading(limit_px=4, scale_16bit=4095)

    first, second = open_sources([str(deep), str(small)], reading=reading)

    assert next(iter(first)).image.max() == 255
    assert isinstance(next(iter(second)).error, ImageTooLargeError)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["a1.png", "a2.png"]),
        ("a?.*", ["a1.png", "a2.png", "a3.jpg"]),
        ("a[23].*", ["a2.png", "a3.jpg"]),
        ("*", ["a1.png", "a2.png", "a3.jpg"]),
        ("**/*.png", ["a1.png", "a2.png", "deep.png"]),
    ],
)
def test_a_pattern_gives_the_pictures_that_match(save, picture, tmp_path, pattern, expected):
    for name in ("a1.png", "a2.png", "a3.jpg", "b/c/deep.png"):
        save(name, picture)
    (tmp_path / "a1.txt").write_text("label")

    assert streams(open_sources([str(tmp_path / pattern)])) == expected


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(save, picture):
    path = save("a[1].png", picture)
    save("a1.png", picture)

    assert streams(open_sources([str(path)])) == ["a[1].png"]


def test_arguments_keep_their_order(save, picture, tmp_path):
    for name in ("b.png", "f/1.png", "a.png"):
        save(name, picture)
    arguments = [str(tmp_path / "b.png"), str(tmp_path / "f"), str(tmp_path / "a.png")]

    assert streams(open_sources(arguments)) == ["b.png", "1.png", "a.png"]


def test_a_kind_can_be_asked_for_by_name(save, picture, tmp_path):
    save("f/1.png", picture)

    assert streams(open_sources([f"folder:{tmp_path / 'f'}"])) == ["1.png"]


def test_a_missing_path_names_the_near_ones(save, picture, tmp_path):
    save("samples/a.png", picture)

    with pytest.raises(SourceError, match=r'sampels": no such file or folder; did you mean "samples"\?'):
        open_sources([str(tmp_path / "sampels")])


def test_a_missing_folder_on_the_way_is_named(tmp_path):
    with pytest.raises(SourceError, match=r'there is no folder ".*nowhere" either'):
        open_sources([str(tmp_path / "nowhere" / "a.png")])


def test_a_pattern_without_a_match_names_the_near_ones(save, picture, tmp_path):
    save("a.jpeg", picture)

    with pytest.raises(SourceError, match=r'nothing matches the pattern; did you mean "a\.jpeg"\?'):
        open_sources([str(tmp_path / "*.jpg")])


def test_a_pattern_in_a_missing_folder_names_the_folder(tmp_path):
    with pytest.raises(SourceError, match=r'nothing matches the pattern; there is no folder ".*nowhere"'):
        open_sources([str(tmp_path / "nowhere" / "*.jpg")])


def test_a_pattern_that_matches_no_pictures_says_what_does(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "folder").mkdir()

    with pytest.raises(SourceError, match="1 other files and 1 folders match"):
        open_sources([str(tmp_path / "*")])


def test_a_folder_without_pictures_says_what_it_holds(save, picture, tmp_path):
    save("deeper/a.png", picture)
    (tmp_path / "a.txt").write_text("text")

    with pytest.raises(
        SourceError, match=r"found 1 other files and 1 folders; for sub-folders quote a pattern"
    ):
        open_sources([str(tmp_path)])


def test_an_unknown_scheme_names_the_kinds():
    with pytest.raises(
        SourceError, match=r'no source kind "rtps"; known: folder, glob, picture, synthetic, video'
    ):
        open_sources(["rtps://camera/1"])


def test_no_argument_is_refused():
    with pytest.raises(SettingsError, match="at least one source"):
        open_sources([])


def test_a_name_that_no_system_takes_is_refused():
    with pytest.raises(SourceError):
        open_sources(["x" * 5000])
