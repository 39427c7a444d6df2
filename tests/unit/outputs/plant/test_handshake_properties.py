"""Whatever a control and a line do, in whatever order: no answer is lost, doubled, early or a PASS that nobody gave."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lineside.core.errors import OutputError
from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.codes import REASON_CODES, VERDICT_CODES
from lineside.outputs.plant.exchange import REFUSALS_KEPT
from lineside.outputs.plant.handshake import Handshake
from lineside.outputs.plant.link import LineState, PlantAnswer, PlantTrigger, TriggerRefused
from lineside.outputs.plant.settings import LinkSettings
from lineside.outputs.plant.signals import Control


class AnyOrder(RuleBasedStateMachine):
    @initialize(depth=st.integers(1, 4), lost=st.sampled_from(["next", "wait"]), known=st.booleans())
    def build(self, depth, lost, known):
        self.now_s = 0.0
        self.depth = depth
        self.control = Control()
        self.machine = Handshake(
            LinkSettings(depth=depth, lost_acknowledge=lost, acknowledge_timeout_s=1, answer_timeout_s=3),
            0.0,
            known=Control() if known else None,
        )
        self.machine.tell(LineState.READY)
        self.open = {}  # order -> trigger, as the line knows it
        self.given = {}  # order -> verdict, as the line gave it
        self.rises = 0
        self.taken = self.refused = 0
        self.shown = {}  # sequence -> the results as they were first seen
        self.forgotten_to = 0
        self.before = self.machine.status

    def note(self, events):
        for event in events:
            if isinstance(event, PlantTrigger):
                self.taken += 1
                self.open[event.order] = event
            self.refused += isinstance(event, TriggerRefused)

    @rule(
        trigger=st.booleans(),
        acknowledge=st.booleans(),
        reset=st.sampled_from([False] * 9 + [True]),
        number=st.integers(0, 3),
    )
    def control_writes(self, trigger, acknowledge, reset, number):
        self.control = replace(
            self.control, trigger=trigger, acknowledge=acknowledge, reset=reset, trigger_id=number
        )
        self.note(self.machine.observe(self.control, self.now_s))
        if reset:
            self.forgotten_to = self.taken + self.refused
        self.what_is_seen_holds()

    @rule()
    def control_toggles_the_trigger(self):
        for level in (False, True):
            self.control_writes(level, self.control.acknowledge, False, self.control.trigger_id)

    @rule()
    def control_reads_and_acknowledges(self):
        for level in (True, False):
            self.control_writes(self.control.trigger, level, False, self.control.trigger_id)

    @rule(which=st.integers(0, 9), verdict=st.sampled_from(Verdict))
    def line_answers(self, which, verdict):
        if not self.open:
            return
        order = sorted(self.open)[which % len(self.open)]
        trigger = self.open.pop(order)
        reason = Reason.LATE if verdict is Verdict.UNKNOWN else None
        answer = PlantAnswer(trigger.id, order, verdict, reason, order=order)
        try:
            self.note(self.machine.answer(answer, self.now_s))
        except OutputError:  # reset, or answered by the link because the line was slow
            return
        self.given[order] = verdict

    @rule(which=st.integers(1, 20))
    def line_answers_twice(self, which):
        if which in self.given:
            try:
                self.machine.answer(PlantAnswer(None, which, Verdict.PASS, None, order=which), self.now_s)
            except OutputError:
                return
            raise AssertionError("a second answer was taken")

    @rule(seconds=st.sampled_from([0.01, 0.6, 1.1, 3.5]))
    def time_goes_on(self, seconds):
        self.now_s += seconds
        self.note(self.machine.tick(self.now_s))

    @rule()
    def garbage_comes(self):
        self.note(self.machine.observe(None, self.now_s))

    @rule()
    def control_is_away_and_back(self):
        self.machine.away()
        self.machine.back(self.now_s)

    @rule(state=st.sampled_from([*LineState, *[LineState.READY] * 6]))
    def line_changes(self, state):
        self.machine.tell(state)

    @invariant()
    def what_is_seen_holds(self):
        status = self.machine.status
        if not status.results_valid:
            assert (status.verdict, status.reason, status.sequence, status.inspection) == (0, 0, 0, 0)
        else:
            order = status.sequence
            results = (status.verdict, status.reason, status.answered_id, status.inspection)
            assert self.shown.setdefault(order, results) == results
            assert order == max(self.shown), "the sequence only grows"
            if status.verdict == VERDICT_CODES[Verdict.PASS]:
                assert self.given[order] is Verdict.PASS
            elif order in self.given:
                assert status.verdict == VERDICT_CODES[self.given[order]]
            else:
                own = {REASON_CODES[Reason.TRIGGER_MISSED], REASON_CODES[Reason.INTERNAL_FAULT]}
                assert status.reason in own
        if self.before.results_valid and status.results_valid:
            assert self.before.sequence == status.sequence, "valid falls between two results"
        assert not (status.ready and self.control.reset)
        assert status.missed == self.refused
        self.before = status

    def teardown(self):
        """A control and a line that behave from now on get every answer that is owed."""
        if not hasattr(self, "machine"):
            return
        self.control_writes(False, False, False, 0)
        for _ in range(self.depth + REFUSALS_KEPT + 1):
            while self.open:
                self.line_answers(0, Verdict.FAIL)
            self.note(self.machine.tick(self.now_s))
            self.what_is_seen_holds()
            self.control_reads_and_acknowledges()
        assert not self.machine.status.busy
        assert not self.machine.status.results_valid
        for order in self.given:
            assert order in self.shown or order <= self.forgotten_to


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
