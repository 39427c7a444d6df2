"""The form of a record and its seal."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.outputs.records_json import plain
from lineside.outputs.trace.chain import GENESIS, sealed, unsealed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.text().filter(lambda key: key not in {"hash", "number", "previous"}), VALUES, max_size=5
    )
)
def test_a_record_comes_back_as_it_was_sealed(record):
    line, own = sealed(record, 7, GENESIS)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert unsealed(line) == {**record, "number": 7, "previous": GENESIS, "hash": own}


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_byte_of_a_record_can_be_changed(place, byte):
    line, _ = sealed({"kind": "part", "verdict": "FAIL", "views": [{"x": 1.5}], "serial": "Ä7"}, 3, GENESIS)
    place %= len(line)
    changed = line[:place] + bytes([byte]) + line[place + 1 :]
    assert (unsealed(changed) is None) == (changed != line)


def test_the_hash_can_be_made_by_hand():
    line, own = sealed({"b": 1, "a": "é"}, 0, GENESIS)
    record = json.loads(line)
    assert record.pop("hash") == own
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == own


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{}\n", b"[]\n", b'{"number":1}\n', b"\xff\n", b"[" * 5000 + b"\n"]
)
def test_what_is_no_record_is_none(line):
    assert unsealed(line) is None


def test_values_that_json_has_no_word_for_become_some_that_it_has():
    told = plain({"a": float("nan"), 3: (1, {2}), "p": ValueError("x"), "n": {"i": float("-inf")}})
    assert told == {"a": None, "3": [1, [2]], "p": "x", "n": {"i": None}}
