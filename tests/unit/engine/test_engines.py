"""A provider's own files in a cache entry: used only as they were when a session with them was proven."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from lineside.engine.cache import PreparedModels
from lineside.engine.engines import Engines


def build(entry, content=b"an engine", name="a.engine"):
    """A build that is proven."""
    engines = Engines(entry)
    folder = engines.begin()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    engines.prove()
    return folder / name


def test_what_was_proven_is_there_at_the_next_start(tmp_path):
    engine = build(tmp_path)
    again = Engines(tmp_path)
    assert again.begin() == engine.parent
    assert not again.is_empty
    assert engine.read_bytes() == b"an engine"


def change(engine):
    engine.write_bytes(b"an enginf")


DAMAGES = {
    "one other bit": change,
    "cut short": lambda engine: engine.write_bytes(b"an eng"),
    "one file more": lambda engine: engine.with_name("b.engine").write_bytes(b"late"),
    "one file less": lambda engine: engine.unlink(),
    "no list": lambda engine: (engine.parents[1] / "engine.json").unlink(),
    "a list that is none": lambda engine: (engine.parents[1] / "engine.json").write_text("[1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_as_it_was_proven_is_thrown_away(tmp_path, damage, caplog):
    build(tmp_path, name="b/c.engine") if damage == "one file less" else None
    engine = build(tmp_path)
    DAMAGES[damage](engine)
    with caplog.at_level(logging.WARNING):
        again = Engines(tmp_path)
        folder = again.begin()
    again.release()
    assert list(folder.iterdir()) == []
    assert again.is_empty
    if damage != "one file less":
        assert "not what was proven" in caplog.text


def test_a_build_that_was_cut_off_is_begun_anew(tmp_path):
    cut = Engines(tmp_path)
    (cut.begin() / "half.engine").write_bytes(b"half")
    cut.release()  # as the system does when the process ends
    again = Engines(tmp_path)
    folder = again.begin()
    again.release()
    assert list(folder.iterdir()) == []


def test_a_discarded_engine_is_gone(tmp_path):
    build(tmp_path)
    engines = Engines(tmp_path)
    engines.begin()
    engines.discard()
    assert engines.is_empty
    assert Engines(tmp_path).is_empty


HOLD = """
import sys
from pathlib import Path
from lineside.engine.engines import Engines
engines = Engines(Path(sys.argv[1]))
print(engines.begin() is not None, flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such lock here")
def test_while_another_process_builds_this_one_does_without_the_folder(tmp_path, caplog):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        with caplog.at_level(logging.WARNING):
            assert Engines(tmp_path).begin() is None
        assert "another process builds" in caplog.text
        other.kill()  # it leaves no word behind, and its claim ends all the same
    after = Engines(tmp_path)
    assert after.begin() is not None
    after.release()


def test_a_folder_that_cannot_be_written_is_told_and_done_without(tmp_path, caplog):
    (tmp_path / "engine").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert Engines(tmp_path).begin() is None
    assert "engines cannot be kept" in caplog.text


def test_engines_count_in_the_bound_of_the_cache(tmp_path):
    store = PreparedModels(tmp_path, limit_bytes=30_000)
    for when, name in enumerate(("old", "new"), start=1000):
        path = store.put(name, {}, bytes(1000))
        os.utime(path.parent, (when, when))
    engines = Engines(tmp_path / "new", proven=store.trim)
    (engines.begin() / "large.engine").write_bytes(bytes(40_000))
    engines.prove()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["new"]
    assert Engines(tmp_path / "new").begin() is not None
    assert not Engines(tmp_path / "new").is_empty


def test_files_beside_a_model_are_sealed_with_it(tmp_path):
    store = PreparedModels(tmp_path)
    store.put("a", {}, b"model", {"reference.npz": b"numbers"})
    assert store.get("a") is not None
    (tmp_path / "a" / "reference.npz").write_bytes(b"numberz")
    assert store.get("a") is None
