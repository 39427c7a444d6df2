"""`line.toml`: what is right is taken, and every key that is wrong is refused with its file and its path."""

from __future__ import annotations

import copy
import math
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from lineside.capture.camera import TriggerMode
from lineside.core import plugins
from lineside.core.errors import LinesideError, PluginError, SettingsError
from lineside.line.settings.document import LineDocument
from lineside.line.settings.reading import LineSettings
from lineside.outputs import parcel
from lineside.outputs.plant import link

FILE = Path("plant/line.toml")
WHOLE = {
    "schema": 1,
    "line": {
        "name": "caps",
        "deadline_ms": 20.0,
        "parts_per_minute": 120.0,
        "join_ms": 5.0,
        "grace_ms": 5.0,
        "least_ms": 100.0,
        "health_file": "health.json",
    },
    "camera": [
        {
            "id": "top",
            "source": "synthetic:cap?camera=top",
            "trigger": "software",
            "delivery": "every_part",
            "shots": 2,
            "fps": 10.0,
            "timeout_s": 2.0,
            "limit_px": 1_000_000,
            "features": {},
            "health": {"focus": 0.1},
            "adjust": {"rotate": 90},
        },
        {"id": "side", "source": "rtsp://127.0.0.1/a", "trigger": "software"},
    ],
    "model": {"path": "shipped:plant", "confidence": 0.2, "nms": {"kind": "iou", "threshold": 0.5}},
    "rule": [{"kind": "forbid", "min_confidence": 0.4}],
    "devices": {
        "priority": ["cpu"],
        "routing": "earliest_completion",
        "demotion": "prefer",
        "isolation": "auto",
    },
    "plant": [{"kind": "modbus_server", "port": 0}],
    "ejector": {
        "delay_ms": 500.0,
        "pulse_ms": 40.0,
        "heartbeat_ms": 500.0,
        "output": {"kind": "file", "path": "/sys/class/leds/a/brightness"},
        "heartbeat": {"kind": "file", "path": "/sys/class/leds/b/brightness"},
    },
    "output": [{"kind": "csv", "path": "results"}, {"name": "kept", "kind": "folder", "path": "kept"}],
    "outbox": {"folder": "outbox", "capacity": 10},
    "trace": {"folder": "trace", "capacity": 10},
    "view": {
        "to": "http://127.0.0.1:8080",
        "viewers": 4,
        "hosts": ["line-1.plant"],
        "width_px": 640,
        "fps": 5.0,
    },
}


def read(**changes):
    return LineSettings.of(copy.deepcopy(WHOLE) | changes, FILE)


def test_a_whole_document_is_taken():
    settings = read()
    assert settings.trigger is TriggerMode.SOFTWARE
    assert settings.views == {"top/1": "top", "top/2": "top", "side": "side"}
    assert settings.join_s == 0.005
    assert list(settings.outputs) == ["csv", "kept"]
    assert settings.model_path == "shipped:plant"
    assert settings.path("health.json") == Path("plant/health.json")
    assert settings.camera(settings.document.camera[0]).address == "synthetic:cap?camera=top"


def test_one_table_may_stand_where_several_may():
    settings = read(plant={"kind": "modbus_server"}, output={"kind": "csv", "path": "r"})
    assert len(settings.document.plant) == len(settings.document.output) == 1


def test_paths_are_relative_to_the_file():
    table = {"id": "top", "source": "folder:parts", "trigger": "software"}
    settings = read(camera=[table])
    assert settings.camera(settings.document.camera[0]).address == "folder:plant/parts"


def keys(schema, table, path=()):
    """Every key of the tables, with where it stands, its schema and whether it may be left out."""
    for name, field in schema.model_fields.items():
        key = field.alias or name
        here = (*path, key)
        yield here, field
        inner = next((m for m in models(field.annotation)), None)
        value = table.get(key) if isinstance(table, dict) else None
        if inner is not None and isinstance(value, dict):
            yield from keys(inner, value, here)
        elif inner is not None and isinstance(value, list):
            yield from keys(inner, value[0], (*here, 0))


def models(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def shown(path):
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def changed(path, value=None, *, rename=None):
    document = copy.deepcopy(WHOLE)
    place = document
    for part in path[:-1]:
        place = place[part]
    if rename is None:
        place[path[-1]] = value
    else:
        place[rename] = place.pop(path[-1], 1)
    return document


def refused(document):
    with pytest.raises(LinesideError) as refusal:
        LineSettings.of(document, FILE)
    assert isinstance(refusal.value, SettingsError | PluginError)
    return str(refusal.value)


ALL = list(keys(LineDocument, WHOLE))
ANY = [{"zz": 1}, [["x"]], [None]]


def wrong_values(field):
    """What the type of a key cannot be, as TOML could give it."""
    text = str(field.annotation)
    values = list(ANY)
    if "float" in text or "int" in text:
        values += ["x", -1.5]
    elif "bool" not in text:
        values += [7, True, -1.5]
    if field.is_required() or "None" not in text:
        values.append(None)
    return values


def test_every_key_of_the_schema_stands_in_the_document_that_is_wrong_once():
    paths = {shown(path) for path, _ in ALL}
    assert {
        "line.deadline_ms",
        "camera[0].trigger",
        "devices.priority",
        "ejector.output",
        "outbox.keep",
    } <= paths
    assert len(paths) > 50


@pytest.mark.parametrize(("path", "field"), ALL, ids=[shown(path) for path, _ in ALL])
@given(data=st.data())
def test_every_key_wrong_once_is_refused_with_file_and_path(path, field, data):
    message = refused(changed(path, data.draw(st.sampled_from(wrong_values(field)))))
    assert message.startswith(f"{FILE}: ")
    assert shown(path) in message
    assert any(word in message for word in ("expected", "no such", "missing"))


NUMBERS = [
    path
    for path, field in ALL
    if {"int", "float"} & set(re.findall(r"\w+", str(field.annotation)))
    and "str" not in re.findall(r"\w+", str(field.annotation))
]


def test_the_numbers_of_every_table_are_looked_at():
    assert {path[0] for path in NUMBERS} >= {
        "schema",
        "line",
        "camera",
        "model",
        "ejector",
        "outbox",
        "trace",
    }
    assert {("camera", 0, "health", "focus"), ("camera", 0, "adjust", "mask_value")} <= set(NUMBERS)
    assert len(NUMBERS) > 40


@pytest.mark.parametrize("path", NUMBERS, ids=shown)
@pytest.mark.parametrize("value", ["20", "1", "nan", True, math.nan, math.inf, -math.inf, [1], {"a": 1}])
def test_a_number_is_a_finite_number_and_no_text(path, value):
    message = refused(changed(path, value))
    assert message.startswith(f"{FILE}: {shown(path)}")
    assert "expected" in message or "no such key" in message


PLUG_INS = [(kinds, name) for kinds in (link.KINDS, parcel.KINDS) for name in plugins.names(kinds)]


@pytest.mark.parametrize(("kinds", "name"), PLUG_INS, ids=[name for _, name in PLUG_INS])
@pytest.mark.parametrize("value", ["20", True, math.nan, math.inf])
def test_a_number_of_a_plug_in_is_a_finite_number_and_no_text(kinds, name, value):
    schema = plugins.load(kinds, name).Settings
    for key, field in schema.model_fields.items():
        words = set(re.findall(r"\w+", str(field.annotation)))
        if words & {"int", "float"} and "str" not in words:
            with pytest.raises(ValidationError) as refusal:
                schema.model_validate({key: value})
            assert key in {one["loc"][0] for one in refusal.value.errors()}, key


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=shown)
def test_every_key_misspelt_once_is_refused_with_the_near_one(path):
    rename = f"{path[-1]}x"
    message = refused(changed(path, rename=rename))
    assert message.startswith(f"{FILE}: ")
    assert shown((*path[:-1], rename)) in message or "missing" in message
    assert f'"{path[-1]}"' in message or "missing" in message


WRONG = {
    "two cameras with one id": ({"camera": [WHOLE["camera"][1]] * 2}, "camera[1].id"),
    "no camera": ({"camera": []}, "camera"),
    "a kind of camera that is none": (
        {"camera": [{"id": "a", "source": "rtps://x", "trigger": "software"}]},
        'or "rtsp"',
    ),
    "an address without a kind": (
        {"camera": [{"id": "a", "source": "parts", "trigger": "software"}]},
        "camera[0].source",
    ),
    "a camera's option that is none": (
        {"camera": [{"id": "a", "source": "synthetic:cap", "trigger": "software", "features": {"gain": 1}}]},
        "camera[0].features",
    ),
    "no model and no recipes": ({"model": None}, "got neither"),
    "a model and recipes": ({"recipes": {"folder": "recipes"}}, "got both"),
    "recipes and rules": ({"model": None, "recipes": {"folder": "recipes"}}, "rule"),
    "no rule": ({"rule": []}, "every part would pass"),
    "a rule of no kind": ({"rule": [{"kind": "forbit"}]}, 'did you mean "forbid"'),
    "a rule's key that is none": ({"rule": [{"kind": "forbid", "min_confidense": 0.4}]}, "rule[0]"),
    "an output of no kind": ({"output": [{"path": "x"}]}, "output[0].kind"),
    "an unknown output": ({"output": [{"kind": "csw", "path": "x"}]}, 'did you mean "csv"'),
    "an output's key that is none": ({"output": [{"kind": "csv", "paht": "x"}]}, 'did you mean "path"'),
    "two outputs of one name": ({"output": [{"kind": "csv", "path": "x"}] * 2}, "output[1].name"),
    "a link of no kind": ({"plant": [{"port": 1}]}, "plant[0].kind"),
    "a port that is none": ({"plant": [{"kind": "modbus_server", "port": 70000}]}, "plant[0]"),
    "an ejector before the answer": (
        {"ejector": WHOLE["ejector"] | {"delay_ms": 10.0}},
        "expected at least the line's deadline",
    ),
    "an ejector by pulses without an encoder": (
        {"ejector": {"delay_pulses": 10.0, "output": WHOLE["ejector"]["output"]}},
        "ejector.encoder",
    ),
    "an ejector's output of no kind": ({"ejector": {"delay_ms": 90.0, "output": {}}}, "ejector.output.kind"),
    "no rate": ({"line": {"name": "caps"}}, "line.parts_per_minute"),
    "another schema": ({"schema": 2}, "schema"),
    "a policy that is none": ({"devices": {"routing": "least_bussy"}}, 'did you mean "least_busy"'),
    "a device twice": (
        {"devices": {"priority": ["cpu", "cpu"]}},
        "devices.priority: cpu stands in the list twice",
    ),
    "a view that leads nowhere": ({"view": {"to": "shift.avi"}}, "view.to: view: expected a folder"),
    "a view at a port that is none": ({"view": {"to": "70000"}}, "a port from 0 to 65535"),
    "a device that is no word": ({"devices": {"priority": ["cuda:"]}}, "devices.priority: expected provider"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_refused(case):
    changes, hint = WRONG[case]
    document = {key: value for key, value in (copy.deepcopy(WHOLE) | changes).items() if value is not None}
    message = refused(document)
    assert message.startswith(f"{FILE}: ")
    assert hint in message


def test_triggers_of_two_kinds_are_refused():
    cameras = [
        {"id": "a", "source": "synthetic:cap", "trigger": "software"},
        {"id": "b", "source": "synthetic:cap", "trigger": "plc"},
    ]
    assert "camera[1].trigger" in refused(copy.deepcopy(WHOLE) | {"camera": cameras})
    cameras = [
        camera | {"trigger": trigger} for camera, trigger in zip(cameras, ("free", "hardware"), strict=True)
    ]
    read(camera=cameras)


WIRED = {
    "camera": [{"id": "a", "source": "synthetic:cap", "trigger": "hardware"}],
    "line": {"name": "caps", "deadline_ms": 200.0, "pair_ms": 30.0, "pair_lag_ms": 10.0},
}


def test_wired_cameras_whose_parts_the_control_names_are_taken():
    settings = read(**WIRED)
    assert settings.trigger is TriggerMode.HARDWARE
    assert settings.document.line.pair_lag_ms == 10.0
    assert settings.grace_s == 0.1


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"camera": [WHOLE["camera"][1] | {"trigger": "free"}]}, 'camera[0] has "free"'),
        ({"plant": []}, "plant: this table is missing; with line.pair_ms"),
        ({"line": WIRED["line"] | {"pair_ms": 100.0}}, "line.pair_ms: expected pair_ms, grace_ms"),
        ({"line": WIRED["line"] | {"pair_lag_ms": -80.0}}, "line.pair_ms: expected pair_ms, grace_ms"),
        ({"line": WIRED["line"] | {"pair_ms": 0.0}}, "line.pair_ms"),
        (
            {"line": {"name": "caps", "pair_lag_ms": 1.0}},
            "line.pair_lag_ms: expected pair_ms beside it",
        ),
    ],
)
def test_a_pairing_that_cannot_work_is_refused(changes, hint):
    assert hint in refused(copy.deepcopy(WHOLE) | WIRED | changes)


def test_a_plc_needs_its_link():
    table = [{"id": "a", "source": "synthetic:cap", "trigger": "plc"}]
    assert "plant: this table is missing" in refused(copy.deepcopy(WHOLE) | {"camera": table, "plant": []})


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"schema = ", "line.toml: expected TOML"),
        (b"\xff\xfe", "line.toml: expected TOML"),
        (b"#" * (1 << 21), "at most"),
        (b"", "line.toml: schema: this key is missing"),
    ],
)
def test_a_file_that_is_none_is_refused(data, hint, tmp_path):
    (tmp_path / "line.toml").write_bytes(data)
    with pytest.raises(SettingsError, match=hint):
        LineSettings.read(tmp_path / "line.toml")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        LineSettings.read(tmp_path / "line.toml")
