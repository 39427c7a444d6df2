from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import SettingsError
from lineside.core.verdict import Verdict
from lineside.line.ejector import Ejector, EjectorSettings, Track


class Valve:
    """Keeps when it was switched, by the time that the test has."""

    def __init__(self):
        self.now_s = 0.0
        self.log = []
        self.is_closed = False

    def set(self, *, on):
        self.log.append((self.now_s, on))

    def close(self):
        self.is_closed = True


def run(ejector, valve, until_s, *events):
    """Let time go by, each event at its moment."""
    due = sorted(events, key=lambda event: event[0])
    while True:
        wake_s = ejector.work(valve.now_s)
        next_s = min(wake_s, due[0][0] if due else float("inf"))
        if next_s > until_s:
            return
        valve.now_s = max(next_s, valve.now_s)
        while due and due[0][0] <= valve.now_s:
            due.pop(0)[1]()


def made(**more):
    valve, notes = Valve(), []
    settings = EjectorSettings(delay=1.0, pulse_s=0.1)
    return Ejector(settings, valve, note=lambda *what: notes.append(what), **more), valve, notes


def test_a_part_that_did_not_pass_is_ejected_when_it_is_there_and_the_others_are_not():
    ejector, valve, notes = made()
    events = []
    for part, verdict in enumerate((Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)):
        events.append((part * 0.3, lambda part=part: ejector.expect(part, part * 0.3)))
        events.append((part * 0.3 + 0.2, lambda part=part, verdict=verdict: ejector.decide(part, verdict)))
    run(ejector, valve, 5.0, *events)
    assert [(round(at_s, 6), on) for at_s, on in valve.log] == [
        (1.3, True),
        (1.4, False),
        (1.6, True),
        (1.7, False),
    ]
    assert (ejector.ejected, notes) == (2, [])


def test_a_part_without_an_answer_is_ejected_and_told():
    ejector, valve, notes = made()
    run(
        ejector,
        valve,
        3.0,
        (0.0, lambda: ejector.expect(4, 0.0)),
        (1.5, lambda: ejector.decide(4, Verdict.PASS)),
    )
    assert [(round(at_s, 6), on) for at_s, on in valve.log] == [(1.0, True), (1.1, False)]
    assert [code for code, _ in notes] == ["ejector.undecided"]
    assert "part 4" in notes[0][1]


def test_pulses_of_parts_that_are_close_together_are_one():
    ejector, valve, _ = made()
    events = [
        (n * 0.05, lambda n=n: (ejector.expect(n, n * 0.05), ejector.decide(n, Verdict.FAIL)))
        for n in range(3)
    ]
    run(ejector, valve, 5.0, *events)
    assert [(round(at_s, 6), on) for at_s, on in valve.log] == [(1.0, True), (1.2, False)]


def test_the_heartbeat_changes_as_long_as_the_line_works():
    heart = Valve()
    ejector, valve, _ = made(heartbeat=heart)
    run(ejector, valve, 2.0)
    assert [on for _, on in heart.log] == [True, False] * 2 + [True]
    ejector.close()
    assert heart.is_closed
    assert valve.is_closed


def test_by_an_encoder_a_part_is_where_the_belt_has_carried_it():
    belt = [0.0]
    ejector, valve, _ = made(position=lambda: belt[0])
    ejector.expect(0, 123.0)
    ejector.decide(0, Verdict.FAIL)
    assert ejector.work(0.0) == pytest.approx(0.002)
    belt[0] = 0.9
    ejector.work(10.0)
    assert valve.log == []
    belt[0] = 1.0
    ejector.work(11.0)
    assert [on for _, on in valve.log] == [True]


@given(
    st.lists(st.tuples(st.floats(0, 100), st.sampled_from([*Verdict, None])), max_size=30),
    st.lists(st.floats(0, 200), max_size=10),
)
def test_every_part_arrives_once_in_order_and_passes_only_on_its_own_pass(parts, looks):
    track = Track(10.0)
    for part, (at_s, verdict) in enumerate(parts):
        track.expect(part, at_s)
        if verdict is not None:
            track.decide(part, verdict)
    arrived = [one for place in [*sorted(looks), 1e9] for one in track.arrivals(place)]
    assert Counter(part for part, _ in arrived) == Counter(range(len(parts)))
    assert all(bool(may_pass) is (parts[part][1] is Verdict.PASS) for part, may_pass in arrived)
    assert track.next_place == float("inf")


@pytest.mark.parametrize("wrong", [{"delay": 0}, {"pulse_s": -1}, {"heartbeat_s": float("inf")}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"ejector: {next(iter(wrong))}"):
        EjectorSettings(**({"delay": 1.0} | wrong))
