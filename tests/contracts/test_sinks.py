"""What every kind of sink keeps, whatever it writes to."""

from __future__ import annotations

import importlib

import pytest

from contracts.sink_cases import CASES
from lineside.core import plugins
from lineside.core.documents import Table
from lineside.core.errors import OutputError, RefusedParcelError, SettingsError
from lineside.core.verdict import Verdict
from lineside.outputs.parcel import KINDS, open_sink
from parcels import parcel

ALL = plugins.own(KINDS)


@pytest.fixture(params=ALL)
def kind(request):
    return request.param


@pytest.fixture
def case(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_ID", "line")
    monkeypatch.setenv("TEST_SECRET", "secret1")
    opened = CASES[kind](tmp_path)
    yield opened
    opened.close()


def sent(sink, tmp_path, count=3):
    parcels = [parcel(tmp_path, part, Verdict.FAIL if part % 2 else Verdict.PASS) for part in range(count)]
    for one in parcels:
        sink.emit(one)
    return [one.key for one in parcels]


def test_every_kind_has_a_case():
    assert set(CASES) == set(ALL)


def test_results_arrive_in_order(kind, case, tmp_path):
    sink = open_sink({"kind": kind, **case.settings})
    expected = sent(sink, tmp_path)
    sink.close()
    assert case.keys() == expected


def test_a_result_that_comes_twice_counts_once(kind, case, tmp_path):
    sink = open_sink({"kind": kind, **case.settings})
    sent(sink, tmp_path)
    expected = sent(sink, tmp_path)
    sink.close()
    assert case.keys() == expected


def test_a_result_that_comes_again_after_a_restart_counts_once(kind, case, tmp_path):
    first = open_sink({"kind": kind, **case.settings})
    expected = sent(first, tmp_path)  # it dies here: nothing closes it in time
    again = open_sink({"kind": kind, **case.settings})
    assert sent(again, tmp_path) == expected
    again.close()
    assert case.keys() == expected
    first.close()


def test_a_sink_works_again_after_it_was_closed_and_may_be_closed_twice(kind, case, tmp_path):
    sink = open_sink({"kind": kind, **case.settings})
    sink.close()
    expected = sent(sink, tmp_path)
    sink.close()
    sink.close()
    assert case.keys() == expected


def test_a_receiver_that_is_away_does_not_keep_the_line_from_starting_and_is_tried_again(
    kind, case, tmp_path
):
    sink = open_sink({"kind": kind, **case.away})
    for _ in range(2):
        with pytest.raises(OutputError) as caught:
            sink.emit(parcel(tmp_path, 1))
        assert not isinstance(caught.value, RefusedParcelError)
        assert "secret1" not in str(caught.value)
    sink.close()


def test_settings_are_a_table_in_which_every_key_is_described(kind):
    schema = importlib.import_module(f"{KINDS}.{kind}").Settings
    assert issubclass(schema, Table)
    assert [name for name, field in schema.model_fields.items() if not field.description] == []


def test_a_key_that_does_not_exist_is_refused_by_name(kind, case):
    with pytest.raises(SettingsError, match="^" + kind + ": nonsense: no such key"):
        open_sink({"kind": kind, **case.settings, "nonsense": 1})


def test_a_value_of_another_type_is_refused_with_its_key(kind, case):
    for key in importlib.import_module(f"{KINDS}.{kind}").Settings.model_fields:
        with pytest.raises(SettingsError, match=rf"^{kind}: {key}: expected"):
            open_sink({"kind": kind, **case.settings, key: {"a": object()}})


def test_a_secret_that_is_not_in_the_environment_is_named(kind, case, monkeypatch):
    schema = importlib.import_module(f"{KINDS}.{kind}").Settings
    names = [name for name in schema.model_fields if name.endswith("_env")]
    monkeypatch.delenv("LINESIDE_TEST_NOTHING", raising=False)
    for name in names:
        more = {"username": "line"} if kind == "mqtt" else {"url": "s3://bucket"} if kind == "objects" else {}
        with pytest.raises(SettingsError, match=rf"{kind}: {name}: .* LINESIDE_TEST_NOTHING"):
            open_sink({"kind": kind, **case.settings, **more, name: "LINESIDE_TEST_NOTHING"})
