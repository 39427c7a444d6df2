"""Whatever breaks in a whole line: no affected part passes, each trigger is answered once, and all else is judged as ever."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

pytest.importorskip("pymodbus", reason="the extra modbus is not installed")

from chaos_faults import FAULTS, small_disk
from chaos_line import Chaos, said
from lineside.core.verdict import Verdict


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_passes_nothing_and_costs_only_its_own_parts(fault, tmp_path, baselines, engines, clean):
    with ExitStack() as stack:
        if any("small/" in str(change) for change in fault.changes.values()):
            stack.enter_context(small_disk(tmp_path / "small"))
        line = Chaos(tmp_path, baselines, engines(fault.engine), changes=fault.changes, control=fault.control)
        with line:
            line.parts(fault.before)
            with fault.run(line):
                line.parts(fault.parts, affected=bool(fault.reasons))
            line.wait_ready()
            line.parts(fault.after)
        line.check_once()
        line.check_kept()
        line.check_ejected()
    for number, answers in line.by_number().items():
        for answer in answers:
            if number in line.affected or answer is not answers[0]:
                check_affected(fault, answer, clean)
            else:
                assert said(answer) == clean[answer.part], f"part {answer.part} is not affected"


def check_affected(fault, answer, clean):
    """An affected part never passes unproven, and its reason is the right one."""
    if fault.may_judge and answer.verdict is Verdict.PASS:
        assert said(answer) == clean[answer.part]
        return
    if answer.verdict is Verdict.FAIL:  # what another camera has proven is proven
        assert clean[answer.part][0] is Verdict.FAIL
        return
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.reason in fault.reasons, answer.detail
    assert fault.hint in answer.detail
