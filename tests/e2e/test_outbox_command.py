"""`lineside outbox` as its user runs it, beside a running line and after it."""

from __future__ import annotations

import json

import pytest

from lineside.core.errors import RefusedParcelError
from lineside.outputs.outbox.durable import DurableOutbox
from lineside.outputs.outbox.settings import OutboxSettings
from parcels import Away, Collector, inspection
from peers import until


@pytest.fixture
def outbox(tmp_path):
    """An outbox that runs: one sink is away, the other refused the second of three results."""
    sink = Collector([None, RefusedParcelError("part: unknown")])
    settings = OutboxSettings(batch_s=0.002, first_pause_s=0.01)
    with DurableOutbox(
        tmp_path / "box", {"hall": sink, "office": Away()}, line="caps", run="r1", settings=settings
    ) as opened:
        for part in range(3):
            opened.offer(inspection(part))
        assert until(lambda: len(sink.keys) == 2 and opened.statistics().sinks["hall"].sent == 2)
        yield opened, sink


def test_what_waits_and_what_was_refused_is_shown_while_the_line_runs(cli, outbox):
    shown = cli("outbox", "box").stdout
    assert "hall" in shown
    assert "refused: caps/r1/1 for hall: part: unknown" in shown
    told = json.loads(cli("outbox", "box", "--json").stdout)
    assert (told["rows"], told["sinks"]["hall"]["aside"], told["sinks"]["office"]["waiting"]) == (3, 1, 3)


def test_what_was_refused_is_tried_again_by_the_running_line(cli, outbox):
    _, sink = outbox
    assert (
        "1 refused results are tried again" in cli("outbox", "box", "--retry-aside", "--sink", "hall").stdout
    )
    assert until(lambda: sink.keys == ["caps/r1/0", "caps/r1/2", "caps/r1/1"])


def test_what_was_refused_can_be_dropped(cli, outbox):
    assert "1 refused results were dropped" in cli("outbox", "box", "--drop-aside").stdout
    assert json.loads(cli("outbox", "box", "--json").stdout)["sinks"]["hall"]["aside"] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing"], 4, "expected the folder of an outbox"),
        (["box", "--retry-aside", "--drop-aside"], 2, "not both"),
        (["box", "--sink", "hall"], 2, "--retry-aside or --drop-aside"),
        (["box", "--drop-aside", "--sink", "hal"], 2, 'did you mean "hall"'),
    ],
)
def test_what_cannot_be_meant_is_refused(cli, outbox, words, code, said):
    assert said in cli("outbox", *words, code=code).stderr
