"""What an output needs beside lineside: packages and secrets."""

from __future__ import annotations

import importlib

import pytest

from lineside.core.errors import NotInstalledError, SettingsError
from lineside.outputs.extras import needed, needs
from lineside.outputs.secrets import secret


def test_a_missing_package_is_named_with_the_line_that_installs_it():
    with pytest.raises(
        NotInstalledError, match=r'"board" needs the package "no_such": pip install \'lineside\[x\]\''
    ):
        needs("board", ("json", "no_such"), "x")
    with (
        pytest.raises(NotInstalledError, match=r'needs the package "no-such": pip install'),
        needed("board", "no_such", "x", named="no-such"),
    ):
        importlib.import_module("no_such")


def test_what_an_installed_package_lacks_itself_is_not_reported_as_an_extra():
    with pytest.raises(ModuleNotFoundError, match="another"), needed("board", "no_such", "x"):
        raise ModuleNotFoundError("no module another", name="another")


@pytest.mark.parametrize("value", [None, ""])
def test_a_secret_that_is_not_set_names_its_variable(monkeypatch, value):
    monkeypatch.delenv("BOARD_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("BOARD_KEY", value)
    with pytest.raises(SettingsError, match=r"board: key_env: .* BOARD_KEY; it is not set"):
        secret("BOARD_KEY", "board: key_env")
