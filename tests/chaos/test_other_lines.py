"""The same for lines whose cameras are not asked: on the wire of a sensor, and running free."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("pymodbus", reason="the extra modbus is not installed")

from chaos_line import Free, Wired, said
from chaos_other_lines import FREE, RUN, WIRE, WIRED
from lineside.core.verdict import Verdict


def check_affected(fault, answer, reasons, expected):
    """It never passes; what a camera has proven all the same is proven."""
    if answer.verdict is Verdict.FAIL:
        assert expected[0] is Verdict.FAIL
        return
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.reason in reasons, answer.detail
    assert fault.hint in answer.detail


@pytest.mark.parametrize("fault", WIRED, ids=lambda fault: fault.name)
def test_a_fault_of_a_wired_line_costs_only_its_own_parts(fault, tmp_path, baselines, engines, clean):
    with Wired(tmp_path, baselines, engines("threads"), changes=WIRE) as line:
        line.parts(2)
        with fault.run(line) as affected:
            line.parts(2)
    line.check_kept()
    assert Counter(a.part for a in line.answers) == Counter(range(line.statistics.triggered))
    for answer in line.answers:
        if answer.part in affected:
            check_affected(fault, answer, {affected[answer.part]}, clean[answer.part])
        else:
            assert said(answer) == clean[answer.part], f"part {answer.part} is not affected: {answer.detail}"


@pytest.fixture(scope="module")
def free_clean(tmp_path_factory, baselines, engines):
    """What is said of each picture of a camera that runs free, where nothing breaks; by the number that it is drawn by."""
    with Free(tmp_path_factory.mktemp("free"), baselines, engines("threads"), changes=RUN) as line:
        line.wait_answered(20)
    line.check_kept()
    verdicts = {line.drawn(answer): said(answer) for answer in line.judged}
    assert {verdict for verdict, _, _ in verdicts.values()} == {Verdict.PASS, Verdict.FAIL}
    return verdicts


@pytest.mark.parametrize("fault", FREE, ids=lambda fault: fault.name)
def test_a_fault_of_a_line_that_runs_free_costs_only_its_own_pictures(
    fault, tmp_path, baselines, engines, free_clean
):
    with Free(tmp_path, baselines, engines("threads"), changes=RUN) as line:
        line.wait_answered(1)
        with fault.run(line):
            pass
        line.wait_well()
    line.check_kept()
    assert Counter(a.part for a in line.answers) == Counter(range(line.statistics.triggered))
    assert None in map(line.drawn, line.answers), "the fault cost something"
    for answer in line.judged:
        number = line.drawn(answer)
        if number is None:
            assert answer.verdict is Verdict.UNKNOWN
            check_affected(fault, answer, fault.reasons, None)
        else:
            assert said(answer) == free_clean[number], f"picture {number} is not affected"
