"""The cache of prepared models: all of an entry or none, never a damaged one, and never too large."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lineside.engine.cache import PreparedModels, default_folder, key

CARD = {"family": "yolov8", "names": ["scratch", "dent"], "size": {"height": 96, "width": 128}, "flops": None}
MODEL = bytes(range(256)) * 40


@pytest.fixture
def store(tmp_path):
    return PreparedModels(tmp_path / "cache")


def entries(store):
    return sorted(path.name for path in store.folder.iterdir())


def put_at(store, name, when, model=MODEL):
    """Write an entry that was last used at `when`, in seconds."""
    store.put(name, CARD, model)
    os.utime(store.folder / name, (when, when))


def test_what_was_put_is_got(store):
    path = store.put("a", CARD, MODEL)
    assert path.read_bytes() == MODEL
    card, model = store.get("a")
    assert card == CARD
    assert model.read_bytes() == MODEL
    assert entries(store) == ["a"]


def test_what_was_never_put_is_none_and_makes_no_folder(store):
    assert store.get("a") is None
    assert not store.folder.exists()


def test_putting_again_replaces(store):
    store.put("a", CARD, MODEL)
    store.put("a", CARD | {"family": "yolox"}, b"other")
    card, model = store.get("a")
    assert card["family"] == "yolox"
    assert model.read_bytes() == b"other"
    assert entries(store) == ["a"]


def test_a_dropped_entry_is_gone_and_dropping_twice_is_no_fault(store):
    store.put("a", CARD, MODEL)
    store.drop("a")
    store.drop("a")
    assert store.get("a") is None


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit_card(entry):
    path = entry / "card.json"
    path.write_text(path.read_text().replace("yolov8", "yolox"))


DAMAGES = {
    "model with one other bit": lambda entry: flip_a_bit(entry / "model.onnx"),
    "model cut short": lambda entry: (entry / "model.onnx").write_bytes(MODEL[:-1]),
    "model empty": lambda entry: (entry / "model.onnx").write_bytes(b""),
    "model longer": lambda entry: (entry / "model.onnx").write_bytes(MODEL + b"!"),
    "card edited": edit_card,
    "card empty": lambda entry: (entry / "card.json").write_text(""),
    "card cut short": lambda entry: (entry / "card.json").write_text('{"sha256": "ab", "card": {'),
    "card of another form": lambda entry: (entry / "card.json").write_text("[1, 2]"),
    "card of a number": lambda entry: (entry / "card.json").write_text("7"),
    "card without a digest": lambda entry: (entry / "card.json").write_text(json.dumps({"card": CARD})),
    "card of an older form": lambda entry: (entry / "card.json").write_text(
        json.dumps(CARD | {"model_bytes": len(MODEL)})
    ),
    "card no text": lambda entry: (entry / "card.json").write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_counts_as_none_is_told_and_can_be_made_again(store, damage, caplog):
    store.put("a", CARD, MODEL)
    DAMAGES[damage](store.folder / "a")
    with caplog.at_level(logging.WARNING):
        assert store.get("a") is None
    assert "damaged" in caplog.text
    assert entries(store) == []
    assert store.put("a", CARD, MODEL).read_bytes() == MODEL
    assert store.get("a")[0] == CARD


@pytest.mark.parametrize("missing", ["card.json", "model.onnx"])
def test_half_an_entry_counts_as_none(store, missing):
    store.put("a", CARD, MODEL)
    (store.folder / "a" / missing).unlink()
    assert store.get("a") is None
    store.put("a", CARD, MODEL)
    assert store.get("a")[0] == CARD


@pytest.mark.parametrize("place", ["the folder", "its parent"])
def test_a_folder_that_cannot_be_written_is_told_and_no_error(tmp_path, place, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    store = PreparedModels(tmp_path / "cache" if place == "the folder" else tmp_path / "cache" / "deeper")
    with caplog.at_level(logging.WARNING):
        assert store.put("a", CARD, MODEL) is None
    assert "cannot be kept" in caplog.text
    assert store.get("a") is None
    assert (tmp_path / "cache").read_text() == "a file where the folder should be"


only_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can play another user"
)

READ_ONLY = """
import logging, os, sys
from pathlib import Path
from lineside.engine.cache import PreparedModels
logging.basicConfig(stream=sys.stdout)
os.setuid(65534)
store = PreparedModels(Path(sys.argv[1]))
found = store.get("a")
print("found", found is not None and found[0]["family"])
print("put", store.put("b", {}, b"model"))
"""


@only_root
def test_the_cache_of_another_user_is_read_though_it_cannot_be_written():
    with tempfile.TemporaryDirectory() as folder:
        store = PreparedModels(Path(folder))
        store.put("a", CARD, MODEL)
        for path in (store.folder, *store.folder.rglob("*")):
            path.chmod(0o755)
        result = subprocess.run(
            [sys.executable, "-c", READ_ONLY, folder], capture_output=True, text=True, check=True
        )
        assert store.get("a")[0] == CARD
    assert "found yolov8" in result.stdout
    assert "put None" in result.stdout
    assert "damaged" not in result.stdout


def test_the_least_recently_used_go_when_it_grows_too_large(tmp_path):
    store = PreparedModels(tmp_path, limit_bytes=3 * len(MODEL) + 3000)  # with their cards
    for when, name in enumerate("abc", start=1000):
        put_at(store, name, when)
    assert entries(store) == ["a", "b", "c"]
    assert store.get("a") is not None  # used: now b is the one that was not for the longest time
    store.put("d", CARD, MODEL)
    assert entries(store) == ["a", "c", "d"]


def test_an_entry_larger_than_the_limit_is_kept_alone(tmp_path):
    store = PreparedModels(tmp_path, limit_bytes=len(MODEL))
    put_at(store, "a", 1000)
    assert store.put("large", CARD, MODEL * 9) is not None
    assert entries(store) == ["large"]
    assert store.get("large") is not None


def test_strangers_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "README").write_text("mine")
    (tmp_path / "photos").mkdir()
    store = PreparedModels(tmp_path, limit_bytes=1)
    store.put("a", CARD, MODEL)
    store.put("b", CARD, MODEL)
    assert entries(store) == ["README", "b", "photos"]


def test_many_writers_of_one_entry_leave_one_whole_entry(store, caplog):
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: store.put("a", CARD, MODEL), range(80)))
    assert caplog.text == ""
    assert set(paths) == {store.folder / "a" / "model.onnx"}
    assert entries(store) == ["a"]
    assert store.get("a")[0] == CARD


def test_writers_and_readers_side_by_side_see_whole_entries_or_none(tmp_path):
    # So small a limit that every writer removes what others have just written.
    store = PreparedModels(tmp_path, limit_bytes=2 * len(MODEL))
    names = [f"{number:02}" for number in range(12)]

    def work(turn):
        name = names[turn % len(names)]
        card = CARD | {"file": name}
        if turn % 3:
            store.put(name, card, MODEL + name.encode())
        found = store.get(name)
        return found is None or found[0] == card

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))
    assert not [name for name in entries(store) if name.startswith(".")]


def test_a_key_changes_with_each_part_and_with_their_borders():
    base = key("model", "facts", "1.0")
    others = [
        key("Model", "facts", "1.0"),
        key("model", "facts!", "1.0"),
        key("model", "facts", "1.1"),
        key("modelf", "acts", "1.0"),
        key("model", "facts"),
        key("facts", "model", "1.0"),
    ]
    assert len({base, *others}) == 7
    assert key("model", "facts", "1.0") == base
    assert base.isalnum()


def test_a_file_name_that_is_no_text_has_a_key():
    name = os.fsdecode(b"teil\xfc.onnx")
    assert key(name) != key("teil.onnx")


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LINESIDE_CACHE", str(tmp_path))
    assert default_folder() == tmp_path


@pytest.mark.skipif(os.name == "nt", reason="the folders of a POSIX system")
@pytest.mark.parametrize("xdg", ["", "relative/folder", None])
def test_the_users_cache_folder_is_taken_where_nothing_else_is_named(tmp_path, monkeypatch, xdg):
    monkeypatch.delenv("LINESIDE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if xdg is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert default_folder() == tmp_path / ".cache" / "lineside"


@pytest.mark.skipif(os.name == "nt", reason="the folders of a POSIX system")
def test_the_systems_cache_folder_is_taken_where_it_is_set(tmp_path, monkeypatch):
    monkeypatch.delenv("LINESIDE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "lineside"


HOMELESS = """
import os
from lineside.core.errors import SettingsError
from lineside.engine.cache import default_folder
os.setuid(54321)
try:
    default_folder()
except SettingsError as refusal:
    print(refusal)
"""


@only_root
def test_a_user_without_a_home_is_told_what_to_set():
    result = subprocess.run(
        [sys.executable, "-c", HOMELESS], env={}, capture_output=True, text=True, check=True
    )
    assert "LINESIDE_CACHE" in result.stdout
