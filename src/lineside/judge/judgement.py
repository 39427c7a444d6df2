"""What is said of a part, by one rule or by all: three answers, and how several become one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineside.core.inspection import View

_OPPOSITE = {Verdict.PASS: Verdict.FAIL, Verdict.FAIL: Verdict.PASS, Verdict.UNKNOWN: Verdict.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules, or one of them, say of a part.

    Attributes:
        verdict: Of a rule: PASS where it is proven to hold, FAIL where it is proven to be broken, UNKNOWN for all else.
        reason: Why it is UNKNOWN, else `None`.
        detail: Its grounds as a sentence.

    Raises:
        SettingsError: UNKNOWN without a reason, or a reason without UNKNOWN.
    """

    verdict: Verdict
    reason: Reason | None
    detail: str

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.UNKNOWN) == (self.reason is None):
            raise SettingsError(
                f"Judgement: expected a reason for UNKNOWN and none else; got {self.verdict} and {self.reason}"
            )

    def within(self, place: str) -> Judgement:
        """The same, its detail with the place before it."""
        return Judgement(self.verdict, self.reason, f"{place}: {self.detail}")


class UndecidableError(Exception):
    """What a rule needs to know cannot be known of this part. It stays in this room, and becomes UNKNOWN.

    Args:
        detail: What is missing, as a sentence.
        reason: In one word.
    """

    def __init__(self, detail: str, reason: Reason = Reason.RULE_ERROR) -> None:
        super().__init__(detail)
        self.reason = reason


def holds(detail: str) -> Judgement:
    """The rule is proven to hold."""
    return Judgement(Verdict.PASS, None, detail)


def broken(detail: str) -> Judgement:
    """The rule is proven to be broken."""
    return Judgement(Verdict.FAIL, None, detail)


def unknown(reason: Reason, detail: str) -> Judgement:
    """Neither is proven."""
    return Judgement(Verdict.UNKNOWN, reason, detail)


def unproven(view: View) -> Judgement | None:
    """Why a view proves nothing; `None` where it has detections."""
    if view.detections is not None:
        return None
    return unknown(view.reason or Reason.INTERNAL_FAULT, f"{view.camera}: {view.detail or view.reason}")


def all_of(judgements: Sequence[Judgement]) -> Judgement:
    """Every one must hold: one FAIL is FAIL, else one UNKNOWN is UNKNOWN with the first reason.

    Of nothing nothing is proven: without any judgement it is UNKNOWN.
    """
    return _joined(judgements, decisive=Verdict.FAIL)


def any_of(judgements: Sequence[Judgement]) -> Judgement:
    """One must hold: one PASS is PASS, else one UNKNOWN is UNKNOWN with the first reason, and FAIL needs all to fail."""
    return _joined(judgements, decisive=Verdict.PASS)


def negated(judgement: Judgement) -> Judgement:
    """The opposite; what is not known stays so."""
    return Judgement(_OPPOSITE[judgement.verdict], judgement.reason, f"not: {judgement.detail}")


def _joined(judgements: Sequence[Judgement], *, decisive: Verdict) -> Judgement:
    """Kleene's three values (1938, "On notation for ordinal numbers"), with the grounds of what decided."""
    if not judgements:
        return unknown(Reason.RULE_ERROR, "there is nothing to judge")
    for verdict in (decisive, Verdict.UNKNOWN):
        decided = [one for one in judgements if one.verdict is verdict]
        if decided:
            return Judgement(verdict, decided[0].reason, joined(decided))
    return Judgement(_OPPOSITE[decisive], None, joined(judgements))


def joined(judgements: Sequence[Judgement]) -> str:
    """The grounds of several, each once."""
    return "; ".join(dict.fromkeys(one.detail for one in judgements if one.detail))
