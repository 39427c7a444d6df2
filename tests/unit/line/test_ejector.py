from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import OutputError, SettingsError
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


class Jammed(Valve):
    """Does not move until a moment."""

    until_s = 0.0

    def set(self, *, on):
        if self.now_s < self.until_s:
            raise OutputError("the driver is gone")
        super().set(on=on)


def bad_part(ejector, part=0, at_s=0.0):
    ejector.expect(part, at_s)
    ejector.decide(part, Verdict.FAIL)


def test_a_valve_that_does_not_move_silences_the_heartbeat_until_it_does_and_for_three_beats_more():
    valve, heart, notes = Jammed(), Valve(), []
    settings = EjectorSettings(delay=1.0, pulse_s=0.1, heartbeat_s=0.2)
    ejector = Ejector(settings, valve, note=lambda *what: notes.append(what), heartbeat=heart)
    bad_part(ejector)
    now_s = 0.0
    valve.until_s = 2.0
    while now_s < 4.0:
        valve.now_s = heart.now_s = now_s
        wake_s = ejector.work(now_s)
        assert bool(ejector.trouble) is (1.0 <= now_s < 2.0)
        now_s = max(now_s + 0.01, min(wake_s, now_s + 0.25))
    assert [code for code, _ in notes] == ["ejector.failed", "ejector.back"]
    assert "take off the line" in notes[0][1]
    silent = [at_s for at_s, _ in heart.log if 1.0 <= at_s < 2.5]
    assert silent == []
    assert heart.log[-1][0] > 3.5


def test_a_part_whose_moment_is_over_is_told_and_silences_the_heartbeat():
    heart = Valve()
    ejector, _, notes = made(heartbeat=heart)
    bad_part(ejector, part=7)
    ejector.work(0.0)
    ejector.work(1.3)  # whoever calls it was held up
    assert [code for code, _ in notes] == ["ejector.missed"]
    assert "part 7 was to be ejected 300 ms ago" in notes[0][1]
    assert ejector.trouble
    assert ejector.ejected == 0
    beats = len(heart.log)
    ejector.work(2.7)
    assert len(heart.log) == beats
    ejector.work(2.9)
    assert (len(heart.log), ejector.trouble) == (beats + 1, "")


def test_a_heartbeat_that_cannot_be_switched_holds_up_no_part():
    heart = Jammed()
    heart.until_s = 10.0
    ejector, valve, notes = made(heartbeat=heart)
    bad_part(ejector)
    run(ejector, valve, 3.0)
    assert [(round(at_s, 6), on) for at_s, on in valve.log] == [(1.0, True), (1.1, False)]
    assert [code for code, _ in notes] == ["ejector.failed"]


def test_while_the_encoder_cannot_be_read_everything_is_ejected_and_until_what_came_then_is_past():
    belt = [0.0]

    def position():
        if belt[0] is None:
            raise OutputError("count: expected an encoder's count")
        return belt[0]

    ejector, valve, notes = made(position=position)
    ejector.work(0.0)
    belt[0] = None
    ejector.expect(0, 0.1)
    ejector.decide(0, Verdict.FAIL)
    assert ejector.work(0.1) <= 0.2
    assert [on for _, on in valve.log] == [True]
    assert "everything is ejected" in ejector.trouble
    belt[0] = 5.0
    ejector.work(0.2)
    assert not ejector.is_clear(0.2)
    belt[0] = 5.9
    ejector.work(0.3)
    assert [on for _, on in valve.log] == [True]
    belt[0] = 6.0
    ejector.work(0.4)
    assert [on for _, on in valve.log] == [True, False]
    assert ejector.is_clear(0.4)
    assert [code for code, _ in notes] == ["ejector.failed", "ejector.undecided", "ejector.back"]


def test_it_is_clear_when_no_part_comes_that_must_not_pass():
    ejector, _, _ = made()
    assert ejector.is_clear(0.0)
    ejector.expect(0, 0.0)
    assert not ejector.is_clear(0.0)
    ejector.decide(0, Verdict.PASS)
    assert ejector.is_clear(0.0)
    bad_part(ejector, 1, 0.5)
    ejector.work(1.5)
    assert not ejector.is_clear(1.5), "it is moving"
    ejector.work(1.6)
    assert ejector.is_clear(1.6)


def test_a_belt_that_stands_brings_nothing_and_is_not_waited_for():
    belt = [0.0]
    ejector, _, _ = made(position=lambda: belt[0])
    bad_part(ejector)
    ejector.work(0.1)
    assert not ejector.is_clear(0.1)
    belt[0] = 0.5
    ejector.work(1.5)
    assert not ejector.is_clear(3.4)
    assert ejector.is_clear(3.6)


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
