from __future__ import annotations

import pytest

from lineside.core.errors import OutputError, PluginError, SettingsError
from lineside.outputs.switch import open_switch


@pytest.fixture
def path(tmp_path):
    (tmp_path / "brightness").write_text("9")
    return tmp_path / "brightness"


def test_a_file_holds_the_word_of_the_output_from_its_opening_to_its_close(path):
    switch = open_switch({"kind": "file", "path": str(path)})
    seen = [path.read_text()]
    for on in (True, False, True):
        switch.set(on=on)
        seen.append(path.read_text())
    switch.close()
    switch.close()
    assert [*seen, path.read_text()] == ["0", "1", "0", "1", "0"]
    with pytest.raises(OutputError, match="closed"):
        switch.set(on=True)


def test_the_words_can_be_said(path):
    switch = open_switch({"kind": "file", "path": str(path), "on": "255", "off": "000"})
    switch.set(on=True)
    assert path.read_text() == "255"
    switch.close()


def test_an_output_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be opened as an output"):
        open_switch({"kind": "file", "path": str(tmp_path / "nowhere")})
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("table", "kind", "hint"),
    [
        ({}, SettingsError, "expected a kind: file"),
        ({"kind": "fyle"}, PluginError, 'did you mean "file"'),
        ({"kind": "file"}, SettingsError, "path: this key is missing"),
        ({"kind": "file", "path": "a", "onn": "1"}, SettingsError, 'did you mean "on"'),
    ],
)
def test_a_table_that_is_wrong_is_refused(table, kind, hint):
    with pytest.raises(kind, match=hint):
        open_switch(table)
