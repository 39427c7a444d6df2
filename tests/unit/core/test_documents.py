"""What is wrong with a document is one sentence with the path of the key and a way out."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, model_validator

from lineside.core.documents import Table, parsed
from lineside.core.errors import SettingsError


class Inner(Table):
    class_: str = Field("cap", alias="class")
    size: tuple[int, int] = (1, 2)


class Outer(Table):
    schema_: Literal[1] = Field(alias="schema")
    inner: list[Inner] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)
    flag: bool = False

    @model_validator(mode="after")
    def _agrees(self):
        if self.flag and not self.inner:
            raise ValueError("a table inner beside flag")
        if self.flag and len(self.inner) > 1:
            raise SettingsError("inner[1]: one is enough")
        return self


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "file.toml: schema: this key is missing"),
        ({"shema": 1}, 'file.toml: shema: no such key; did you mean "schema"?'),
        ({"schema": 1, "inner": [{"clas": "x"}]}, 'file.toml: inner[0].clas: no such key; did you mean "class"?'),
        ({"schema": 1, "named": {"a": {"sise": 1}}}, 'file.toml: named.a.sise: no such key; did you mean "size"?'),
        ({"schema": 1, "inner": 5}, "file.toml: inner: expected a list; got 5"),
        ({"schema": 1, "named": 5}, "file.toml: named: expected a table; got 5"),
        ({"schema": 1, "inner": [{"class": 5}]}, "file.toml: inner[0].class: expected a text; got 5"),
        ({"schema": 1, "inner": [{"size": 5}]}, "file.toml: inner[0].size: expected a list; got 5"),
        ({"schema": 1, "flag": True}, "file.toml: expected a table inner beside flag; got {'schema': 1, 'flag': True}"),
        ({"schema": 1, "flag": True, "inner": [{}, {}]}, "file.toml: inner[1]: one is enough"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_path(table, words):
    with pytest.raises(SettingsError) as refusal:
        parsed(Outer, table, "file.toml")
    assert str(refusal.value) == words
