from __future__ import annotations

import json

import pytest

from line_standins import make_detections, make_frame, make_truth
from lineside.core.inspection import Inspection, View
from lineside.core.verdict import Reason, Verdict
from lineside.line.record import RunRecord
from lineside.line.tally import Tally


def inspection(part, verdict, truth, reason=None, at_s=100.0, total_s=0.05):
    frame = make_frame(part, truth=make_truth(part, truth))
    known = {"reason": reason} if reason else {"detections": make_detections()}
    view = View("top", frame=frame, seconds={"capture": 0.01, "run": 0.02}, **known)
    return Inspection(part, verdict, reason, "so it is", (view,), at_s, at_s + total_s, at_s + 0.2, 0.001)


@pytest.fixture
def tally():
    tally = Tally(100.0)
    pairs = [
        (Verdict.PASS, Verdict.PASS),
        (Verdict.FAIL, Verdict.PASS),
        (Verdict.PASS, Verdict.FAIL),
        (Verdict.FAIL, Verdict.FAIL),
        (Verdict.PASS, Verdict.UNKNOWN),
        (Verdict.FAIL, Verdict.UNKNOWN),
    ]
    for part, (said, truth) in enumerate(pairs):
        tally.trigger()
        tally.answer(inspection(part, said, truth))
    tally.trigger()
    tally.answer(inspection(6, Verdict.UNKNOWN, Verdict.FAIL, Reason.LATE, total_s=0.2))
    return tally


def test_escapes_and_overkills_are_counted_and_unknown_truth_is_neither(tally):
    against = tally.snapshot(110.0).against
    assert (against.escapes, against.bad) == (1, 3)
    assert (against.overkills, against.good) == (1, 2)
    assert against.matrix[Verdict.FAIL][Verdict.UNKNOWN] == 1


def test_counts_reasons_and_the_rate(tally):
    now = tally.snapshot(110.0)
    assert now.verdicts == {Verdict.PASS: 3, Verdict.FAIL: 3, Verdict.UNKNOWN: 1}
    assert now.reasons == {Reason.LATE: 1}
    assert (now.triggered, now.answered) == (7, 7)
    assert now.parts_per_minute == pytest.approx(42)
    assert tally.snapshot(130.0).parts_per_minute == 0


def test_stage_times_are_told_as_median_and_p99(tally):
    stages = tally.snapshot(110.0).stages
    assert set(stages) == {"capture", "run", "judge", "total"}
    assert stages["run"].p50_s == pytest.approx(0.02)
    assert stages["total"].p50_s == pytest.approx(0.05)
    assert 0.05 < stages["total"].p99_s <= 0.2
    assert stages["total"].count == 7


def test_a_snapshot_does_not_change_when_the_line_goes_on(tally):
    before = tally.snapshot(110.0)
    tally.answer(inspection(7, Verdict.PASS, Verdict.PASS))
    tally.note(111.0, "camera.lost", "camera top is lost")
    assert before.verdicts[Verdict.PASS] == 3
    assert before.events == ()
    assert tally.snapshot(111.0).events[0].at_s == pytest.approx(11.0)


def test_time_stands_still_after_the_end(tally):
    tally.end(110.0)
    assert tally.snapshot(500.0).elapsed_s == pytest.approx(10.0)


def test_a_late_result_is_counted_and_its_stages_took_their_time(tally):
    tally.late()
    tally.late({"run": 0.5})
    now = tally.snapshot(110.0)
    assert now.late_results == 2
    assert now.stages["run"].count == 8
    assert now.answered == 7


def test_the_latest_parts_come_first(tally):
    recent = tally.snapshot(110.0).recent
    assert [part.part for part in recent] == [6, 5, 4, 3, 2, 1, 0]
    assert recent[0].reason is Reason.LATE


def test_statistics_become_json(tally):
    document = json.loads(json.dumps(tally.snapshot(110.0).to_dict()))
    assert document["verdicts"]["PASS"] == 3
    assert document["truth"]["escapes"] == 1
    assert document["stages_ms"]["run"]["p50"] == pytest.approx(20)


def test_a_record_keeps_one_row_a_part_with_its_truth_and_times():
    record = RunRecord()
    record(inspection(0, Verdict.PASS, Verdict.FAIL, at_s=50.0))
    record(inspection(1, Verdict.UNKNOWN, Verdict.PASS, Reason.LATE, at_s=51.5))
    assert [(row.part, row.at_s, row.truth) for row in record.rows] == [
        (0, 0.0, Verdict.FAIL),
        (1, 1.5, Verdict.PASS),
    ]
    assert record.rows[0].seconds["run"] == (0.02,)
