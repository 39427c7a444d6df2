from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.core.errors import OutputError, SettingsError
from lineside.core.verdict import Verdict
from lineside.line.belt import Belt
from lineside.line.ejector import Ejector, EjectorSettings, Track


class Valve:
    """Keeps when it was switched, by the time that the test has."""

    def __init__(self):
        self.now_s = 0.0
        self.log = []
        self.is_closed = False
        self.is_stuck = False

    def set(self, *, on):
        if self.is_stuck:
            raise OutputError("the valve is stuck")
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
        events.append((part * 0.3, lambda part=part: ejector.expect(part, part * 0.3, valve.now_s)))
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
        (0.0, lambda: ejector.expect(4, 0.0, 0.0)),
        (1.5, lambda: ejector.decide(4, Verdict.PASS)),
    )
    assert [(round(at_s, 6), on) for at_s, on in valve.log] == [(1.0, True), (1.1, False)]
    assert [code for code, _ in notes] == ["ejector.undecided"]
    assert "part 4" in notes[0][1]


def test_pulses_of_parts_that_are_close_together_are_one():
    ejector, valve, _ = made()
    events = [
        (n * 0.05, lambda n=n: (ejector.expect(n, n * 0.05, valve.now_s), ejector.decide(n, Verdict.FAIL)))
        for n in range(3)
    ]
    run(ejector, valve, 5.0, *events)
    assert [(round(at_s, 6), on) for at_s, on in valve.log] == [(1.0, True), (1.2, False)]


def test_a_good_part_that_comes_while_the_ejector_moves_for_another_is_told():
    ejector, valve, notes = made()
    for part, (at_s, verdict) in enumerate([(0.0, Verdict.FAIL), (0.05, Verdict.PASS), (0.2, Verdict.PASS)]):
        ejector.expect(part, at_s, 0.0)
        ejector.decide(part, verdict)
    run(ejector, valve, 5.0)
    assert [on for _, on in valve.log] == [True, False]
    assert (ejector.ejected, ejector.swept) == (1, 1)
    assert [code for code, _ in notes] == ["ejector.swept"]
    assert "part 1 has passed" in notes[0][1]


@pytest.mark.parametrize(("late_s", "is_told"), [(0.0, False), (0.049, False), (0.051, True), (3.0, True)])
def test_a_part_that_may_be_past_the_ejector_before_it_moved_is_told_and_it_moves_all_the_same(
    late_s, is_told
):
    ejector, valve, notes = made()
    ejector.expect(7, 0.0, 0.0)
    ejector.decide(7, Verdict.FAIL)
    ejector.work(0.5)
    ejector.work(1.0 + late_s)
    assert [on for _, on in valve.log] == [True]
    assert ejector.latest_s == pytest.approx(late_s)
    assert ejector.late == is_told
    assert [code for code, _ in notes] == ["ejector.late"] * is_told


def test_the_heartbeat_changes_as_long_as_the_loop_goes_round_and_rests_when_it_hangs():
    heart = Valve()
    ejector, _, _ = made(heartbeat=heart)
    for tick in range(1000):
        now_s = heart.now_s = tick * 0.01
        if now_s < 2.0 or now_s >= 8.0:
            assert ejector.alive(now_s) == pytest.approx(now_s + 0.25)
        ejector.work(now_s)
    beats = [at_s for at_s, _ in heart.log]
    assert [at_s for at_s in beats if at_s < 2.0] == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert not [at_s for at_s in beats if 2.0 + 0.5 < at_s < 8.0], (
        "no beat later than one after the last turn"
    )
    assert min(at_s for at_s in beats if at_s > 3.0) == pytest.approx(8.0)
    assert [on for _, on in heart.log] == [n % 2 == 0 for n in range(len(beats))]


def test_parts_are_ejected_while_the_loop_hangs():
    heart = Valve()
    ejector, valve, notes = made(heartbeat=heart)
    ejector.alive(0.0)
    ejector.expect(1, 0.0, 0.0)
    ejector.expect(2, 5.0, 5.0)
    run(ejector, valve, 10.0)
    assert [(round(at_s, 6), on) for at_s, on in valve.log if on] == [(1.0, True), (6.0, True)]
    assert [code for code, _ in notes] == ["ejector.undecided"] * 2


def test_a_valve_that_cannot_be_switched_is_tried_again_and_the_heartbeat_rests_for_three_beats_more():
    heart = Valve()
    ejector, valve, _ = made(heartbeat=heart)
    ejector.expect(1, 0.0, 0.0)
    valve.is_stuck = True
    for now_s in (1.0, 1.01, 1.02, 1.5, 2.0):
        ejector.alive(now_s)
        with pytest.raises(OutputError, match="stuck"):
            ejector.work(now_s)
    assert heart.log == []
    valve.is_stuck = False
    for now_s in (2.1, 3.4):
        ejector.alive(now_s)
        ejector.work(now_s)
    assert [on for _, on in valve.log] == [False]
    assert heart.log == []
    ejector.alive(3.6)
    ejector.work(3.6)
    assert len(heart.log) == 1


def test_after_a_part_that_may_be_past_it_the_heartbeat_leaves_out_three_beats():
    heart = Valve()
    ejector, valve, _ = made(heartbeat=heart)
    for now_s in (0.0, 0.5):
        ejector.alive(now_s)
        ejector.work(now_s)
    ejector.expect(1, 0.0, 0.0)
    beats = len(heart.log)
    for now_s in (1.2, 1.8, 2.6):  # the first of them 0.2 s after the part was there
        ejector.alive(now_s)
        ejector.work(now_s)
    assert valve.log[0] == (0.0, True)
    assert len(heart.log) == beats
    ejector.alive(2.8)
    ejector.work(2.8)
    assert len(heart.log) == beats + 1


def test_closing_lets_go_of_both_outputs():
    heart = Valve()
    ejector, valve, _ = made(heartbeat=heart)
    ejector.close()
    assert heart.is_closed
    assert valve.is_closed


class Encoder:
    """A belt of 10 pulses a second, from 100 on."""

    def __init__(self):
        self.count = 100.0
        self.fault = None

    def __call__(self):
        if self.fault:
            raise OutputError(self.fault)
        return self.count


def by_encoder(**more):
    valve, notes, belt = Valve(), [], Encoder()
    settings = EjectorSettings(delay=20.0, pulse_s=0.1)
    ejector = Ejector(settings, valve, note=lambda *what: notes.append(what), position=belt, **more)
    return ejector, valve, notes, belt


def test_by_an_encoder_a_part_is_where_the_belt_has_carried_it_whatever_the_time():
    ejector, valve, notes, belt = by_encoder()
    ejector.expect(0, 0.0, 0.0)
    ejector.decide(0, Verdict.FAIL)
    assert ejector.work(0.0) == pytest.approx(0.002)
    belt.count = 119.0
    ejector.work(100.0)
    assert valve.log == []
    belt.count = 120.0
    ejector.work(100.002)
    assert [on for _, on in valve.log] == [True]
    assert notes == []


def test_by_an_encoder_a_part_is_where_its_trigger_was_and_not_where_the_belt_is_when_it_is_heard():
    ejector, valve, _, belt = by_encoder()
    for tick in range(11):
        belt.count = 100.0 + tick
        ejector.work(tick * 0.1)
    ejector.expect(0, 0.35, 1.0)  # a picture that took 650 ms: it was taken at 103.5
    ejector.decide(0, Verdict.FAIL)
    belt.count = 123.4
    ejector.work(1.2)
    assert valve.log == []
    belt.count = 123.5
    ejector.work(1.21)
    assert [on for _, on in valve.log] == [True]


@pytest.mark.parametrize("reset_to", [0.0, 4_000_000.0])
def test_after_an_encoder_was_reset_everything_is_ejected_until_the_lost_parts_are_past(reset_to):
    ejector, valve, notes, belt = by_encoder()
    ejector.work(0.0)
    ejector.expect(0, 0.0, 0.0)
    ejector.decide(0, Verdict.FAIL)
    belt.count = reset_to
    ejector.work(0.1)
    assert [on for _, on in valve.log] == [True]
    assert ejector.ejected == 1
    belt.count = reset_to + 19.0
    ejector.work(2.0)
    assert not ejector.is_idle
    belt.count = reset_to + 20.0
    ejector.work(2.1)
    assert [on for _, on in valve.log] == [True, False]
    assert [code for code, _ in notes] == ["ejector.blind", "ejector.sighted"]
    assert "1 parts were on their way" in notes[0][1]


def test_without_an_encoder_everything_is_ejected_the_heartbeat_rests_and_no_part_is_lost_to_the_line():
    heart = Valve()
    ejector, valve, notes, belt = by_encoder(heartbeat=heart)
    ejector.alive(0.0)
    ejector.work(0.0)
    belt.fault = "the encoder is out"
    ejector.expect(0, 0.0, 0.1)  # does not raise: the line still has to answer the part
    for now_s in (0.6, 1.2, 1.8):
        ejector.alive(now_s)
        with pytest.raises(OutputError, match="the encoder is out"):
            ejector.work(now_s)
    assert [on for _, on in valve.log] == [True]
    assert len(heart.log) == 1
    belt.fault = None
    for now_s, count in ((2.0, 105.0), (3.0, 124.0), (4.0, 125.0)):
        belt.count = count
        ejector.alive(now_s)
        ejector.work(now_s)
    assert [on for _, on in valve.log] == [True, False]
    assert len(heart.log) == 4
    assert [code for code, _ in notes] == ["ejector.blind", "ejector.sighted"]


def test_an_encoder_that_stands_still_while_parts_come_is_told_and_the_heartbeat_rests():
    heart = Valve()
    ejector, _, notes, belt = by_encoder(heartbeat=heart)
    ejector.expect(0, 0.0, 0.0)
    ejector.expect(1, 0.5, 0.5)
    ejector.alive(0.5)
    with pytest.raises(OutputError, match="stands still at 100"):
        ejector.work(0.5)
    assert [code for code, _ in notes] == ["ejector.standstill"]
    belt.count = 101.0
    ejector.work(0.6)
    assert len(heart.log) == 1


def test_a_belt_that_slips_back_a_little_is_no_reset():
    belt = Belt(1000.0)
    belt.take(500.0, 0.0)
    assert not belt.objection(490.0)
    assert "from 500 to 489" in belt.objection(489.0)
    assert "from 500 to 1500" in belt.objection(1500.0)


@given(st.lists(st.tuples(st.floats(0.001, 1), st.floats(0, 10)), min_size=1, max_size=20), st.floats(0, 1))
def test_a_place_between_two_readings_is_between_their_counts(steps, share):
    belt, now_s, count = Belt(1e9), 0.0, 0.0
    belt.take(count, now_s)
    for step_s, pulses in steps:
        before_s, before = now_s, count
        now_s, count = now_s + step_s, count + pulses
        belt.take(count, now_s)
        place = belt.place_at(before_s + share * (now_s - before_s))
        assert before - 1e-9 <= place <= count + 1e-9
    assert belt.place_at(-1.0) == 0.0
    assert belt.place_at(now_s + 1) == count


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
    assert Counter(one.part for one in arrived) == Counter(range(len(parts)))
    assert all(bool(one.may_pass) is (parts[one.part][1] is Verdict.PASS) for one in arrived)
    assert track.next_place == float("inf")


@pytest.mark.parametrize("wrong", [{"delay": 0}, {"pulse_s": -1}, {"heartbeat_s": float("inf")}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"ejector: {next(iter(wrong))}"):
        EjectorSettings(**({"delay": 1.0} | wrong))
