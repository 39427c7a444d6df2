"""One part judged many times."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside import Detections, Size
from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason, Verdict
from lineside.evaluation.repeatability import Look, Spread, StudiedPart, capability, lower_bound
from lineside.evaluation.repeatability_drawing import drawing
from lineside.judge.calibration import Plane

SIZE = Size(height=200, width=300)
NAMES = ("scratch", "dent")


def seen(*rows, size=SIZE):
    """Detections of (class, confidence, box)."""
    return Detections(
        np.array([box for *_, box in rows], np.float32).reshape(-1, 4),
        np.array([confidence for _, confidence, _ in rows], np.float32),
        np.array([NAMES.index(name) for name, *_ in rows], np.int32),
        NAMES,
        size,
    )


def look(*rows, verdict=Verdict.FAIL, reason=None, view="top"):
    return Look(verdict, reason, {view: seen(*rows)})


def test_an_object_is_found_again_in_every_look_whatever_its_row():
    dent, scratch = ("dent", 0.8, (100, 100, 140, 130)), ("scratch", 0.9, (10, 10, 60, 20))
    part = StudiedPart.of("cap", [look(dent, scratch), look(scratch, dent), look(scratch), look(dent)])
    assert [(one.name, one.looks) for one in part.objects] == [("scratch", (0, 1, 2)), ("dent", (0, 1, 3))]


def test_two_of_one_class_are_two_objects():
    left, right = ("dent", 0.8, (10, 10, 50, 50)), ("dent", 0.8, (30, 10, 70, 50))
    part = StudiedPart.of("cap", [look(left, right), look(right, left)])
    assert [one.looks for one in part.objects] == [(0, 1), (0, 1)]
    assert {float(one.boxes[0, 0]) for one in part.objects} == {10.0, 30.0}
    assert all(float(np.ptp(one.boxes[:, 0])) == 0 for one in part.objects)


def test_one_that_lies_elsewhere_or_is_of_another_view_or_class_is_another():
    here, there = ("dent", 0.8, (10, 10, 50, 50)), ("dent", 0.8, (110, 10, 150, 50))
    looks = [look(here), look(there), look(here, view="side"), look(("scratch", 0.8, (10, 10, 50, 50)))]
    assert [one.looks for one in StudiedPart.of("cap", looks).objects] == [(0,), (1,), (2,), (3,)]


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=30), st.floats(0.1, 0.9))
def test_the_spread_is_that_of_what_moved(moves, confidence):
    looks = [look(("dent", confidence, (50 + d, 60, 100 + d, 90))) for d in moves]
    (one,) = StudiedPart.of("cap", looks).objects
    edges = one.edges()
    assert edges["left"].std == pytest.approx(float(np.std(moves, ddof=1)), abs=1e-4)
    assert edges["left"].std == pytest.approx(edges["right"].std, abs=1e-4)
    assert edges["top"].std == edges["bottom"].std == 0
    assert one.sides("px")["width"].mean == pytest.approx(50, abs=1e-3)


def test_a_calibrated_view_is_measured_in_millimetres():
    plane = Plane(np.diag([0.1, 0.1, 1.0]), SIZE)
    looks = [look(("dent", 0.5, (50, 60, 100 + d, 90)), view="top/1") for d in (0, 1, 2)]
    (one,) = StudiedPart.of("cap", looks, {"top": plane}).objects
    assert one.sides("mm")["width"].mean == pytest.approx(5.1)
    assert one.sides("mm")["width"].std == pytest.approx(0.1)
    assert one.edges_std_mm()["right"] == pytest.approx(0.1)
    assert one.edges_std_mm()["left"] == 0
    (other,) = StudiedPart.of("cap", looks, {"top": Plane(np.eye(3), Size(9, 9))}).objects
    assert (other.sides("mm"), other.edges_std_mm()) == ({}, {})


def test_verdicts_that_differ_are_not_repeatable():
    looks = [look(verdict=Verdict.PASS)] * 48 + [
        look(),
        look(verdict=Verdict.UNKNOWN, reason=Reason.MARGINAL),
    ]
    part = StudiedPart.of("cap", looks)
    assert not part.is_repeatable
    assert part.agreeing == 48
    assert part.verdicts[Verdict.UNKNOWN, Reason.MARGINAL] == 1
    assert StudiedPart.of("cap", looks[:48]).is_repeatable


def test_fifty_of_fifty_prove_no_more_than_they_can():
    assert lower_bound(50, 50) == pytest.approx(0.05 ** (1 / 50), abs=1e-9)
    assert lower_bound(0, 50) == 0
    assert lower_bound(48, 50) == pytest.approx(0.8794, abs=1e-3)
    assert lower_bound(9_990, 10_000) < 0.999


def test_capability_is_a_fifth_of_the_tolerance_over_six_deviations():
    assert capability(Spread(5, 0.01, 4.9, 5.1), 0.4) == pytest.approx(0.2 * 0.4 / 0.06)
    assert capability(Spread(5, 0, 5, 5), 0.4) is None


def test_a_part_without_a_look_is_refused():
    with pytest.raises(SettingsError, match="at least one look"):
        StudiedPart.of("cap", [])


def test_the_drawing_holds_each_look_and_what_a_name_says_is_text():
    looks = [look(("dent", 0.5 + n / 100, (50, 60, 100 + n, 90))) for n in range(5)] + [
        look(verdict=Verdict.PASS)
    ]
    text = drawing([StudiedPart.of("<cap> & co", looks), StudiedPart.of("one", [look()])])
    root = ET.fromstring(text)
    tips = [e.text for e in root.iter() if e.tag.endswith("title")]
    assert tips == [*(f"look {n}: FAIL" for n in range(5)), "look 5: PASS", "look 0: FAIL"]
    assert "<cap> & co: 5 of 6 looks agree" in "".join(root.itertext())
    assert "nan" not in text
