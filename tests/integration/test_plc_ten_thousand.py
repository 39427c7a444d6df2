"""Ten thousand parts over Modbus: each trigger is answered once, with its own answer, whatever the control does in between."""

from __future__ import annotations

from lineside.outputs.plant.codes import VERDICT_CODES
from plc_rig import running

PARTS = 10_000


def test_ten_thousand_triggers_get_ten_thousand_answers():
    with running("modbus_server", depth=2) as rig:
        for number in range(1, PARTS + 1):
            rig.plc.part_in_haste(number)
            if (
                number % 1000 == 0
            ):  # a double trigger: a second one before the first is answered, and a third too many
                rig.plc.set(acknowledge=False)
                rig.line.holds = True
                for extra in (1, 2, 3):
                    rig.plc.trigger(number + extra * 1_000_000)
                rig.line.holds = False
                rig.line.give()
                rig.line.give()
                for _ in range(3):
                    rig.plc.acknowledge()
                rig.plc.wait(lambda status: status.ready, "ready")
        rig.plc.set(acknowledge=False)
        answers = rig.plc.answers
        triggers = [number for n in range(1, PARTS + 1) for number in _triggers(n)]
        assert [status.answered_id for status in answers] == triggers, "one each, in order"
        assert [status.sequence for status in answers] == list(range(1, len(triggers) + 1)), (
            "no gap, none twice"
        )
        refused = [status for status in answers if status.answered_id > 3_000_000]
        assert len(refused) == len(rig.line.refused) == PARTS // 1000
        said = {answer.trigger: answer for answer in rig.line.given}
        for status in answers:
            if status in refused:
                assert (status.verdict, status.inspection) == (0, 0)
            else:
                answer = said.pop(status.answered_id)
                assert (status.verdict, status.inspection) == (
                    VERDICT_CODES[answer.verdict],
                    answer.inspection,
                )
        assert not said


def _triggers(number):
    return (number,) if number % 1000 else (number, *(number + extra * 1_000_000 for extra in (1, 2, 3)))
