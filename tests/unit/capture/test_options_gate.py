"""Who may open a stream at once, as OpenCV has one set of options for the whole process."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from lineside.capture.stream.options import VARIABLE, OptionsGate
from lineside.core.errors import SourceError

PATIENCE_S = 10


def test_the_options_stand_while_a_stream_is_opened_and_what_was_there_comes_back():
    environment = {VARIABLE: "mine"}
    gate = OptionsGate(environment)
    with gate.held("a;1", 1), gate.held("a;1", 1):
        assert environment[VARIABLE] == "a;1"
    assert environment[VARIABLE] == "mine"


def test_nothing_is_left_where_nothing_was():
    environment = {}
    with OptionsGate(environment).held("a;1", 1):
        assert environment == {VARIABLE: "a;1"}
    assert environment == {}


def test_other_options_wait_for_their_turn():
    environment, entered = {}, Event()
    gate = OptionsGate(environment)

    def other():
        with gate.held("b;2", PATIENCE_S):
            assert environment[VARIABLE] == "b;2"
            entered.set()

    with gate.held("a;1", 1):
        thread = Thread(target=other, daemon=True)
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(PATIENCE_S)
    thread.join(PATIENCE_S)
    assert environment == {}


def test_who_waits_too_long_is_told_why():
    gate = OptionsGate({})
    with gate.held("a;1", 1), pytest.raises(SourceError, match="pyav"), gate.held("b;2", 0.01):
        pass
