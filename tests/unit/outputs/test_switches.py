from __future__ import annotations

import pytest

from lineside.core.errors import OutputError, PluginError, SettingsError
from lineside.outputs.switch import open_switch
from lineside.outputs.switches.gpio import GpioSwitch, Settings
from lineside.testing.plc.pins import MemoryLines


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
        ({}, SettingsError, "expected a kind: file, gpio"),
        ({"kind": "fyle"}, PluginError, 'did you mean "file"'),
        ({"kind": "file"}, SettingsError, "path: this key is missing"),
        ({"kind": "file", "path": "a", "onn": "1"}, SettingsError, 'did you mean "on"'),
        ({"kind": "gpio"}, SettingsError, "line: this key is missing"),
        ({"kind": "gpio", "line": -1}, SettingsError, "line: expected"),
    ],
)
def test_a_table_that_is_wrong_is_refused(table, kind, hint):
    with pytest.raises(kind, match=hint):
        open_switch(table)


def test_a_line_of_a_chip_is_off_from_its_opening_to_its_close_but_when_it_is_on():
    lines = MemoryLines()
    lines.levels = {5: True}
    switch = GpioSwitch(Settings(line=5), lines)
    seen = [lines.levels[5]]
    for on in (True, False, True):
        switch.set(on=on)
        seen.append(lines.levels[5])
    switch.close()
    switch.close()
    assert [*seen, lines.levels[5]] == [False, True, False, True, False]
    with pytest.raises(OutputError, match="closed"):
        switch.set(on=True)


def test_a_chip_that_vanishes_is_an_error_that_names_chip_and_line():
    lines = MemoryLines()
    lines.is_gone = True
    with pytest.raises(OutputError, match="/dev/gpiochip0, line 5: no such chip"):
        GpioSwitch(Settings(line=5), lines)
    lines.is_gone = False
    switch = GpioSwitch(Settings(line=5), lines)
    lines.is_gone = True
    with pytest.raises(OutputError, match="line 5"):
        switch.set(on=True)
    with pytest.raises(OutputError, match="line 5"):
        switch.close()
    switch.close()


def test_the_real_library_says_that_a_chip_is_not_there():
    pytest.importorskip("gpiod", reason="gpiod is not installed")
    with pytest.raises(OutputError, match="gpiochip-that-is-not-there, line 5"):
        open_switch({"kind": "gpio", "chip": "/dev/gpiochip-that-is-not-there", "line": 5})
