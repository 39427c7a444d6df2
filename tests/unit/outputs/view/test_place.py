"""Where a view goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import SettingsError
from lineside.outputs.view.place import Address, Film, Folder, place_of


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("view", Folder(Path("view"))),
        ("./8080", Folder(Path("8080"))),
        ("a/shift.mp4", Film(Path("a/shift.mp4"))),
        ("A.MP4", Film(Path("A.MP4"))),
        ("8080", Address("127.0.0.1", 8080)),
        ("0", Address("127.0.0.1", 0)),
        ("http://127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("http://0.0.0.0:80/", Address("0.0.0.0", 80)),
        ("http://[::1]:8080", Address("::1", 8080)),
        ("http://line-1.plant:8080", Address("line-1.plant", 8080)),
    ],
)
def test_a_text_is_a_folder_a_file_or_an_address(text, place):
    assert place_of(text) == place


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "70000", "http://127.0.0.1", "http://:8080", "http://127.0.0.1:70000", "http://[::1:80"),
        *(
            "https://127.0.0.1:8080",
            "rtsp://127.0.0.1:8554",
            "http://127.0.0.1:80/all",
            "http://a:b@127.0.0.1:80",
        ),
        *("shift.avi", "shift.mkv", "a\0b"),
    ],
)
def test_what_is_none_is_refused_with_what_was_expected(text):
    with pytest.raises(SettingsError, match="expected"):
        place_of(text)


def test_a_path_is_from_a_folder_where_one_is_given():
    assert place_of("view", Path("/etc/lineside")) == Folder(Path("/etc/lineside/view"))


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_refused(text):
    try:
        place = place_of(text)
    except SettingsError:
        return
    assert isinstance(place, Folder | Film | Address)
    if isinstance(place, Address) and "://" not in text:
        assert place.host == "127.0.0.1", "nobody else can reach it unless that was said in full"
