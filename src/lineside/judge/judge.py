"""The judge: FAIL where something forbidden is proven, PASS where everything is, UNKNOWN for all else."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lineside.core import plugins
from lineside.core.errors import SettingsError
from lineside.core.verdict import Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineside.core.detections import Detections
    from lineside.core.inspection import View

KINDS = "lineside.judge.rules"
"""The folder of the rule kinds, and the entry point group for more of them."""

_log = logging.getLogger(__name__)


class Rule(Protocol):
    """What may be seen in a picture of a good part. It is quick, keeps no state and reads no clock."""

    @property
    def min_confidence(self) -> float:
        """The rule looks at no object whose confidence is not above it, 0 to 1."""

    def violation(self, detections: Detections) -> str | None:
        """What breaks the rule in one view, as words; `None` where it holds."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a part.

    Attributes:
        verdict: The verdict.
        reason: Why it is UNKNOWN, else `None`.
        detail: Its grounds as a sentence.
    """

    verdict: Verdict
    reason: Reason | None
    detail: str


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why one view proves nothing."""

    reason: Reason
    detail: str


def open_rule(settings: Mapping[str, Any], names: Sequence[str]) -> Rule:
    """The rule that a table describes.

    Args:
        settings: `kind`, the name of a plug-in, and the settings of that kind.
        names: The model's class names.

    Raises:
        SettingsError: There is no kind, or a setting of it is not accepted.
        PluginError: No such kind of rule exists.
    """
    if "kind" not in settings:
        raise SettingsError(
            f"rule: expected a kind: {', '.join(plugins.names(KINDS))}; got {dict(settings)!r}"
        )
    rest = {key: value for key, value in settings.items() if key != "kind"}
    rule: Rule = plugins.load(KINDS, str(settings["kind"])).make(rest, tuple(names))
    return rule


class Judge:
    """The rules of one product over the views of its cameras.

    A proven violation is FAIL, also where another camera is missing. PASS needs detections from every camera,
    complete ones, and every rule evaluated on each of them. All else is UNKNOWN with the first reason.

    Args:
        rules: At least one.
        names: The class names of the model that the rules were made for.
        cameras: Names of the cameras whose views a part needs, at least one.

    Attributes:
        min_confidence: The lowest that any rule looks at: run the detector with it.

    Raises:
        SettingsError: There is no rule or no camera, or a camera is named twice.
    """

    def __init__(self, rules: Sequence[Rule], *, names: Sequence[str], cameras: Sequence[str]) -> None:
        if not rules:
            raise SettingsError("judge: expected at least one rule; without any, every part would pass")
        if not cameras or len(set(cameras)) < len(cameras):
            raise SettingsError(
                f"judge: expected cameras of different names, at least one; got {list(cameras)}"
            )
        self.rules = tuple(rules)
        self.names = tuple(names)
        self.cameras = tuple(cameras)
        self.min_confidence = min(rule.min_confidence for rule in self.rules)

    def __call__(self, views: Sequence[View]) -> Judgement:
        """The judgement on a part.

        Args:
            views: Those of its cameras; one that is missing is a reason for UNKNOWN.
        """
        missing = set(self.cameras) - {view.camera for view in views}
        violations: list[str] = []
        doubts = [_Doubt(Reason.NO_FRAME, f"{name}: no view") for name in self.cameras if name in missing]
        for view in views:
            for found in self._look(view):
                if isinstance(found, _Doubt):
                    doubts.append(found)
                else:
                    violations.append(found)
        if violations:
            return Judgement(Verdict.FAIL, None, "; ".join([*violations, *(d.detail for d in doubts)]))
        if doubts:
            return Judgement(Verdict.UNKNOWN, doubts[0].reason, "; ".join(d.detail for d in doubts))
        return Judgement(Verdict.PASS, None, f"nothing forbidden in {', '.join(self.cameras)}")

    def _look(self, view: View) -> Iterator[str | _Doubt]:
        """The violations in one view, and what keeps it from being a proof."""
        detections = view.detections
        if detections is None:
            yield _Doubt(view.reason or Reason.INTERNAL_FAULT, f"{view.camera}: {view.detail or view.reason}")
            return
        if detections.names != self.names:
            yield _Doubt(
                Reason.MODEL_UNHEALTHY,
                f"{view.camera}: the rules were made for the classes {', '.join(self.names)}; the model's are "
                f"{', '.join(detections.names)}",
            )
            return
        found = [answer for rule in self.rules if (answer := _evaluated(rule, view.camera, detections))]
        yield from found
        if detections.truncated and not found:
            yield _Doubt(
                Reason.TRUNCATED,
                f"{view.camera}: more was detected than a picture's limit of {len(detections)} lets through",
            )


def _evaluated(rule: Rule, camera: str, detections: Detections) -> str | _Doubt | None:
    """A rule's violation in a view; a doubt where the rule itself fails."""
    kind = type(rule).__name__
    try:
        answer = rule.violation(detections)
    except Exception as fault:  # noqa: BLE001 # a rule may be a stranger's code: its fault is UNKNOWN, never PASS
        _log.warning("the rule %s failed on the view of %s", kind, camera, exc_info=fault)
        return _Doubt(Reason.RULE_ERROR, f"{camera}: the rule {kind} failed: {type(fault).__name__}: {fault}")
    if answer is None:
        return None
    if not isinstance(answer, str) or not answer:
        return _Doubt(
            Reason.RULE_ERROR, f"{camera}: the rule {kind} answered {answer!r}; expected words or None"
        )
    return f"{camera}: {answer}"
