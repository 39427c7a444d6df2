"""The numbers on the wire: complete, different, fail-safe, and never another meaning."""

from __future__ import annotations

from lineside.core.verdict import Reason, Verdict
from lineside.outputs.plant.codes import NO_REASON, REASON_CODES, VERDICT_CODES, reason_of, verdict_of


def test_every_verdict_and_every_reason_has_one_number():
    assert set(VERDICT_CODES) == set(Verdict)
    assert set(REASON_CODES) == set(Reason)
    assert len(set(VERDICT_CODES.values())) == len(VERDICT_CODES)
    assert len({NO_REASON, *REASON_CODES.values()}) == len(REASON_CODES) + 1


def test_a_register_that_nobody_wrote_is_a_reject():
    assert VERDICT_CODES[Verdict.UNKNOWN] == 0


def test_the_numbers_never_change():
    assert [(str(verdict), code) for verdict, code in VERDICT_CODES.items()] == [
        ("UNKNOWN", 0),
        ("PASS", 1),
        ("FAIL", 2),
    ]
    assert [str(reason) for reason in sorted(REASON_CODES, key=REASON_CODES.__getitem__)] == [
        "late",
        "no_frame",
        "image_unhealthy",
        "device_lost",
        "model_unhealthy",
        "rule_error",
        "truncated",
        "overload",
        "marginal",
        "trigger_missed",
        "recipe_unknown",
        "stopping",
        "internal_fault",
        "camera_unset",
    ]
    assert sorted(REASON_CODES.values()) == list(range(1, 15))


def test_a_number_without_a_meaning_is_unknown():
    assert all(verdict_of(code) is verdict for verdict, code in VERDICT_CODES.items())
    assert verdict_of(3) is Verdict.UNKNOWN
    assert verdict_of(65535) is Verdict.UNKNOWN
    assert reason_of(10) is Reason.TRIGGER_MISSED
    assert reason_of(0) is None
