"""The terminal of a running line: all that an engineer asks for, on 80 columns and without colours."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lineside.cli.run_screen import screen
from lineside.core.verdict import Reason, Verdict
from lineside.line.statistics import DeviceRow
from lineside.line.tally import Tally
from viewers import lost, part

DEVICES = (
    DeviceRow(
        "gpu0", "quarantined", "CUDA error 700: the card fell off the bus", faults=2, runs="cuda:0, process"
    ),
    DeviceRow("cpu", runs="cpu, thread"),
)
HEALTH = {
    "line": "caps",
    "state": "fault",
    "loop_age_s": 0.1,
    "alarms": ["device gpu0 is quarantined: CUDA error 700", "camera side: no picture came for 1.0 s"],
    "cameras": {
        "top": {"state": "well", "away": "", "age_s": 0.21, "frames": 312, "fps": 4.97, "missed": 0},
        "side": {
            "state": "waiting",
            "away": "no picture came for 1.0 s",
            "age_s": 31.2,
            "frames": 12,
            "fps": 0.0,
            "missed": 3,
        },
        "back": {"state": "opening", "away": "", "age_s": None, "frames": 0, "fps": 0.0, "missed": 0},
    },
    "links": [{"kind": "modbus_server", "away": "the control hung up"}, {"kind": "mqtt", "away": ""}],
    "outbox": {
        "rows": 431,
        "bytes": 12_300_000,
        "dropped": 0,
        "aside": 2,
        "waiting": {"webhook": 431, "csv": 0},
        "faults": {"webhook": "connection refused"},
    },
}


def statistics():
    tally = Tally(0.0)
    tally.note(1.0, "camera.lost", "camera side: no picture came for 1.0 s")
    for number in range(20):
        tally.trigger()
        tally.answer(part(number, verdict=Verdict.PASS, at_s=float(number)))
    tally.trigger()
    tally.answer(part(20, lost(), verdict=Verdict.UNKNOWN, reason=Reason.NO_FRAME, at_s=20.0))
    return tally.snapshot(30.0, devices=DEVICES)


def shown(health=HEALTH, *, width=80, height=40, **how):
    console = Console(file=io.StringIO(), width=width, height=height, **how)
    console.print(screen(statistics(), health, height=height))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize(
    "how", [{}, {"force_terminal": True, "no_color": True}, {"color_system": None, "force_terminal": True}]
)
def test_every_line_fits_and_says_it_in_words(width, how):
    text = shown(width=width, **how)
    if not how:
        assert max(map(len, text.splitlines())) <= width
    for word in (
        "fault",
        "quarantined",
        "lost",
        "away",
        "fails",
        "never",
        "31.2 s",
        "431",
        "cuda:0, process",
        "UNKNOWN",
    ):
        assert word in text, word


def test_no_colour_is_asked_for_where_none_is_wanted():
    assert "\x1b[3" not in shown(force_terminal=True, no_color=True)
    assert "\x1b" not in shown()


def test_it_has_stage_times_and_rates():
    text = shown()
    for word in ("p50 ms", "p99 ms", "preprocess", "total", "parts/min", "12.3 MB", "2 put aside", "5.0"):
        assert word in text, word


def test_on_a_small_terminal_the_alarms_come_first_and_old_parts_give_way():
    lines = shown(height=24).splitlines()
    assert lines[1].startswith("! device gpu0")
    assert lines[2].startswith("! camera side")
    assert sum(" PASS " in line for line in lines) < sum(
        " PASS " in line for line in shown(height=60).splitlines()
    )


def test_alarms_without_end_do_not_push_everything_off_the_screen():
    text = shown(HEALTH | {"alarms": [f"camera {n}: away" for n in range(40)]})
    assert "and 35 more alarms" in text
    assert "cuda:0, process" in text


def test_an_outbox_that_cannot_be_read_is_told():
    assert "cannot be read" in shown(HEALTH | {"outbox": {"fault": "outbox.db: cannot be read"}})


def test_a_line_without_links_and_outputs_says_nothing_of_them():
    assert "outbox" not in shown(HEALTH | {"outbox": None, "links": []})
